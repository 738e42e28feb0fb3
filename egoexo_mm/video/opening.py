"""Opening a video by one of several readers, all under the same rules."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, BinaryIO, NamedTuple

from mmengine.logging import MMLogger

from .base import RandomAccess, VideoFile
from .decord_reader import DecordFile, DecordFrames
from .errors import BrokenVideoError, ReaderLimitError
from .opencv_reader import OpenCVFile, OpenCVFrames
from .pyav_reader import PyAVFile, PyAVFrames

# Readers by name: of frames one after the other, and of frames by number. They are tried in the
# order below.
READERS: dict[str, type[VideoFile]] = dict(decord=DecordFile, opencv=OpenCVFile, pyav=PyAVFile)
FRAMES: dict[str, type[RandomAccess]] = dict(
    decord=DecordFrames, opencv=OpenCVFrames, pyav=PyAVFrames
)
_ORDER = ('pyav', 'decord', 'opencv')
_said: set[str] = set()


class VideoFacts(NamedTuple):
    """A video as it is shown.

    Attributes:
        width, height: pixels of every frame, the right way up.
        num_frames: that can be shown.
        fps: average frame rate, 0 where unknown.
        seconds: from the first frame to the end of the last.
    """

    width: int
    height: int
    num_frames: int
    fps: float
    seconds: float


def installed(name: str) -> bool:
    """Whether a reader's package is installed."""
    try:
        return importlib.util.find_spec(READERS[name].module) is not None
    except ValueError:  # a module that is set to None
        return False


def check_reader(name: str | None) -> str:
    """Name of the reader to use.

    For None and ``'auto'`` that is PyAV, else decord, else OpenCV; otherwise the one asked for.

    Raises:
        ValueError: the reader is unknown or not installed; the message names the known ones.
    """
    if name is None or name == 'auto':
        known = next(filter(installed, _ORDER), None)
        if known is None:
            raise ValueError('no package that reads videos is installed; pip install av')
        if known != _ORDER[0]:
            say(
                'no PyAV',
                f'PyAV is not installed, so {known} reads the videos. That takes longer, and some '
                'files cannot be read; of videos with open groups of pictures decord gives frames '
                'a few places off without telling. pip install av',
            )
        return known
    if name not in READERS:
        raise ValueError(
            f'reader is {name!r}, expected one of {", ".join(READERS)}, or None for the best that '
            'is installed'
        )
    try:
        importlib.import_module(READERS[name].module)
    except ImportError as error:
        raise ValueError(
            f'reader {name!r} needs the package {READERS[name].module}, which cannot be imported '
            f'({error}); install it or set reader to another of {", ".join(READERS)}'
        ) from None
    return name


def open_frames(
    source: str | BinaryIO, reader: str | None = None, *, name: str | None = None
) -> RandomAccess:
    """Open a video for reading frames by number.

    Args:
        source: path or binary file.
        reader: ``'pyav'``, ``'decord'``, ``'opencv'``, or None for the first of these that is
            installed.
        name: of the file, for messages; needed where ``source`` is a binary file.

    Raises:
        BrokenVideoError: no reader that is installed reads the file.
        ValueError: an unknown reader, or one that is not installed.
    """
    return FRAMES[check_reader(reader)](source if hasattr(source, 'read') else str(source), name)


def open_stream(path: str, reader: str | None = None) -> VideoFile:
    """Open a video for reading it once, front to back.

    Arguments and errors are those of :func:`open_frames`.
    """
    return READERS[check_reader(reader)](str(path))


def probe(path: str, reader: str | None = None) -> VideoFacts:
    """Size, length and rate of a video as it is shown.

    Arguments and errors are those of :func:`open_frames`.
    """
    video = open_frames(path, reader)
    last = 1 / video.get_avg_fps() if video.get_avg_fps() else 0.0
    return VideoFacts(*video.size, len(video), video.get_avg_fps(), float(video.times[-1]) + last)


def another(
    kinds: dict[str, type[Any]], module: str, error: ReaderLimitError, *arguments: Any
) -> Any:
    """Open a file with another installed reader than that of ``module``, and log it.

    Args:
        kinds: READERS or FRAMES.
        module: of the reader that cannot read the file.
        error: what it said.
        *arguments: of the readers.

    Raises:
        BrokenVideoError: there is none.
    """
    mine = next((name for name, kind in kinds.items() if kind.module == module), '')
    clearest = error
    for name in _ORDER:
        if name != mine and installed(name):
            try:
                other = kinds[name](*arguments, alone=True)
            except ReaderLimitError as other_error:
                clearest = other_error if name == 'pyav' else clearest
                continue
            reason = str(error).partition(': ')[2][:40]
            say(
                f'{mine} {name} {reason}',
                f'{error}. So {name} reads it, and other files of which this is true (not named '
                f"again); set reader='{name}' to choose it",
            )
            return other
    if mine != 'pyav' and not installed('pyav'):
        raise BrokenVideoError(
            f'{clearest}; PyAV may read it, but is not installed (pip install av)'
        ) from None
    raise BrokenVideoError(str(clearest)) from None


def say(kind: str, text: str) -> None:
    """Warn once in a process of each kind."""
    if kind not in _said:
        _said.add(kind)
        MMLogger.get_current_instance().warning(text)
