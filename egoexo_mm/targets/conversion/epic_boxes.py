"""The hand-object boxes released for EPIC-KITCHENS-100 into a target store.

One ``<video>.pkl`` per video: a list with, frame by frame, the bytes of a protobuf message
``Detections``. Frame numbers count from 1 (``frame_0000000001.jpg``), boxes are fractions of a
frame of 456 x 256, an offset leads from hand to object centre. Made by the detector of Shan et al.
down to a score of 0.1 for hands and 0.01 for objects; the authors suggest 0.5 for both. Source of
the format: https://github.com/epic-kitchens/epic-kitchens-100-hand-object-bboxes
"""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

from egoexo_mm.interaction_maps import HAND, OBJECT, UNKNOWN
from egoexo_mm.untrusted import quote
from egoexo_mm.video.names import files_below

from ..store.errors import TargetStoreError
from ..store.manifest import Manifest, video_id_from_path
from ..store.records import check_detections
from .box_files import BoxesReport, convert_files
from .numpy_files import load_pickle
from .protobuf import FIXED32, LENGTH, VARINT, fields, wrong_type

FRAME_SIZE = (456, 256)
# Message -> field number -> (name, wire type); other fields are passed over, as protobuf does.
_VECTOR = {1: ('x', FIXED32), 2: ('y', FIXED32)}
_BOX = {1: ('left', FIXED32), 2: ('top', FIXED32), 3: ('right', FIXED32), 4: ('bottom', FIXED32)}
_OBJECT = {1: ('bbox', LENGTH), 2: ('score', FIXED32)}
_HAND = {**_OBJECT, 3: ('state', VARINT), 4: ('offset', LENGTH), 5: ('side', VARINT)}
_FRAME = {
    1: ('video_id', LENGTH),
    2: ('frame_number', VARINT),
    3: ('hands', LENGTH),
    4: ('objects', LENGTH),
}
_FULL_BOX = struct.Struct('<BfBfBfBf')  # a box without a zero: four floats, each after its key
_FULL_BOX_KEYS = (0x0D, 0x15, 0x1D, 0x25)


def convert_epic_boxes(
    folder: str | Path,
    out: str | Path,
    *,
    hand_threshold: float = 0.5,
    object_threshold: float = 0.5,
    fps: float = 0.0,
    frame_size: tuple[int, int] = FRAME_SIZE,
    dataset: str = 'epic100',
    teacher: str | None = None,
    skip_bad: bool = False,
    rows_per_shard: int = 64,
) -> BoxesReport:
    """Turn released pickles, in folders per participant or not, into a store; resumable.

    Args:
        folder: Folder with ``<video id>.pkl`` at any depth.
        out: Folder of the store, new or begun with the same arguments.
        hand_threshold: Hands of a lower score are left out.
        object_threshold: Objects of a lower score are left out.
        fps: Frame rate of all videos; 0 takes that of the released frames, see :func:`epic_fps`.
        frame_size: Of the frames the detector saw.
        dataset: For the manifest.
        teacher: For the manifest.
        skip_bad: List a bad file in ``failed.jsonl`` and go on, instead of stopping.
        rows_per_shard: Videos per shard; one video has up to a million boxes.

    Raises:
        TargetStoreError: no files, two of one name, or a file that is damaged or something else.
    """
    folder = Path(folder)
    paths = sorted(
        (path for path in files_below(folder) if path.suffix == '.pkl'),
        key=lambda path: (path.name, path),
    )
    if not paths:
        raise TargetStoreError(
            f'{folder}: no .pkl files; give the folder of the released <video>.pkl'
        )
    for one, other in zip(paths, paths[1:]):
        if one.name == other.name:
            raise TargetStoreError(f'{one} and {other} are of one video; remove one of them')
    thresholds = (hand_threshold, object_threshold)
    manifest = Manifest(
        signal='interaction',
        dataset=dataset,
        teacher=teacher or 'EPIC-KITCHENS-100 hand-object release (Shan et al.)',
        frame_size=frame_size,
        fps=fps or None,
        notes='hands of score {:g} and more, objects of score {:g} and more'.format(*thresholds),
    )

    def read(path: Path, video_id: str) -> dict[str, Any]:
        return dict(
            read_epic_boxes(path, *thresholds),
            fps=fps or epic_fps(video_id),
            width=frame_size[0],
            height=frame_size[1],
        )

    return convert_files(
        paths,
        out,
        manifest,
        read,
        label=f'convert {folder.name}',
        skip_bad=skip_bad,
        rows_per_shard=rows_per_shard,
    )


def epic_fps(video_id: str) -> float:
    """Frame rate of the released frames; 0 for names of other kinds.

    It is 60 for ``P01_02`` (EPIC-KITCHENS-55) and 50 for ``P01_102``.
    """
    match = re.fullmatch(r'P\d\d_(\d\d\d?)', video_id)
    return {2: 60.0, 3: 50.0}[len(match[1])] if match else 0.0


def read_epic_boxes(
    path: Path, hand_threshold: float = 0.5, object_threshold: float = 0.5
) -> dict[str, Any]:
    """Columns for :meth:`StoreWriter.add_detections` from one released pickle.

    Raises:
        TargetStoreError: damaged file, another content, or another video than the file name says.
    """
    messages = load_pickle(path)
    if not isinstance(messages, list) or not all(
        isinstance(message, bytes) for message in messages
    ):
        raise TargetStoreError(
            f'{path}: expected a list of serialised frames (bytes), as in the EPIC-KITCHENS-100 '
            f'release, found {_describe(messages)}'
        )
    if not messages:
        raise TargetStoreError(f'{path}: holds no frames; get the file again')
    rows: list[tuple] = []
    seen = np.zeros(len(messages), dtype=bool)
    for position, message in enumerate(messages):
        try:
            number = _read_frame(
                message, video_id_from_path(path.name), hand_threshold, object_threshold, rows
            )
            if not 1 <= number <= len(seen):
                raise ValueError(
                    f'frame_number is {number}, expected 1 to {len(seen)}, the number of frames in '
                    'the file'
                )
            if seen[number - 1]:
                raise ValueError(f'frame_number {number} occurs a second time')
        except ValueError as error:
            raise TargetStoreError(
                f'{path} item {position}: {error}; get the file again from the EPIC-KITCHENS-100 '
                'hand-object release'
            ) from None
        seen[number - 1] = True
    table = np.array(rows, dtype=np.float64).reshape(-1, 11)
    columns = dict(
        frame=table[:, 0].astype(np.int64),
        kind=table[:, 1],
        box=table[:, 2:6],
        score=table[:, 6],
        contact=table[:, 7],
        side=table[:, 8],
        offset=table[:, 9:11],
    )
    return dict(check_detections(columns, str(path)), num_frames=len(messages))


def _read_frame(
    message: bytes, video_id: str, hand_threshold: float, object_threshold: float, rows: list[tuple]
) -> int:
    """Append the detections of a frame.

    Args:
        message: The serialised frame.
        video_id: Expected id.
        hand_threshold: Lowest score of a hand.
        object_threshold: Lowest score of an object.
        rows: Gets (frame, kind, x1, y1, x2, y2, score, contact, side, dx, dy).

    Returns:
        Frame number, from 1.
    """
    found = _parse(message, _FRAME, repeated=('hands', 'objects'))
    name = found.get('video_id', b'').decode('utf-8', 'replace')
    if name != video_id:
        raise ValueError(f'is of video {quote(name)}, but the file name says {quote(video_id)}')
    number = found.get('frame_number', 0)
    for data in found['hands']:
        hand = _parse(data, _HAND)
        if not hand.get('score', 0.0) < hand_threshold:  # keeps NaN, which is refused later
            offset = hand.get('offset')
            offset = (math.nan, math.nan) if offset is None else _floats(offset, _VECTOR)
            rows.append(
                (
                    number - 1,
                    HAND,
                    *_box(hand),
                    hand.get('score', 0.0),
                    hand.get('state', 0),
                    hand.get('side', 0),
                    *offset,
                )
            )
    for data in found['objects']:
        thing = _parse(data, _OBJECT)
        if not thing.get('score', 0.0) < object_threshold:
            rows.append(
                (
                    number - 1,
                    OBJECT,
                    *_box(thing),
                    thing.get('score', 0.0),
                    UNKNOWN,
                    UNKNOWN,
                    math.nan,
                    math.nan,
                )
            )
    return number


def _parse(
    message: bytes, layout: dict[int, tuple[str, int]], repeated: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Fields by name; one that is zero is not in the message, the last of several counts."""
    found: dict[str, Any] = {name: [] for name in repeated}
    for number, wire, value in fields(message):
        if number in layout:
            name, expected = layout[number]
            if wire != expected:
                wrong_type(number, wire, expected)
            if name in repeated:
                found[name].append(value)
            else:
                found[name] = value
    return found


def _box(detection: dict[str, Any]) -> tuple[float, ...]:
    if 'bbox' not in detection:
        raise ValueError('a detection has no box')
    data = detection['bbox']
    if len(data) == _FULL_BOX.size:  # nearly all are such
        values = _FULL_BOX.unpack(data)
        if values[::2] == _FULL_BOX_KEYS:
            return values[1::2]
    return _floats(data, _BOX)


def _floats(message: bytes, layout: dict[int, tuple[str, int]]) -> tuple[float, ...]:
    found = _parse(message, layout)
    return tuple(found.get(name, 0.0) for name, _ in layout.values())


def _describe(value: Any) -> str:
    if isinstance(value, list):
        odd = next(item for item in value if not isinstance(item, bytes))
        return f'a list with {type(odd).__name__}'
    return type(value).__name__
