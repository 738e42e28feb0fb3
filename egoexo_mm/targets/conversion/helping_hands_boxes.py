"""The hand and object boxes that Helping Hands (ICCV 2023) released for EgoClip.

A file of ``torch.save``: a list of clips ``{"video_uid", "start_sec", "samples_sec", "hand_boxes":
{name: (T, 4)}, "object_boxes": {noun: (T, 4)}}``. The README spells ``samples_sec`` and
``object_boxes``, the script that draws the boxes ``sample_sec`` and ``obj_boxes``; both are read.
That script also shows the rest: EgoClip cuts videos into files of 600 s at 30 frames/s, file
``start_sec // 600`` has the clip, its frames are ``int(sample * 30)`` of that file, and boxes are
``cx, cy, width, height`` as fractions of the full frame. The model that made them gives no score,
side or contact. Source: https://github.com/Chuhanxx/helping_hand_for_egocentric_videos
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from egoexo_mm.interaction_maps import HAND, OBJECT
from egoexo_mm.untrusted import quote
from egoexo_mm.untrusted.quoting import shorten

from ..store.errors import TargetStoreError
from .frame_sizes import FrameSize
from .video_boxes import Box, VideoBoxes, take, take_number

_FPS, _CHUNK_SECONDS = 30, 600


def read_helping_hands(path: str | Path, *, chunks: bool = False) -> dict[str, VideoBoxes]:
    """Boxes by video id.

    Args:
        path: The file.
        chunks: Ids are those of EgoClip's files of 600 s, ``<video_uid>/<number>``, and frames
            count within them. By default ids and frames are those of the full video.

    Raises:
        TargetStoreError: The file is damaged or of another format.
    """
    clips = _load(path)
    if not isinstance(clips, list):
        raise TargetStoreError(
            f'{path}: holds {type(clips).__name__}, expected a list of clips; give the released '
            'file of boxes'
        )
    videos: dict[str, VideoBoxes] = {}
    for i, clip in enumerate(clips):
        where = f'{path}, [{i}]'
        video_id = take(clip, 'video_uid', str, where)
        chunk = int(take_number(clip.get('start_sec'), 'start_sec', where) // _CHUNK_SECONDS)
        samples = _numbers(_either(clip, ('samples_sec', 'sample_sec'), where))
        if chunk < 0 or not isinstance(samples, list):
            raise TargetStoreError(
                f'{where}: start_sec is {quote(clip["start_sec"])} and samples_sec '
                f'{quote(samples)}, expected 0 or more and a list; get the file again'
            )
        seconds = [take_number(sample, 'samples_sec', where) for sample in samples]
        first = 0 if chunks else chunk * _CHUNK_SECONDS * _FPS
        frames = [first + int(second * _FPS) for second in seconds]
        if chunks:
            video_id = f'{video_id}/{chunk}'
        boxes = videos.setdefault(video_id, VideoBoxes(FrameSize(0, 0, fps=_FPS)))
        for kind, fields in ((HAND, ('hand_boxes',)), (OBJECT, ('object_boxes', 'obj_boxes'))):
            for name, track in _tracks(_either(clip, fields, where), fields[0], where):
                _add_track(boxes, kind, frames, track, f'{where} {fields[0]} {name}')
    return videos


def _load(path: str | Path) -> Any:
    from egoexo_mm.untrusted.torch_files import load_torch  # the rest needs no torch

    try:
        return load_torch(path, map_location='cpu')
    except pickle.UnpicklingError as error:
        raise TargetStoreError(
            f'{path}: cannot be read as a file of torch.save ({shorten(str(error))}); get it again'
        ) from None
    except OSError as error:
        raise TargetStoreError(
            f'{path}: cannot be read ({error.strerror}); give an existing file'
        ) from None


def _either(clip: dict, names: tuple[str, ...], where: str) -> Any:
    for name in names:
        if name in clip:
            return clip[name]
    raise TargetStoreError(f'{where}: lacks {" and ".join(names)}; get the file again')


def _numbers(values: Any) -> Any:
    """Nested lists of what may be a tensor or an array."""
    if hasattr(values, 'tolist'):
        return values.tolist()
    return list(map(_numbers, values)) if isinstance(values, (list, tuple)) else values


def _tracks(tracks: Any, name: str, where: str) -> list[tuple[str, Any]]:
    if not isinstance(tracks, dict):
        raise TargetStoreError(
            f'{where}: {name} is {quote(tracks)}, expected an object of tracks; get the file again'
        )
    return [(quote(key), _numbers(track)) for key, track in tracks.items()]


def _add_track(boxes: VideoBoxes, kind: int, frames: list[int], track: Any, where: str) -> None:
    if not isinstance(track, list) or len(track) != len(frames):
        raise TargetStoreError(
            f'{where}: is {quote(track)}, expected one box for each of {len(frames)} samples; get '
            'the file again'
        )
    for frame, values in zip(frames, track):
        if not isinstance(values, list) or len(values) != 4:
            raise TargetStoreError(
                f'{where}: has the box {quote(values)}, expected cx, cy, width, height; get the '
                'file again'
            )
        cx, cy, width, height = (take_number(value, 'a box', where) for value in values)
        if not any(values):
            continue  # no box on this frame
        if not (0 <= cx <= 1 and 0 <= cy <= 1 and 0 <= width <= 2 and 0 <= height <= 2):
            raise TargetStoreError(
                f'{where}: has the box {quote(values)}, expected cx, cy, width, height as '
                'fractions of the frame; get the file again'
            )
        # a model that predicts centre and size overshoots the border
        corners = cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2
        boxes.add(frame, kind, Box(*(min(max(corner, 0.0), 1.0) for corner in corners)))
