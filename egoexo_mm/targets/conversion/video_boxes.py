"""What the readers of detections made elsewhere share: files, fields, boxes and frame names.

Shape legend: ``n`` detections of a video.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from egoexo_mm.interaction_maps import UNKNOWN
from egoexo_mm.untrusted import quote
from egoexo_mm.untrusted.json_text import parse_json
from egoexo_mm.untrusted.quoting import shorten

from ..store.errors import TargetStoreError
from ..store.manifest import Manifest
from ..store.records import BOX_SLACK, check_detections
from .box_files import BoxesReport, convert_videos
from .frame_sizes import FrameSize

# <video>/frame_0000000012.jpg, <video>_frame0012.jpg, <video>/12.png, <video>_12.png
FRAME_NAMES = r'(?P<video>[^/]+?)[/_](?:frame_?|img_?|image_?)?(?P<frame>\d{1,10})\.\w+$'
_LONGEST_NAME = 500
SIDE_OF_WORD = {'left': 0, 'right': 1}
_NAMES = {dict: 'an object', list: 'a list', str: 'a text', int: 'a whole number'}


class Box(NamedTuple):
    """``x1, y1, x2, y2`` as fractions of frame width and height."""

    x1: float
    y1: float
    x2: float
    y2: float

    def offset(self, other: Box) -> tuple[float, float]:
        """From the centre to the centre of another box."""
        return (
            (other.x1 + other.x2 - self.x1 - self.x2) / 2,
            (other.y1 + other.y2 - self.y1 - self.y2) / 2,
        )


class VideoBoxes:
    """Detections of one video; a detection that is added twice counts once."""

    def __init__(self, size: FrameSize) -> None:
        self.size = size
        self._rows: dict[tuple, None] = {}

    def add(
        self,
        frame: int,
        kind: int,
        box: Box,
        *,
        score: float = 1.0,
        side: int = UNKNOWN,
        contact: int = UNKNOWN,
        offset: tuple[float, float] = (math.nan, math.nan),
    ) -> None:
        """Add a detection on a frame, counted from 0.

        A store has a score for each box, so one that is unknown counts as 1.
        """
        self._rows[(frame, kind, *box, score, side, contact, *offset)] = None

    def columns(self, where: str, threshold: float = 0.0, hold: int = 0) -> dict[str, Any]:
        """Arguments of :meth:`StoreWriter.add_detections`; see :func:`convert_boxes_of_videos`."""
        table = np.array(list(self._rows), np.float64).reshape(-1, 11)
        table = held(table[~(table[:, 6] < threshold)], hold, self.size.num_frames)
        columns = dict(
            frame=table[:, 0].astype(np.int64),
            kind=table[:, 1],
            box=table[:, 2:6],
            score=table[:, 6],
            side=table[:, 7],
            contact=table[:, 8],
            offset=table[:, 9:],
        )
        return dict(check_detections(columns, where), **self.size._asdict())


def held(table: np.ndarray, hold: int, num_frames: int = 0) -> np.ndarray:
    """Repeat the rows of a frame on the frames near it that have none.

    Args:
        table: (n, columns), the frame number first.
        hold: Largest distance in frames.
        num_frames: Of the video; 0 is unknown.

    Returns:
        (m, columns), m >= n, sorted by frame. Each frame has the rows of the nearest frame that
        has rows; of two that are equally near, those of the earlier one.
    """
    table = table[np.argsort(table[:, 0], kind='stable')]
    frames, first = np.unique(table[:, 0], return_index=True)
    if not hold or not len(frames):
        return table
    halfway = (frames[:-1] + frames[1:]) // 2
    starts = np.maximum(frames - hold, np.append(0, halfway + 1))
    ends = np.minimum(frames + hold, np.append(halfway, (num_frames or np.inf) - 1))
    parts = []
    for rows, start, end in zip(np.split(table, first[1:]), starts, np.maximum(ends, frames)):
        copies = np.tile(rows, (int(end - start) + 1, 1))
        copies[:, 0] = np.repeat(np.arange(start, end + 1), len(rows))
        parts.append(copies)
    return np.concatenate(parts)


def convert_boxes_of_videos(
    videos: Mapping[str, VideoBoxes],
    source: Path,
    out: str | Path,
    *,
    dataset: str,
    teacher: str,
    notes: str = '',
    video_id: str = 'stem',
    threshold: float = 0.0,
    hold: int = 0,
) -> BoxesReport:
    """Write the videos of one file as a store; a second run continues the first.

    Args:
        videos: Video id -> detections.
        source: The file, for messages.
        out: Folder of the store, new or begun with the same arguments.
        dataset: For the manifest.
        teacher: For the manifest.
        notes: For the manifest.
        video_id: For the manifest, see :func:`video_id_from_path`.
        threshold: Detections of a lower score are left out.
        hold: Repeat the boxes of a frame on frames up to this far away that have none, for
            files in which few frames are annotated.

    Raises:
        TargetStoreError: No videos, another store in ``out``, or a box that no store holds.
    """
    if not videos:
        raise TargetStoreError(
            f'{source}: names no video; expected one at least. Get the file again'
        )
    manifest = store_manifest(
        dataset, teacher, notes, video_id=video_id, threshold=threshold, hold=hold
    )
    return convert_videos(
        [(name, source) for name in videos],
        out,
        manifest,
        lambda path, name: videos[name].columns(f'{path}: video {quote(name)}', threshold, hold),
        label=f'convert {source.name}',
    )


def store_manifest(
    dataset: str,
    teacher: str,
    notes: str = '',
    *,
    video_id: str = 'stem',
    threshold: float = 0.0,
    hold: int = 0,
) -> Manifest:
    """Manifest of a store of boxes; the options are in it, so that a run does not mix them."""
    parts = [
        notes,
        f'score {threshold:g} and more' if threshold else '',
        f'boxes repeated on up to {hold} frames on either side' if hold else '',
    ]
    return Manifest(
        signal='interaction',
        dataset=dataset,
        teacher=teacher,
        video_id=video_id,
        notes='; '.join(filter(None, parts)) or None,
    )


def read_json(path: str | Path) -> Any:
    """What a JSON file says.

    Raises:
        TargetStoreError: It cannot be read or is not JSON.
    """
    try:
        return parse_json(Path(path).read_bytes())
    except OSError as error:
        raise TargetStoreError(
            f'{path}: cannot be read ({error.strerror}); give an existing file'
        ) from None
    except ValueError as error:
        raise TargetStoreError(
            f'{path}: is not JSON ({shorten(str(error))}); get or make the file again'
        ) from None


def take(item: Any, name: str, kind: type, where: str) -> Any:
    """``item[name]``, which must be of a type.

    Raises:
        TargetStoreError: ``item`` is no object, or the field lacks or has another type.
    """
    if not isinstance(item, dict):
        raise TargetStoreError(
            f'{where}: expected an object, found {quote(item)}; use the published file'
        )
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, kind):
        found = f'is {quote(value)}' if name in item else 'lacks'
        raise TargetStoreError(
            f'{where}: {name} {found}, expected {_NAMES[kind]}; use the published file'
        )
    return value


def take_number(value: Any, name: str, where: str) -> float:
    """A finite number, which may be written as a text.

    Raises:
        TargetStoreError: It is none.
    """
    try:
        number = math.nan if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise TargetStoreError(
            f'{where}: {name} is {quote(value)}, expected a number; correct or remove the row'
        )
    return number


def take_score(value: Any, where: str, name: str = 'score') -> float:
    """A number from 0 to 1.

    Raises:
        TargetStoreError: It is none.
    """
    score = take_number(value, name, where)
    if not 0 <= score <= 1:
        raise TargetStoreError(
            f'{where}: {name} is {score:g}, expected 0 to 1; correct or remove the row'
        )
    return score


def take_frame(value: Any, where: str, name: str = 'frame') -> int:
    """A frame number, 0 or more.

    Raises:
        TargetStoreError: It is none.
    """
    number = take_number(value, name, where)
    if not 0 <= number < 2**31 or number != int(number):
        raise TargetStoreError(
            f'{where}: {name} is {quote(value)}, expected a whole number from 0; correct it'
        )
    return int(number)


def take_box(values: Any, size: tuple[float, float], where: str, *, name: str = 'bbox') -> Box:
    """Corners in pixels as fractions of the frame.

    Args:
        values: ``x1, y1, x2, y2``, numbers or texts.
        size: Width and height of the frame; ``(1, 1)`` for fractions.
        where: File and row, for messages.
        name: Of the field, for messages.

    Raises:
        TargetStoreError: Not four numbers, turned corners, or more than a pixel (or 1 %) outside.
    """
    if not isinstance(values, (list, tuple)) or len(values) != 4:
        raise TargetStoreError(
            f'{where}: {name} is {quote(values)}, expected four numbers; correct or remove the row'
        )
    numbers = [take_number(value, name, where) for value in values]
    x1, y1, x2, y2 = numbers
    if x2 < x1 or y2 < y1:
        raise TargetStoreError(
            f'{where}: {name} has its second corner before the first '
            f'({x1:g}, {y1:g}, {x2:g}, {y2:g}); expected x1 <= x2 and y1 <= y2. Correct it'
        )
    fractions = []
    for number, side in zip(numbers, (*size, *size)):
        slack = max(BOX_SLACK * side, 1 if side > 1 else 0)
        if not -slack <= number <= side + slack:
            raise TargetStoreError(
                f'{where}: {name} has {number:g}, outside a frame of {size[0]:g}x{size[1]:g}; give '
                'the size of the frames on which the boxes lie'
            )
        fractions.append(min(max(number / side, 0.0), 1.0))
    return Box(*fractions)


class FrameNames:
    """The video id and the frame number, from 0, in the name of an image.

    Args:
        pattern: Regular expression with the groups ``video`` and ``frame``.
        first: Number of a video's first frame in these names.

    Raises:
        ValueError: The pattern is no regular expression or lacks a group.
    """

    def __init__(self, pattern: str = FRAME_NAMES, first: int = 1) -> None:
        try:
            self._pattern = re.compile(pattern)
        except re.error as error:
            raise ValueError(f'{pattern!r} is no regular expression ({error})') from None
        if not {'video', 'frame'} <= self._pattern.groupindex.keys():
            raise ValueError(f'{pattern!r} lacks the groups (?P<video>...) and (?P<frame>...)')
        self._first = first
        self._names: dict[str, tuple[str, str]] = {}  # id -> name up to it, where it was first

    def split(self, name: str, where: str) -> tuple[str, int]:
        """Video id and frame number.

        Raises:
            TargetStoreError: The name does not match, its number is before the first, or it is of
                another video than a name before that had the same id.
        """
        # the end of the name: a search takes time that grows with the square of the length
        found = self._pattern.search(name[-_LONGEST_NAME:].replace('\\', '/'))
        number = int(found['frame']) - self._first if found and found['frame'].isdecimal() else -1
        if not 0 <= number < 2**31 or not found['video']:
            raise TargetStoreError(
                f'{where}: {quote(name)} does not name a video and a frame from {self._first}, '
                'expected names like VIDEO/frame_0000000012.jpg; give a pattern (--names) or '
                '--first-frame 0'
            )
        path = found.string[: found.end('video')]
        other, place = self._names.setdefault(found['video'], (path, where))
        if other != path:
            raise TargetStoreError(
                f'{where}: {quote(path)} has the video id {quote(found["video"])}, and so has '
                f'{quote(other)} of {place}; give a pattern that tells them apart, such as '
                "--names '(?P<video>.+)/(?P<frame>[0-9]+)[.]', which makes ids of whole paths"
            )
        return found['video'], number
