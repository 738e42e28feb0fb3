"""Teacher files that were released with Ego-Exo into target stores: the boxes.

``*_handobj_predicts/<video>.npy`` hold, per frame, a pair (objects, hands), objects first; each
is ``None`` or an array (k, >= 6) of x1, y1, x2, y2 in pixels, score, ... Ten columns are those of
Shan et al.'s tool (box 4, score, contact state, magnitude, dx, dy, side), see
https://github.com/ddshan/hand_object_detector; of other widths the box and score alone are sure.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from egoexo_mm.interaction_maps import HAND, OBJECT, UNKNOWN
from egoexo_mm.video.names import is_hidden

from ..store.errors import TargetStoreError
from ..store.manifest import Manifest
from ..store.records import BOX_SLACK, check_detections
from .box_files import BoxesReport, convert_files
from .frame_sizes import FrameSize, SizeOf
from .numpy_files import load_npy

_SHAN_COLUMNS = 10
_SHAN_OFFSET_SCALE = 10000.0  # pixels = magnitude * 1000 * unit vector * 10


def convert_boxes(
    folder: str | Path,
    out: str | Path,
    size_of: SizeOf,
    *,
    fps: float = 0.0,
    dataset: str = 'k400',
    teacher: str | None = None,
    frame_size: tuple[int, int] | None = None,
    notes: str | None = None,
    first_frame: int = 1,
    skip_bad: bool = False,
    rows_per_shard: int = 1024,
) -> BoxesReport:
    """Turn a folder of ``.npy`` files into a store; a second run continues the first.

    Args:
        folder: Folder of ``<video id>.npy``.
        out: Folder of the store, new or begun with the same arguments.
        size_of: Frame size per video id, see :mod:`.frame_sizes`.
        fps: Frame rate where ``size_of`` knows none; 0 is unknown.
        dataset: For the manifest.
        teacher: For the manifest.
        frame_size: For the manifest.
        notes: For the manifest.
        first_frame: Number, counted from 1, of the frame that row 0 belongs to. With 0, row 0 is
            left out: the reference takes the row of an EPIC frame by its file number,
            which counts from 1.
        skip_bad: List a bad file in ``failed.jsonl`` and go on, instead of stopping.
        rows_per_shard: Videos per shard.

    Raises:
        TargetStoreError: no files, boxes already normalised, a file that is damaged or does not
            fit its frame size.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.glob('*.npy') if not is_hidden(path))
    if not paths:
        raise TargetStoreError(f'{folder}: no .npy files; give the folder of <video>.npy')
    _check_pixels(paths, folder)
    if first_frame != 1:
        # in the manifest, so that a run with another value does not add to the store
        notes = '; '.join(
            filter(None, (notes, f'row 0 of a file is frame number {first_frame}, counted from 1'))
        )
    manifest = Manifest(
        signal='interaction',
        dataset=dataset,
        frame_size=frame_size,
        notes=notes,
        fps=fps or None,
        teacher=teacher or f'Ego-Exo release, {folder.name}',
    )
    reach = np.zeros(2)  # largest x2 / width and y2 / height

    def read(path: Path, video_id: str) -> dict[str, Any]:
        size = size_of(video_id)
        columns = read_boxes(path, size, first_frame)
        if len(columns['box']):
            np.maximum(reach, columns['box'][:, 2:].max(axis=0), out=reach)
        return dict(columns, fps=size.fps or fps, width=size.width, height=size.height)

    report = convert_files(
        paths,
        out,
        manifest,
        read,
        label=f'convert {folder.name}',
        skip_bad=skip_bad,
        rows_per_shard=rows_per_shard,
    )
    if 0 < reach.max() < 0.6:
        print(
            f'targets: warning: no box reaches beyond {reach[0]:.0%} of the frame width '
            f'and {reach[1]:.0%} of its height; the frame size given may be too large',
            file=sys.stderr,
        )
    return report


def read_boxes(path: Path, size: FrameSize, first_frame: int = 1) -> dict[str, Any]:
    """Columns for :meth:`StoreWriter.add_detections` from one released file.

    Raises:
        TargetStoreError: damaged file, another layout, or a box outside the frame.
    """
    frames = _frame_items(load_npy(path), path)
    parts, origin = [np.zeros((0, _SHAN_COLUMNS))], [(0, HAND, False)]
    for number, item in enumerate(frames):
        for kind, rows in zip((OBJECT, HAND), _pair(item, path, number)):
            rows = _rows(rows, path, number)
            if len(rows):
                known = rows.shape[1] == _SHAN_COLUMNS
                origin.append((number, kind, known))
                parts.append(rows if known else _first_five(rows))
    table = np.concatenate(parts)
    frame, kind, known = np.repeat(np.array(origin), [len(part) for part in parts], axis=0).T
    _check_inside(table[:, :4], frame, size, path)
    columns = _columns(table, frame, kind, known.astype(bool), size, path)
    shift = first_frame - 1
    belongs = columns['frame'] + shift >= 0
    columns = {name: values[belongs] for name, values in columns.items()}
    columns['frame'] = columns['frame'] + shift
    if len(frames) + shift < 1:
        raise TargetStoreError(
            f'{path}: holds row 0 only, which belongs to no frame (first frame {first_frame}); '
            'get the file again, or give first frame 1'
        )
    # Checked here and not only by the writer, so that an error names this file.
    return dict(
        check_detections(columns, str(path)), num_frames=size.num_frames or len(frames) + shift
    )


def _check_pixels(paths: list[Path], folder: Path) -> None:
    """Refuse a folder in which no coordinate exceeds 1; mostly settled by the first file."""
    boxes = 0
    for path in paths:
        try:
            frames = _frame_items(load_npy(path), path)
            rows = [
                _rows(part, path, i)
                for i, item in enumerate(frames)
                for part in _pair(item, path, i)
            ]
        except (TargetStoreError, OSError):
            continue  # reported by the conversion
        for part in rows:
            boxes += len(part)
            if len(part) and part[:, :4].max() > 1 + BOX_SLACK:
                return
    if boxes:
        raise TargetStoreError(
            f'{folder}: none of the {boxes} boxes exceeds 1, they look '
            'normalised already; expected pixels as in the released files'
        )


def _frame_items(data: Any, path: Path) -> Any:
    """Sequence over frames, out of any container that a list of pairs may have been saved in."""
    if isinstance(data, np.ndarray) and data.shape == ():
        data = data.item()  # a list that numpy wrapped
    if not isinstance(data, (list, tuple, np.ndarray)):
        raise TargetStoreError(
            f'{path}: expected one (objects, hands) pair per frame, found {type(data).__name__}'
        )
    if len(data) == 0:
        raise TargetStoreError(f'{path}: holds no frames; remove the file or make it again')
    return data


def _pair(item: Any, path: Path, frame: int) -> tuple[Any, Any]:
    is_sequence = isinstance(item, (list, tuple)) or (isinstance(item, np.ndarray) and item.ndim)
    if not is_sequence or len(item) != 2:
        raise TargetStoreError(
            f'{path} frame {frame}: expected a pair (objects, hands), found {_describe(item)}'
        )
    return item[0], item[1]


def _rows(rows: Any, path: Path, frame: int) -> np.ndarray:
    """Detections of one kind on one frame as float64 (k, >= 6), k may be 0."""
    if rows is None:
        return np.zeros((0, 6))
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError):
        array = None
    if array is not None and array.size == 0:
        return np.zeros((0, 6))
    if array is None or array.ndim != 2 or array.shape[1] < 6:
        raise TargetStoreError(
            f'{path} frame {frame}: expected None or rows of at least 6 columns '
            f'x1, y1, x2, y2, score, ..., found {_describe(rows)}'
        )
    return array


def _describe(value: Any) -> str:
    shape = getattr(value, 'shape', None)
    if shape is None and isinstance(value, (list, tuple)):
        return f'{type(value).__name__} of length {len(value)}'
    return type(value).__name__ if shape is None else f'an array of shape {shape}'


def _first_five(rows: np.ndarray) -> np.ndarray:
    """Box and score in a table of Shan et al.'s width; what the other columns mean is unknown."""
    wide = np.zeros((len(rows), _SHAN_COLUMNS))
    wide[:, :5] = rows[:, :5]
    return wide


def _check_inside(box: np.ndarray, frame: np.ndarray, size: FrameSize, path: Path) -> None:
    limit = np.array([size.width, size.height] * 2, dtype=float)
    bad = ~((box >= -1) & (box <= limit + 1))  # NaN is bad
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise TargetStoreError(
            f'{path} frame {frame[row]}: {"x1 y1 x2 y2".split()[column]} is '
            f'{box[row, column]:.6g}, outside a frame of {size.width}x{size.height}; give the '
            'frame size at which the boxes were detected'
        )


def _columns(
    table: np.ndarray,
    frame: np.ndarray,
    kind: np.ndarray,
    known: np.ndarray,
    size: FrameSize,
    path: Path,
) -> dict[str, np.ndarray]:
    """Store columns of a table (n, 10) in pixels; ``known`` (n,) marks Shan et al.'s columns."""
    frame_wh = np.array([size.width, size.height], dtype=float)
    scale = np.tile(frame_wh, 2)
    columns = dict(
        frame=frame,
        box=np.clip(table[:, :4], 0, scale) / scale,
        score=table[:, 4],
        kind=kind,
        side=np.full(len(table), UNKNOWN),
        contact=np.full(len(table), UNKNOWN),
        offset=np.full((len(table), 2), np.nan),
    )
    hand = known & (kind == HAND)  # the detector trains state, offset and side for hands only
    state, side = table[hand, 5], table[hand, 9]
    odd = ~(np.isin(state, range(5)) & np.isin(side, (0, 1)))
    if odd.any():
        raise TargetStoreError(
            f'{path} frame {frame[hand][np.argmax(odd)]}: hand rows have 10 columns, but column 5 '
            'is not a contact state 0-4 or column 9 not a side 0/1; expected box, score, state, '
            'magnitude, dx, dy, side'
        )
    columns['contact'][hand], columns['side'][hand] = state, side
    pixels = _SHAN_OFFSET_SCALE * table[hand, 6:7] * table[hand, 7:9]
    columns['offset'][hand] = pixels / frame_wh
    return columns
