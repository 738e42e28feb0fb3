"""Rows of a target store: Arrow columns, value types and the checks on them.

Shape legend: ``n`` detections, ``C`` scores per row.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from egoexo_mm.interaction_maps import CONTACTS, KINDS, SIDES, UNKNOWN

from .errors import TargetStoreError
from .manifest import Manifest

# A detector may overshoot the border by a rounding error; more than this is another unit.
BOX_SLACK = 0.01
# Probabilities sum to 1 within 1e-3 when written; float16 adds half of that.
SUM_SLACK = 2e-3
_FLOAT16_MAX = float(np.finfo(np.float16).max)

VIDEO_FIELDS = (
    ('video_id', pa.string()),
    ('num_frames', pa.int32()),
    ('fps', pa.float64()),
    ('width', pa.int32()),
    ('height', pa.int32()),
    ('frame_stride', pa.int32()),
)
# Of a store of segments, behind the id: seconds of the video.
SPAN_FIELDS = (('start', pa.float64()), ('stop', pa.float64()))
# Column -> (type of a number, numbers per detection).
DETECTION_FIELDS = dict(
    frame=(np.int32, 1),
    box=(np.float32, 4),
    score=(np.float16, 1),
    kind=(np.int8, 1),
    side=(np.int8, 1),
    contact=(np.int8, 1),
    offset=(np.float16, 2),
)


class VideoInfo(NamedTuple):
    """The copy of the video that the teacher saw; 0 where unknown."""

    num_frames: int
    fps: float
    width: int
    height: int
    frame_stride: int


def check_video(info: VideoInfo, where: str) -> None:
    """Refuse a frame count, rate, size or stride that is impossible, NaN too."""
    for name, value in info._asdict().items():
        low = int(name == 'frame_stride')
        if not low <= value < 2**31:
            raise TargetStoreError(f'{where}: {name} is {value}; expected {low} or more')


@dataclasses.dataclass
class Detections:
    """Boxes of the frames of one clip; the arrays belong to the caller.

    Attributes:
        slot: int64 (n,), position in the frame numbers asked for.
        box: float32 (n, 4), x1, y1, x2, y2 as fractions of frame width and height.
        score: float32 (n,) in [0, 1].
        kind: int8 (n,), ``HAND`` (0) or ``OBJECT`` (1), or the place in ``kinds`` of the manifest.
        side: int8 (n,), -1 unknown, 0 left, 1 right.
        contact: int8 (n,), -1 unknown, 0 none, 1 self, 2 other person, 3 portable object,
            4 stationary object.
        offset: float32 (n, 2), from hand centre to object centre, fractions of frame width and
            height; NaN where unknown.
    """

    slot: np.ndarray
    box: np.ndarray
    score: np.ndarray
    kind: np.ndarray
    side: np.ndarray
    contact: np.ndarray
    offset: np.ndarray

    def __len__(self) -> int:
        return len(self.slot)


def detection_type(name: str) -> pa.DataType:
    """Arrow type of one detection's value in column ``name``."""
    dtype, count = DETECTION_FIELDS[name]
    value = pa.from_numpy_dtype(dtype)
    return value if count == 1 else pa.list_(value, count)


def arrow_schema(manifest: Manifest) -> pa.Schema:
    """Columns of every shard of a store."""
    if manifest.kind == 'scores':
        extra = [('score', pa.list_(pa.float16(), manifest.num_scores))]
    else:
        extra = [(name, pa.list_(detection_type(name))) for name in DETECTION_FIELDS]
    span = SPAN_FIELDS if manifest.has_segments else ()
    return pa.schema([VIDEO_FIELDS[0], *span, *VIDEO_FIELDS[1:], *extra])


def check_scores(scores: Any, num_scores: int, where: str) -> np.ndarray:
    """Scores as float16 (C,), or an error that starts with ``where``."""
    scores = np.asarray(scores)
    if scores.shape != (num_scores,):
        raise TargetStoreError(
            f'{where}: scores have shape {scores.shape}, but the store holds '
            f'{num_scores} per video; is this the right teacher or signal?'
        )
    if scores.dtype.kind not in 'iuf':
        raise TargetStoreError(f'{where}: scores have type {scores.dtype}; expected numbers')
    if not np.isfinite(scores).all():
        raise TargetStoreError(
            f'{where}: score {int(np.argmin(np.isfinite(scores)))} is NaN or '
            'infinite; run the teacher on this video again'
        )
    if np.abs(scores).max() > _FLOAT16_MAX:
        raise TargetStoreError(
            f'{where}: score {np.abs(scores).max():g} does not fit float16 '
            f'(largest {_FLOAT16_MAX:g}); scale the scores down'
        )
    return scores.astype(np.float16)


def boxes_in_order(box: np.ndarray) -> bool:
    """Whether :func:`check_box_values` accepts boxes (n, 4), found in few numpy calls."""
    if not len(box):
        return True
    low, high = box[:, :2], box[:, 2:]
    # with low <= high, the lowest of all is among the low corners and the highest among the high
    # ones; NaN compares False
    return (
        bool((low <= high).all())
        and float(np.minimum.reduce(low, axis=None)) >= -BOX_SLACK
        and float(np.maximum.reduce(high, axis=None)) <= 1 + BOX_SLACK
    )


def check_box_values(box: np.ndarray, frame: np.ndarray, where: str) -> None:
    """Refuse boxes (n, 4) that are not normalised corner boxes."""
    outside = ~((box >= -BOX_SLACK) & (box <= 1 + BOX_SLACK)).all(axis=1)  # NaN counts as outside
    if outside.any():
        i = int(np.argmax(outside))
        raise TargetStoreError(
            f'{where}: box {_short(box[i])} at frame {frame[i]} is outside [0, 1]; values look '
            'like pixels, divide by frame width and height'
        )
    turned = (box[:, 2:] < box[:, :2]).any(axis=1)
    if turned.any():
        i = int(np.argmax(turned))
        raise TargetStoreError(
            f'{where}: box {_short(box[i])} at frame {frame[i]} has x2 < x1 or y2 < y1; boxes '
            'are x1, y1, x2, y2, not x, y, width, height'
        )


def check_detections(
    columns: dict[str, Any | None], where: str, num_kinds: int = len(KINDS)
) -> dict[str, np.ndarray]:
    """Columns of one video in storage types, sorted by frame; ``None`` columns become unknown.

    Raises:
        TargetStoreError: A column has a wrong shape, type or value; the message starts with
            ``where``.
    """
    n = len(np.atleast_1d(np.asarray(columns['frame'])))
    empty = dict(
        side=np.full(n, UNKNOWN), contact=np.full(n, UNKNOWN), offset=np.full((n, 2), np.nan)
    )
    raw = {
        name: np.asarray(empty[name] if columns[name] is None else columns[name])
        for name in DETECTION_FIELDS
    }
    for name, (_, count) in DETECTION_FIELDS.items():
        shape = (n,) if count == 1 else (n, count)
        if n == 0 and raw[name].size == 0:
            raw[name] = raw[name].reshape(shape)
        if raw[name].shape != shape:
            raise TargetStoreError(
                f'{where}: {name} has shape {raw[name].shape}, expected {shape} for {n} detections'
            )
        if raw[name].dtype.kind not in 'biuf':
            raise TargetStoreError(f'{where}: {name} has type {raw[name].dtype}; expected numbers')
    _check_range(raw['frame'], 0, np.iinfo(np.int32).max, 'frame', where, whole=True)
    check_box_values(raw['box'], raw['frame'], where)
    _check_range(raw['score'], -1e-6, 1 + 1e-6, 'score', where)
    _check_range(raw['kind'], 0, num_kinds - 1, 'kind', where, whole=True)
    _check_range(raw['side'], UNKNOWN, len(SIDES) - 1, 'side', where, whole=True)
    _check_range(raw['contact'], UNKNOWN, len(CONTACTS) - 1, 'contact', where, whole=True)
    if (np.abs(raw['offset']) > _FLOAT16_MAX).any():
        raise TargetStoreError(
            f'{where}: an offset does not fit float16; offsets are fractions '
            'of frame width and height'
        )
    raw['box'], raw['score'] = np.clip(raw['box'], 0, 1), np.clip(raw['score'], 0, 1)
    order = np.argsort(raw['frame'], kind='stable')
    return {name: raw[name][order].astype(dtype) for name, (dtype, _) in DETECTION_FIELDS.items()}


def check_frame_grid(frame: np.ndarray, num_frames: int, frame_stride: int, where: str) -> None:
    """Refuse sorted frame numbers (n,) beyond the video or off the frames that were processed."""
    if num_frames and len(frame) and frame[-1] >= num_frames:
        raise TargetStoreError(
            f'{where}: frame {frame[-1]} is beyond the {num_frames} frames of '
            'the video; frame numbers start at 0'
        )
    off_grid = frame % frame_stride != 0
    if off_grid.any():
        raise TargetStoreError(
            f'{where}: frame {frame[np.argmax(off_grid)]} is not a multiple of frame_stride '
            f'{frame_stride}; give source frame numbers'
        )


def _check_range(
    values: np.ndarray, low: float, high: float, name: str, where: str, whole: bool = False
) -> None:
    good = (values >= low) & (values <= high)  # False for NaN
    if whole:
        good &= values == np.floor(values)
    if not good.all():
        what = 'a whole number' if whole else 'a number'
        raise TargetStoreError(
            f'{where}: {name} {values[np.argmin(good)]} is not {what} in '
            f'[{round(low)}, {round(high)}]; correct it and write the row again'
        )


def _short(box: np.ndarray) -> str:
    return '(' + ', '.join(f'{value:.6g}' for value in box) + ')'
