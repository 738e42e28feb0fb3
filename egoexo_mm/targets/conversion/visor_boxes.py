"""The annotations of EPIC-KITCHENS VISOR (Darkhalil et al. 2022) as boxes.

One ``<video>.json`` per video: ``video_annotations`` lists ``{"image": {"name", "video"},
"annotations": [...]}``. An annotation is a mask: ``id``, ``name``, ``segments`` (polygons of
``[x, y]``) and, for hands and worn gloves, ``in_contact_object``: the id of a mask,
``hand-not-in-contact`` (``glove-not-in-contact``), ``none-of-the-above`` or ``inconclusive``.
Gloves have ``on_which_hand``. Sparse annotations are in pixels of 1920x1080, those of
``<video>_interpolations.json`` of 854x480. Frames count from 1 and may differ from the released
ones of EPIC-KITCHENS; ``frame_mapping.json`` (video -> name -> released name) tells. Source:
https://github.com/epic-kitchens/VISOR-VIS (README) and https://github.com/epic-kitchens/VISOR-HOS
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from egoexo_mm.interaction_maps import HAND, OBJECT, UNKNOWN
from egoexo_mm.untrusted import quote
from egoexo_mm.video.names import files_below

from ..store.errors import TargetStoreError
from .box_files import BoxesReport, convert_videos
from .epic_boxes import epic_fps
from .frame_sizes import FrameSize
from .video_boxes import (
    SIDE_OF_WORD,
    Box,
    FrameNames,
    VideoBoxes,
    read_json,
    store_manifest,
    take,
    take_box,
)

_SPARSE, _DENSE, _DENSE_SUFFIX = (1920, 1080), (854, 480), '_interpolations'
_HANDS = {'left hand': 0, 'right hand': 1}
_NO_CONTACT = ('hand-not-in-contact', 'glove-not-in-contact')
_NOT_KNOWN = ('none-of-the-above', 'inconclusive', None)
_FRAME_NAMES = r'(?P<video>P\d\d_\d{2,3})_frame_(?P<frame>\d{1,10})\.\w+$'


def convert_visor(
    folder: str | Path,
    out: str | Path,
    *,
    mapping: str | Path | None = None,
    dataset: str = 'epic100',
    teacher: str | None = None,
    hold: int = 0,
    skip_bad: bool = False,
) -> BoxesReport:
    """Turn a folder of annotation files into a store; a second run continues the first.

    Args:
        folder: Folder with ``<video>.json`` or ``<video>_interpolations.json``, at any depth.
        out: Folder of the store, new or begun with the same arguments.
        mapping: ``frame_mapping.json``; without it the frame numbers of VISOR are kept.
        dataset: For the manifest.
        teacher: For the manifest.
        hold: See :func:`.video_boxes.convert_boxes_of_videos`.
        skip_bad: List a bad file in ``failed.jsonl`` and go on, instead of stopping.

    Raises:
        TargetStoreError: No files, two for one video, or a file that is damaged or something else.
    """
    folder = Path(folder)
    sources: dict[str, Path] = {}
    for path in sorted(files_below(folder)):
        if path.suffix == '.json' and path.name != 'frame_mapping.json':
            first = sources.setdefault(path.stem.replace(_DENSE_SUFFIX, ''), path)
            if first != path:
                raise TargetStoreError(f'{first} and {path} are of one video; remove one of them')
    if not sources:
        raise TargetStoreError(f'{folder}: no .json files; give the folder of <video>.json')
    released = {} if mapping is None else read_json(mapping)
    notes = 'frame numbers of VISOR' if mapping is None else 'frame numbers of EPIC-KITCHENS'

    def read(path: Path, video_id: str) -> dict[str, Any]:
        frames = None if mapping is None else take(released, video_id, dict, str(mapping))
        return read_visor(path, frames).columns(str(path), hold=hold)

    return convert_videos(
        list(sources.items()),
        out,
        store_manifest(dataset, teacher or 'VISOR annotations', notes, hold=hold),
        read,
        label=f'convert {folder.name}',
        skip_bad=skip_bad,
        rows_per_shard=64,
    )


def read_visor(path: Path, released: dict[str, Any] | None = None) -> VideoBoxes:
    """Boxes of hands, worn gloves and what they touch, of one annotation file.

    A hand and the glove on it are one box. A hand that touches an object has an unknown contact,
    since VISOR does not say whether the object can be moved, and an offset to the object.

    Args:
        path: ``<video>.json`` or ``<video>_interpolations.json``.
        released: VISOR's frame name -> released frame name.

    Raises:
        TargetStoreError: The file is damaged, of another format or of another video.
    """
    dense = path.stem.endswith(_DENSE_SUFFIX)
    video_id = path.stem.replace(_DENSE_SUFFIX, '')
    boxes = VideoBoxes(FrameSize(*(_DENSE if dense else _SPARSE), fps=epic_fps(video_id)))
    for i, item in enumerate(take(read_json(path), 'video_annotations', list, str(path))):
        where = f'{path}, video_annotations[{i}]'
        name = take(take(item, 'image', dict, where), 'name', str, f'{where} image')
        found, frame = FrameNames(_FRAME_NAMES).split(name, where)
        if found != video_id:
            raise TargetStoreError(
                f'{where}: is of video {quote(found)}, but the file name says {quote(video_id)}; '
                'rename the file'
            )
        if released is not None:
            frame = _released_frame(released, name.replace('.png', '.jpg'), where)
        _add_frame(boxes, frame, take(item, 'annotations', list, where), where)
    return boxes


def _released_frame(released: dict[str, Any], name: str, where: str) -> int:
    number = released.get(name)
    if not isinstance(number, str):
        raise TargetStoreError(
            f'{where}: {quote(name)} is not in the frame mapping; give the frame_mapping.json that '
            'belongs to these annotations'
        )
    return FrameNames(r'(?P<video>frame)_(?P<frame>\d{1,10})\.\w+$').split(number, where)[1]


def _add_frame(boxes: VideoBoxes, frame: int, masks: list, where: str) -> None:
    """Add what the hands of a frame are and touch."""
    entities: dict[str, tuple[dict, Box | None]] = {}
    for i, mask in enumerate(masks):
        place = f'{where} annotations[{i}]'
        identity = take(mask, 'id', str, place)
        take(mask, 'name', str, place)
        entities[identity] = mask, _box_of(take(mask, 'segments', list, place), boxes, place)
    bare = [mask for mask, _ in entities.values() if mask['name'] in _HANDS]
    gloves = {
        identity: mask for identity, (mask, _) in entities.items() if mask.get('on_which_hand')
    }
    for hand in bare:
        parts = [hand]
        touched = hand.get('in_contact_object')
        if isinstance(touched, str) and touched in gloves:  # the glove it wears
            parts.append(gloves.pop(touched))
        _add_hand(boxes, frame, parts, _HANDS[hand['name']], entities, where)
    for glove in gloves.values():
        _add_hand(boxes, frame, [glove], _side(glove['on_which_hand']), entities, where)


def _add_hand(
    boxes: VideoBoxes, frame: int, parts: list[dict], side: int, entities: dict, where: str
) -> None:
    """Add a hand, a hand and its glove, or a glove; and the object that the last part touches."""
    box = _union(entities[part['id']][1] for part in parts)
    touched = parts[-1].get('in_contact_object')
    contact, offset = (0 if touched in _NO_CONTACT else UNKNOWN), (math.nan, math.nan)
    if touched not in (*_NO_CONTACT, *_NOT_KNOWN):
        if not isinstance(touched, str) or touched not in entities:
            raise TargetStoreError(
                f'{where}: in_contact_object is {quote(touched)}, expected the id of a mask of '
                'this frame or one of '
                f'{", ".join((*_NO_CONTACT, *filter(None, _NOT_KNOWN)))}; correct it'
            )
        held = entities[touched][1]
        if held is not None:
            boxes.add(frame, OBJECT, held)
            offset = box.offset(held) if box is not None else offset
    if box is not None:
        boxes.add(frame, HAND, box, side=side, contact=contact, offset=offset)


def _side(hands: Any) -> int:
    """Side of a glove; unknown where it is on both hands."""
    text = ' '.join(map(str, hands)) if isinstance(hands, list) else str(hands)
    sides = {SIDE_OF_WORD[word] for word in text.split() if word in SIDE_OF_WORD}
    return sides.pop() if len(sides) == 1 else UNKNOWN


def _box_of(polygons: list, boxes: VideoBoxes, where: str) -> Box | None:
    """The box around polygons; None where there are no points."""
    found = []
    for polygon in polygons:
        points = polygon if isinstance(polygon, list) else [polygon]
        for point in points:
            if not isinstance(point, list) or len(point) != 2:
                raise TargetStoreError(
                    f'{where}: segments have the point {quote(point)}, expected [x, y]; correct it'
                )
            found.append(take_box([*point, *point], boxes.size[:2], where, name='segments'))
    return _union(found)


def _union(boxes: Iterable[Box | None]) -> Box | None:
    corners = list(zip(*(box for box in boxes if box is not None)))
    return Box(*map(min, corners[:2]), *map(max, corners[2:])) if corners else None
