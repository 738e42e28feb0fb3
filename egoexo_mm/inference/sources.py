"""What a user names, and the frames behind it: videos, folders of frames, arrays, lists."""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Union

import numpy as np

from egoexo_mm.csv_files import read_csv_rows
from egoexo_mm.video import BrokenVideoError, open_frames
from egoexo_mm.video.frame_sets import ArrayFrames, FolderFrames, FrameRange, FrameReader
from egoexo_mm.video.names import files_below, is_image, is_video
from egoexo_mm.video.times import duration, frame_at
from egoexo_mm.video_lists import decode_text, parse_video_list, read_text

LISTS = ('.txt', '.lst', '.list', '.csv', '.tsv')
_DRAWN = ('.mp4', '.png')  # what drawing writes of a source
_COLUMNS = ('video', 'start', 'end')
_SLACK = 1e-6  # seconds; decimal numbers fall just short of the times they mean

InputType = Union[str, os.PathLike, np.ndarray, 'Source']


@dataclass
class Source:
    """A video, a folder of frames or an array, or a part of one of them.

    Attributes:
        name: Path, or a made-up name of an array.
        frames: (T, H, W, 3) uint8 RGB, where it is an array.
        start: Seconds at which the part begins.
        end: Seconds at which it ends; None is the end of the video.
        fps: Frame rate of a folder or an array, 0 where unknown. It decides what a second is.
        times: Seconds of the frames of an array from the first, where the rate is not steady.
        seconds_before: Seconds of a live source before the array began.
    """

    name: str
    frames: np.ndarray | Sequence[np.ndarray] | None = None
    start: float = 0.0
    end: float | None = None
    fps: float = 0.0
    times: np.ndarray | None = None
    seconds_before: float = 0.0

    def open(self) -> FrameReader:
        """All frames, also those outside of the part.

        Raises:
            BrokenVideoError: They cannot be read.
        """
        if self.frames is not None:
            return ArrayFrames(self.frames, self.fps, self.times)
        if os.path.isdir(self.name):
            return FolderFrames(self.name, self.fps)
        return open_frames(self.name)


def find_sources(
    inputs: InputType | Sequence[InputType],
    fps: float = 0.0,
    leave: Collection[str | Path] = (),
) -> list[Source]:
    """Sources of one or several inputs.

    Args:
        inputs: Videos, folders of frames, folders of videos (at any depth), arrays (T, H, W, 3),
            ``'-'`` for a list on standard input, or lists: a text file with a path a line, labels
            behind it are passed over, or a CSV file with a column ``video`` and, in seconds,
            ``start`` and ``end``. Paths of a list are relative to it.
        fps: Frame rate of folders of frames and of arrays, 0 where unknown.
        leave: Folders below an input that are not looked into, such as that of earlier drawings.

    Raises:
        ValueError: A folder has neither videos nor pictures, or a list cannot be read. A video
            that does not exist is no error here: it is found when it is opened.
    """
    single = isinstance(inputs, (str, os.PathLike, np.ndarray, Source))
    inputs = [inputs] if single else inputs
    leave = [*map(Path, leave)]
    found = (_expand(number, one, fps, leave) for number, one in enumerate(inputs))
    return list(itertools.chain.from_iterable(found))


def _expand(number: int, given: InputType, fps: float, leave: Sequence[Path]) -> Iterable[Source]:
    if isinstance(given, Source):
        return [given]
    if isinstance(given, np.ndarray):
        return [Source(f'array {number}', given, fps=fps)]
    path = os.fspath(given)
    if path == '-':
        text = decode_text(sys.stdin.buffer.read(), 'standard input')
        return _listed(text, 'standard input', '', fps)
    if os.path.isdir(path):
        return _in_folder(path, fps, leave)
    if path.lower().endswith(LISTS) and os.path.exists(path):
        if path.lower().endswith(('.csv', '.tsv')):
            return _table(path, fps)
        return _listed(read_text(path), path, os.path.dirname(path), fps)
    return [Source(path, fps=fps)]


def _in_folder(folder: str, fps: float, leave: Sequence[Path]) -> list[Source]:
    """The folder itself if it has frames, or else all below it that is a video or such a folder.

    Pictures beside a video, such as thumbnails, are no frames.

    Raises:
        ValueError: There is nothing.
    """
    names = os.listdir(folder)
    if any(map(is_image, names)) and not any(map(is_video, names)):
        return [Source(folder, fps=fps)]
    found: dict[Path, None] = {}
    pictures: Counter[Path] = Counter()
    with_videos = set()
    for path in files_below(folder, leave=leave):
        if is_video(path):
            found[path] = None
            with_videos.add(path.parent)
        elif is_image(path):
            found[path.parent] = None
            pictures[path.parent] += 1
    loose = with_videos & pictures.keys()
    if loose:
        print(
            f'{folder}: {sum(pictures[one] for one in loose)} pictures beside videos are left out; '
            'frames need a folder of their own',
            file=sys.stderr,
        )
    for one in loose:
        del found[one]
    if not found:
        raise ValueError(f'{folder}: has neither videos nor pictures at any depth')
    return [Source(str(path), fps=fps) for path in found]


def _listed(text: str, name: str, folder: str, fps: float) -> Iterator[Source]:
    for video in parse_video_list(text, name, several=None):
        yield Source(os.path.join(folder, video.path), fps=fps)


def _table(path: str, fps: float) -> Iterator[Source]:
    header, rows = read_csv_rows(path, _COLUMNS)
    if 'video' not in header:
        # a list whose lines happen to be "path,label"
        yield from _listed(read_text(path), path, os.path.dirname(path), fps)
        return
    for line, row in rows:
        try:
            start = float(row.get('start') or 0)
            end = float(row['end']) if row.get('end') else None
            if not row.get('video') or start < 0 or end is not None and not start < end < math.inf:
                raise ValueError
        except ValueError:
            raise ValueError(
                f'{path}, line {line}: expected a video, and start and end in seconds, got '
                f'{dict(row)}; correct or remove the row'
            ) from None
        yield Source(
            os.path.join(os.path.dirname(path), row['video']), start=start, end=end, fps=fps
        )


@dataclass(frozen=True)
class Part:
    """Frames of a source that get one prediction.

    Attributes:
        source: Number of the source.
        first: Its first frame.
        count: How many frames; None is the complete source.
        start: Seconds at which the part begins in the source.
        end: Seconds at which it ends; of a complete source only opening it tells.
    """

    source: int
    first: int = 0
    count: int | None = None
    start: float = 0.0
    end: float | None = None

    def of(self, reader: FrameReader) -> tuple[FrameReader, float, float]:
        """The frames, and the seconds at which they begin and end."""
        if self.count is None or self.end is None:
            return reader, 0.0, duration(reader.times, reader.get_avg_fps())
        return FrameRange(reader, self.first, self.count), self.start, self.end


def plan_parts(
    number: int, source: Source, window: float | None = None, stride: float | None = None
) -> Iterator[Part]:
    """The parts of a source that get a prediction each.

    Windows begin ``stride`` seconds after one another, and have the frames from their start to
    before their end. The last one is shorter where the source ends within it. A row of a list ends
    with the frame that is in sight at its end, as segments of EPIC-KITCHENS do (``TrimSegment``).

    Args:
        number: Of the source.
        source: What to divide.
        window: Seconds of a window; None is the source in one.
        stride: Seconds between starts; None is the window.

    Raises:
        BrokenVideoError: The source has to be opened and cannot be read, or ends before its part
            begins.
    """
    if window is None and not source.start and source.end is None:
        yield Part(number)
        return
    reader = source.open()
    total = duration(reader.times, reader.get_avg_fps())
    begin, end = source.start, min(source.end or math.inf, total)
    if begin >= end:
        raise BrokenVideoError(
            f'{source.name}: the part from {begin:g} s lies behind its end at {total:.2f} s'
        )
    if window is None:
        first = _frame_at(reader, begin)
        last = _frame_at(reader, end) if source.end else len(reader) - 1
        yield Part(number, first, last - first + 1, begin, end)
        return
    for k in itertools.count():
        start = begin + k * (stride or window)
        if k and start >= end - _SLACK:
            return
        stop = min(start + window, end)
        first = int(frame_at(reader.times, start))
        after = int(np.searchsorted(reader.times, stop - _SLACK))  # the first that is shown later
        yield Part(number, first, max(after - first, 1), start, stop)
        if stop >= end:
            return


def _frame_at(reader: FrameReader, seconds: float) -> int:
    """The frame in sight, by the rule of ``TrimSegment``."""
    fps = reader.get_avg_fps()
    if not reader.steady or not fps:
        return int(frame_at(reader.times, seconds))
    return min(math.floor(seconds * fps + _SLACK), len(reader) - 1)


def source_id(source: Source) -> str:
    """A name for files about a source: its own, without folder and suffix."""
    path = Path(source.name)
    return path.name if source.frames is not None or path.is_dir() else path.stem


def drawn_bases(sources: Sequence[Source], folder: str | Path) -> list[Path]:
    """Where each source is drawn: ``folder/NAME`` for ``NAME.mp4`` and ``NAME.png``.

    Raises:
        ValueError: See :func:`check_drawn`.
    """
    taken: set[str] = set()
    names = (unused(source_id(source), taken) for source in sources)
    # OpenCV crashes where a name to write is not UTF-8
    bases = [Path(folder, name.encode('utf-8', 'backslashreplace').decode()) for name in names]
    check_drawn(sources, bases)
    return bases


def check_drawn(sources: Sequence[Source], bases: Sequence[Path]) -> None:
    """Refuse drawn files, given without suffix, that would replace a source or be frames of it.

    Raises:
        ValueError: One would.
    """
    inputs = {_file_key(source.name) for source in sources if source.frames is None} - {None}
    for folder in dict.fromkeys(base.parent for base in bases):
        if _file_key(folder) in inputs:
            raise ValueError(
                f'{folder} is an input, and what is drawn would count as its frames; draw into '
                'another folder'
            )
    for path in (f'{base}{suffix}' for base in bases for suffix in _DRAWN):
        if _file_key(path) in inputs:
            raise ValueError(
                f'{path} is an input, and drawing would replace it; draw into another folder'
            )


def _file_key(path: str | os.PathLike) -> tuple[int, int] | None:
    """What two names of one file have in common; None where there is no file."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def unused(name: str, taken: set[str]) -> str:
    """The name, or with a number behind it where it is taken; it is taken then."""
    names = (name if i == 0 else f'{name}_{i}' for i in itertools.count())
    new = next(one for one in names if one not in taken)
    taken.add(new)
    return new
