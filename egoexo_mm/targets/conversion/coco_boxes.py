"""Results of a COCO detector into boxes of videos.

A results file is a list of ``{"image_id", "category_id", "bbox": [x, y, width, height], "score"}``
in pixels. What the ids mean is in the annotation file that the detector was run on: ``images``
with ``id``, ``file_name``, ``width`` and ``height``, and ``categories`` with ``id`` and ``name``.
Source of the format: https://cocodataset.org/#format-results and https://cocodataset.org/#format-data
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from egoexo_mm.interaction_maps import HAND, OBJECT, UNKNOWN
from egoexo_mm.untrusted import quote, quote_names

from ..store.errors import TargetStoreError
from .frame_sizes import FrameSize
from .video_boxes import (
    SIDE_OF_WORD,
    FrameNames,
    VideoBoxes,
    read_json,
    take,
    take_box,
    take_number,
    take_score,
)


def read_coco(
    results: str | Path,
    annotations: str | Path,
    *,
    names: FrameNames | None = None,
    hand_classes: Collection[str] = (),
    object_classes: Collection[str] = (),
    fps: float = 0.0,
) -> dict[str, VideoBoxes]:
    """Boxes by video id. Every video with an image is in it, those without boxes too.

    Args:
        results: The results file.
        annotations: The annotation file with the images and categories.
        names: How an image name tells video and frame.
        hand_classes: Names of the categories that are hands. By default those with the word
            ``hand`` or ``hands``. The words ``left`` and ``right`` tell the side.
        object_classes: Names of those that are held objects; ``'*'`` is all others. By default
            those with a word that ends in ``object``. Other categories are left out.
        fps: Frame rate; 0 is unknown.

    Raises:
        TargetStoreError: A file is damaged or names an unknown id or category.
    """
    names = names or FrameNames()
    content = read_json(annotations)
    kinds = _kinds(content, annotations, set(hand_classes), set(object_classes))
    videos: dict[str, VideoBoxes] = {}
    images = {}
    for i, image in enumerate(take(content, 'images', list, str(annotations))):
        where = f'{annotations}, images[{i}]'
        video_id, frame = names.split(take(image, 'file_name', str, where), where)
        size = tuple(take(image, side, int, where) for side in ('width', 'height'))
        if min(size) < 1:
            raise TargetStoreError(f'{where}: its size is {size}, expected pixels; correct it')
        videos.setdefault(video_id, VideoBoxes(FrameSize(*size, fps=fps)))
        image_id, found = _identity(image, 'id', where), (videos[video_id], frame, size)
        if images.setdefault(image_id, found) != found:
            raise _comes_twice(where, image_id, 'image')
    detections = read_json(results)
    if not isinstance(detections, list):
        raise TargetStoreError(
            f'{results}: holds {quote(detections)}, expected a list of detections; give the '
            'results file'
        )
    for i, detection in enumerate(detections):
        where = f'{results}, [{i}]'
        category, image_id = (
            _identity(detection, name, where) for name in ('category_id', 'image_id')
        )
        for name, value, known in (
            ('category_id', category, kinds),
            ('image_id', image_id, images),
        ):
            if value not in known:
                raise TargetStoreError(
                    f'{where}: {name} {quote(value)} is not in {annotations}, expected one of its '
                    'ids; give the annotation file that the detector was run on'
                )
        if kinds[category] is None:
            continue
        boxes, frame, size = images[image_id]
        kind, side = kinds[category]
        bbox = take(detection, 'bbox', list, where)
        if len(bbox) == 4:
            x, y, width, height = (take_number(value, 'bbox', where) for value in bbox)
            bbox = [x, y, x + width, y + height]
        box = take_box(bbox, size, where)
        boxes.add(frame, kind, box, score=take_score(detection.get('score'), where), side=side)
    return videos


def _identity(item: dict, name: str, where: str) -> int | str:
    """An id, a number or a text."""
    if isinstance(item, dict) and isinstance(item.get(name), str):
        return item[name]
    return take(item, name, int, where)


def _comes_twice(where: str, identity: int | str, what: str) -> TargetStoreError:
    return TargetStoreError(
        f'{where}: id {quote(identity)} is that of another {what} before; where files were put '
        'together, convert each with its own results, or number one anew'
    )


def _kinds(
    content: dict, path: str | Path, hands: set[str], objects: set[str]
) -> dict[int | str, tuple[int, int] | None]:
    """Category id -> (kind, side), None for a category to leave out."""
    categories = {}
    for i, category in enumerate(take(content, 'categories', list, str(path))):
        where = f'{path}, categories[{i}]'
        identity, name = _identity(category, 'id', where), take(category, 'name', str, where)
        if categories.setdefault(identity, name) != name:
            raise _comes_twice(where, identity, 'category')
    known = set(categories.values())
    absent = sorted((hands | objects) - known - {'*'})
    if absent:
        raise TargetStoreError(
            f'{path}: has no category {quote_names(absent)}, expected some of '
            f'{quote_names(sorted(known))}; correct the names'
        )
    kinds = {}
    for identity, name in categories.items():
        words = re.findall('[a-z]+', name.lower())
        side = next((SIDE_OF_WORD[word] for word in words if word in SIDE_OF_WORD), UNKNOWN)
        if name in hands if hands else {'hand', 'hands'} & set(words):
            kinds[identity] = HAND, side
        elif (
            name in objects or '*' in objects
            if objects
            else any(word.endswith('object') for word in words)
        ):
            kinds[identity] = OBJECT, UNKNOWN
        else:
            kinds[identity] = None
    if not any(kinds.values()):
        raise TargetStoreError(
            f'{path}: no category is a hand or an object: {quote_names(sorted(known))}; name them '
            '(--hand-classes, --object-classes)'
        )
    return kinds
