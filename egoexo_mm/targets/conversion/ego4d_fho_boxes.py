"""The hand and object boxes of Ego4D's forecasting-hands-and-objects annotations.

``fho_main.json`` has ``videos`` with ``video_uid``, ``video_metadata`` (``fps``, ``num_frames``,
``width``, ``height``) and ``annotated_intervals``; these have ``narrated_actions``, and an action
may have ``frames``: ``{"frame_number", "boxes": [{"object_type", "bbox": {"x", "y", "width",
"height"}}]}`` with pixels of the video. An interval names its clip: ``clip_uid`` (may be null),
``clip_parent_start_frame`` and ``clip_parent_end_frame`` of the video. Object types are
``left_hand``, ``right_hand``, ``object_of_change`` and ``tool``. Boxes were drawn by people, so the
score is 1, and contact is not said. Source:
https://github.com/EGO4D/docs/blob/main/docs/data/annotations-schemas.md, which leaves the fields of
``frames`` open; public readers of ``fho_main.json`` use those above, and the schema of
``fho_scod_<set>.json`` has the same box.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from egoexo_mm.interaction_maps import HAND, OBJECT, UNKNOWN
from egoexo_mm.untrusted import quote

from ..store.errors import TargetStoreError
from .frame_sizes import FrameSize
from .video_boxes import (
    VideoBoxes,
    read_json,
    take,
    take_box,
    take_frame,
    take_number,
)

_TYPES = {
    'left_hand': (HAND, 0),
    'right_hand': (HAND, 1),
    'object_of_change': (OBJECT, UNKNOWN),
    'tool': (OBJECT, UNKNOWN),
}


def read_ego4d_fho(path: str | Path, clips: bool = False) -> dict[str, VideoBoxes]:
    """Boxes by ``video_uid``, on frames of the full video.

    Actions that Ego4D marks as rejected or invalid, and other object types, are left out. Frames
    that nobody annotated have no boxes in the store.

    Args:
        path: ``fho_main.json``.
        clips: Boxes by ``clip_uid`` instead, on frames of the clip: what ``Ego4DFHODataset``
            reads. Intervals without a clip, and frames outside theirs, are left out.

    Raises:
        TargetStoreError: The file is damaged, of another format, or has a box outside its video;
            or a clip lies at two places.
    """
    videos: dict[str, VideoBoxes] = {}
    starts: dict[str, tuple] = {}
    seen = set()
    for i, video in enumerate(take(read_json(path), 'videos', list, str(path))):
        where = f'{path}, videos[{i}]'
        video_id = take(video, 'video_uid', str, where)
        if video_id in seen:
            raise TargetStoreError(f'{where}: video {video_id!r} comes twice; get the file again')
        seen.add(video_id)
        size = _size(video, where)
        for j, interval in enumerate(take(video, 'annotated_intervals', list, where)):
            place = f'{where} annotated_intervals[{j}]'
            name, start, num_frames = video_id, 0, size.num_frames
            if clips:
                take(interval, 'narrated_actions', list, place)
                if interval.get('clip_uid') is None:
                    continue
                name, start, num_frames = _clip(interval, place)
                if starts.setdefault(name, (video_id, start)) != (video_id, start):
                    raise TargetStoreError(
                        f'{place}: clip {quote(name)} begins at frame {start} of {video_id}, an '
                        'interval before has another place; get the file again'
                    )
            boxes = videos.setdefault(name, VideoBoxes(size._replace(num_frames=num_frames)))
            for at, frame in _frames(interval, place):
                number = take_frame(frame.get('frame_number'), at, 'frame_number') - start
                if clips and not 0 <= number < num_frames:
                    continue
                for k, item in enumerate(frame.get('boxes') or ()):
                    _add(boxes, number, item, f'{at} boxes[{k}]')
        if not clips:
            videos.setdefault(video_id, VideoBoxes(size))
    return videos


def _size(video: dict, where: str) -> FrameSize:
    metadata = take(video, 'video_metadata', dict, where)
    return FrameSize(
        *(take(metadata, name, int, f'{where} video_metadata') for name in ('width', 'height')),
        fps=take_number(metadata.get('fps'), 'fps', f'{where} video_metadata'),
        num_frames=take(metadata, 'num_frames', int, f'{where} video_metadata'),
    )


def _clip(interval: dict, where: str) -> tuple[str, int, int]:
    """Name of a clip, its first frame in the video, and its length in frames."""
    start, end = (
        take_frame(interval.get(name), where, name)
        for name in ('clip_parent_start_frame', 'clip_parent_end_frame')
    )
    if end <= start:
        raise TargetStoreError(
            f'{where}: clip_parent_end_frame {end} is not behind clip_parent_start_frame {start}; '
            'correct it'
        )
    return take(interval, 'clip_uid', str, where), start, end - start


def _frames(interval: dict, where: str) -> Iterator[tuple[str, dict]]:
    """Place and content of the annotated frames of an interval."""
    for j, action in enumerate(take(interval, 'narrated_actions', list, where)):
        at = f'{where} narrated_actions[{j}]'
        if not isinstance(action, dict):
            take(action, 'frames', list, at)  # says what is wrong
        if action.get('is_rejected') or action.get('is_invalid_annotation'):
            continue
        if action.get('frames') is None:
            continue
        for k, frame in enumerate(take(action, 'frames', list, at)):
            if isinstance(frame, dict) and frame.get('boxes') is None:
                continue
            take(frame, 'boxes', list, f'{at} frames[{k}]')
            yield f'{at} frames[{k}]', frame


def _add(boxes: VideoBoxes, frame: int, item: dict, where: str) -> None:
    name = take(item, 'object_type', str, where)
    if name not in _TYPES or item.get('bbox') is None:
        return
    bbox = take(item, 'bbox', dict, where)
    x, y, width, height = (
        take_number(bbox.get(side), side, f'{where} bbox') for side in ('x', 'y', 'width', 'height')
    )
    kind, side = _TYPES[name]
    box = take_box([x, y, x + width, y + height], boxes.size[:2], where)
    boxes.add(frame, kind, box, side=side)
