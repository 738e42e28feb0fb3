"""Video files read once, front to back, by one of several decoders; all give RGB.

Frames of a video whose size changes on the way are scaled to the size of the first.
"""
from __future__ import annotations

import errno
import importlib
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from egoexo_mm.video import open_video

# said by a decoder that ran out of something which the next video needs as well
_MACHINE = ('bad_alloc', 'cannot allocate memory', 'insufficient memory', 'too many open files')
_DECORD_PLACE = re.compile(r'\[\d\d:\d\d:\d\d\] \S+:\d+: ')  # time and source line in front of a message
_MACHINE_ERRNO = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)


class BrokenVideoError(Exception):
    """A file that gives no frames, or not all of them; the text is the reason."""


class VideoFile:
    """A video that is read forwards; subclasses give ``_open`` and ``_read``.

    Attributes:
        num_frames: as the file says, 0 where it does not.
        fps: as the file says, 0 where it does not.
        position: number of frames passed so far.

    Raises:
        BrokenVideoError: the file cannot be read. Lack of memory or of file handles is raised as it is.
    """

    module = ''  # that must be installed

    def __init__(self, path: str) -> None:
        self.num_frames, self.fps, self.position = 0, 0., 0
        if not os.path.isfile(path):
            raise BrokenVideoError('no such file')
        self._guarded(self._open, path)

    def read(self, skip: int = 0) -> np.ndarray | None:
        """RGB uint8 (H, W, 3) of the frame after the next ``skip``, or None behind the end."""
        return self._guarded(self._read, skip)

    def _open(self, path: str) -> None:
        raise NotImplementedError

    def _read(self, skip: int) -> np.ndarray | None:
        raise NotImplementedError

    @staticmethod
    def _guarded(step, *args: Any) -> Any:
        try:
            return step(*args)
        except (BrokenVideoError, MemoryError, ImportError):
            raise
        except Exception as error:  # each decoder has its own
            text = ' '.join(str(error).split())
            if getattr(error, 'errno', None) in _MACHINE_ERRNO or any(words in text.lower() for words in _MACHINE):
                raise
            raise BrokenVideoError(f'{type(error).__name__}: {_DECORD_PLACE.sub("", text)[:200]}') from error


class DecordFile(VideoFile):
    """Read by decord (or decord2, which installs under the same name): MMAction2's reader. Far frames are reached by
    jumping to the key frame before them."""

    module = 'decord'

    def _open(self, path: str) -> None:
        self._reader = open_video(path)
        self.num_frames, self.fps = len(self._reader), float(self._reader.get_avg_fps())

    def _read(self, skip: int) -> np.ndarray | None:
        number = self.position + skip
        if number < self.num_frames:
            self.position = number + 1
            return self._reader[number].asnumpy()
        if self.position < self.num_frames:  # decord's thread may have met damage in the last frames, or not yet
            self._reader[self.num_frames - 1]
            self.position = self.num_frames
        return None


class OpenCVFile(VideoFile):
    """Read by OpenCV. Passed-over frames are decoded but not converted; the number of frames is a guess for some formats.

    OpenCV 4.11 does not follow a change of size: it repeats the last frame before it, and nothing tells. Another reader is
    needed for such videos.
    """

    module = 'cv2'

    def _open(self, path: str) -> None:
        import cv2
        self._capture = cv2.VideoCapture(path)
        if not self._capture.isOpened():
            raise BrokenVideoError('OpenCV cannot open it')
        self.num_frames = max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)
        self.fps = max(float(self._capture.get(cv2.CAP_PROP_FPS)), 0.)

    def _read(self, skip: int) -> np.ndarray | None:
        for _ in range(skip + 1):
            if not self._capture.grab():
                return None
            self.position += 1
        done, frame = self._capture.retrieve()
        if not done:
            raise BrokenVideoError(f'frame {self.position - 1} cannot be decoded')
        return np.ascontiguousarray(frame[..., ::-1])  # BGR


class PyAVFile(VideoFile):
    """Read by PyAV. Passed-over frames are decoded but not converted."""

    module = 'av'

    def _open(self, path: str) -> None:
        import av
        self._container = av.open(path)
        if not self._container.streams.video:
            raise BrokenVideoError('has no video stream')
        stream = self._container.streams.video[0]
        self.num_frames, self.fps = stream.frames, float(stream.average_rate or 0)
        self._frames: Iterator = self._container.decode(stream)
        self._size: dict[str, int] = {}

    def _read(self, skip: int) -> np.ndarray | None:
        for frame in self._frames:
            self._size = self._size or dict(width=frame.width, height=frame.height)
            self.position += 1
            if skip == 0:
                return frame.to_ndarray(format='rgb24', **self._size)
            skip -= 1
        self._container.close()
        return None


READERS: dict[str, type[VideoFile]] = dict(decord=DecordFile, opencv=OpenCVFile, pyav=PyAVFile)


def check_reader(name: str) -> None:
    """Refuse a reader that is unknown or not installed.

    Raises:
        ValueError: in one sentence that names those there are.
    """
    if name not in READERS:
        raise ValueError(f'reader is {name!r}, expected one of {", ".join(READERS)}')
    try:
        importlib.import_module(READERS[name].module)
    except ImportError as error:
        raise ValueError(f'reader {name!r} needs the package {READERS[name].module}, which cannot be imported ({error}); '
                         f'install it or set reader to another of {", ".join(READERS)}') from None
