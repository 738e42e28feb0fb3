"""The hand and object boxes of Ego4D's forecasting-hands-and-objects annotations.

``fho_main.json`` has ``videos`` with ``video_uid``, ``video_metadata`` (``fps``, ``num_frames``,
``width``, ``height``) and ``annotated_intervals``; these have ``narrated_actions``, and an action
may have ``frames``: ``{"frame_number", "boxes": [{"object_type", "bbox": {"x", "y", "width",
"height"}}]}`` with pixels of the video. Object types are ``left_hand``, ``right_hand``,
``object_of_change`` and ``tool``. Boxes were drawn by people, so the score is 1, and contact is not
said. Source: https://github.com/EGO4D/docs/blob/main/docs/data/annotations-schemas.md, which leaves
the fields of ``frames`` open; public readers of ``fho_main.json`` use those above, and the schema
of ``fho_scod_<set>.json`` has the same box.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from egoexo_mm.interaction_maps import HAND, OBJECT, UNKNOWN

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


def read_ego4d_fho(path: str | Path) -> dict[str, VideoBoxes]:
    """Boxes by ``video_uid``, on frames of the full video.

    Actions that Ego4D marks as rejected or invalid, and other object types, are left out. Frames
    that nobody annotated have no boxes in the store.

    Raises:
        TargetStoreError: The file is damaged, of another format, or has a box outside its video.
    """
    videos: dict[str, VideoBoxes] = {}
    for i, video in enumerate(take(read_json(path), 'videos', list, str(path))):
        where = f'{path}, videos[{i}]'
        video_id = take(video, 'video_uid', str, where)
        if video_id in videos:
            raise TargetStoreError(f'{where}: video {video_id!r} comes twice; get the file again')
        metadata = take(video, 'video_metadata', dict, where)
        size = FrameSize(
            *(take(metadata, name, int, f'{where} video_metadata') for name in ('width', 'height')),
            fps=take_number(metadata.get('fps'), 'fps', f'{where} video_metadata'),
            num_frames=take(metadata, 'num_frames', int, f'{where} video_metadata'),
        )
        videos[video_id] = boxes = VideoBoxes(size)
        for place, frame in _frames(video, where):
            number = take_frame(frame.get('frame_number'), place, 'frame_number')
            for j, item in enumerate(frame.get('boxes') or ()):
                _add(boxes, number, item, f'{place} boxes[{j}]')
    return videos


def _frames(video: dict, where: str) -> Iterator[tuple[str, dict]]:
    """Place and content of the annotated frames of a video."""
    for i, interval in enumerate(take(video, 'annotated_intervals', list, where)):
        place = f'{where} annotated_intervals[{i}]'
        for j, action in enumerate(take(interval, 'narrated_actions', list, place)):
            at = f'{place} narrated_actions[{j}]'
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
