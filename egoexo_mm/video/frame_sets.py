"""Frames that are no video file, read as a video is: pictures of a folder, an array, a part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from .base import Frames
from .errors import BrokenVideoError
from .names import frame_files
from .picture_files import is_cut_off

ASSUMED_FPS = 30.0  # of frames whose rate nobody tells


class FrameReader(Protocol):
    """What :class:`~egoexo_mm.video.base.RandomAccess` and the classes below have in common.

    Attributes:
        times: float64 (n,), when each frame is shown, in seconds from the first.
        steady: whether these are number / average rate.
    """

    times: np.ndarray
    steady: bool

    def __len__(self) -> int: ...

    def get_avg_fps(self) -> float:
        """Average frame rate, 0 where unknown."""

    def get_batch(self, numbers: Sequence[int]) -> Frames:
        """RGB frames (H, W, 3), uint8."""


class _SteadyFrames:
    """``count`` frames at a steady rate; 0 is an unknown one."""

    steady = True

    def __init__(self, count: int, fps: float) -> None:
        self.fps = fps
        self.times = np.arange(count) / (fps or ASSUMED_FPS)

    def __len__(self) -> int:
        return len(self.times)

    def get_avg_fps(self) -> float:
        """Average frame rate, 0 where unknown."""
        return self.fps


class FolderFrames(_SteadyFrames):
    """The pictures of a folder, in natural order of their names, as ``RawFrameDecode`` reads them.

    Args:
        folder: Holds the pictures.
        fps: Their rate; 0 where unknown.

    Raises:
        BrokenVideoError: The folder cannot be read, or has no picture.
    """

    def __init__(self, folder: str | Path, fps: float = 0.0) -> None:
        self.folder = os.fspath(folder)
        try:
            self.files = frame_files(folder)
        except OSError as error:
            raise BrokenVideoError(f'{folder}: cannot be read ({error.strerror})') from None
        if not self.files:
            raise BrokenVideoError(f'{folder}: has no pictures')
        super().__init__(len(self.files), fps)

    def get_batch(self, numbers: Sequence[int]) -> Frames:
        """RGB frames; one asked for twice is one array twice.

        Raises:
            BrokenVideoError: A picture cannot be read.
        """
        found = {number: self._read(int(number)) for number in set(map(int, numbers))}
        return Frames(found[int(number)] for number in numbers)

    def _read(self, number: int) -> np.ndarray:
        content = self.files[number].read_bytes()
        frame = None
        if content and not is_cut_off(content):
            frame = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        if frame is None:
            raise BrokenVideoError(f'{self.folder}: {self.files[number].name} cannot be decoded')
        return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)


class ArrayFrames(_SteadyFrames):
    """Frames in memory.

    Args:
        frames: (T, H, W, 3) uint8 RGB, or T such frames.
        fps: Their rate; 0 where unknown.
        times: Seconds from the first, where the rate is not steady.

    Raises:
        BrokenVideoError: They are no such frames.
    """

    def __init__(
        self, frames: Sequence[np.ndarray], fps: float = 0.0, times: np.ndarray | None = None
    ) -> None:
        first = np.asarray(frames[0]) if len(frames) else np.zeros(0)
        if first.ndim != 3 or first.shape[2] != 3 or first.dtype != np.uint8:
            raise BrokenVideoError(
                f'array of {len(frames)} frames, the first {first.dtype} {first.shape}; expected '
                'uint8 RGB frames (T, H, W, 3)'
            )
        super().__init__(len(frames), fps)
        self.frames = frames
        if times is not None:
            self.times, self.steady = times, False

    def get_batch(self, numbers: Sequence[int]) -> Frames:
        """RGB frames."""
        return Frames(self.frames[int(number)] for number in numbers)


class FrameRange:
    """Consecutive frames of a reader, numbered from 0 as if the rest did not exist.

    Args:
        reader: Of all frames.
        first: Number of the first frame.
        count: How many there are, at least 1.
    """

    def __init__(self, reader: FrameReader, first: int, count: int) -> None:
        self._reader, self._first = reader, first
        times = reader.times[first : first + count]
        self.times, self.steady = times - times[0], reader.steady

    def __len__(self) -> int:
        return len(self.times)

    def get_avg_fps(self) -> float:
        """Average frame rate of the reader, 0 where unknown."""
        return self._reader.get_avg_fps()

    def get_batch(self, numbers: Sequence[int]) -> Frames:
        """RGB frames."""
        return self._reader.get_batch([int(number) + self._first for number in numbers])
