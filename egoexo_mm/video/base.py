"""What every reader offers: frames by number, and frames one after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import numpy as np

from .errors import BrokenVideoError, ReaderLimitError, naming


class Frames(list):
    """Arrays that pass for a batch of decord's."""

    def asnumpy(self) -> Frames:
        """The arrays themselves."""
        return self


class _Reader:
    """A video, read by this reader or by another one that is installed.

    Where a reader cannot do what it should, another one takes over. This is logged.
    """

    module = ''  # that must be installed
    name: str  # of the file, for messages
    _alone: bool  # no other reader takes over
    _other: Any = None

    def _naming(self, opening: bool) -> AbstractContextManager:
        """Errors get the file's name; only those of PyAV show that the file is damaged."""
        limited = opening or self.module != 'av'
        return naming(self.name, ReaderLimitError if limited else BrokenVideoError)

    def _hand_over(self, kinds: str, error: ReaderLimitError, *arguments: Any) -> None:
        """Have another of the readers in ``opening.<kinds>`` open the file."""
        if self._alone or self._other:
            raise error
        from . import opening

        self._other = opening.another(getattr(opening, kinds), self.module, error, *arguments)


class RandomAccess(_Reader):
    """Frames of a video by number, in the words of ``decord.VideoReader``, for ``DecordDecode``.

    Frames are numbered from 0 in the order in which a player shows them. Subclasses give ``_open``
    and ``_get``. What a reader cannot do, another that is installed does, and the log says so.

    Args:
        source: path or binary file.
        name: of the file, for messages; needed where ``source`` is none.

    Attributes:
        times: float64 (n,), when each frame is shown, in seconds from the first, never descending.

    Raises:
        BrokenVideoError: no reader that is installed reads the file.
    """

    times: np.ndarray
    fps = 0.0

    def __init__(
        self, source: str | BinaryIO, name: str | None = None, *, alone: bool = False
    ) -> None:
        own = source if isinstance(source, str) else getattr(source, 'name', 'video in memory')
        self.name = str(name or own)
        self._source, self._alone = source, alone
        if isinstance(source, str) and not os.path.isfile(source):
            raise BrokenVideoError(f'{self.name}: no such file')
        self._attempt(self._open)

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, number: int) -> np.ndarray:
        """RGB uint8 (H, W, 3); negative numbers count from the end."""
        return self.get_batch([number + len(self) if number < 0 else number])[0]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all frames, as shown."""
        height, width = self[0].shape[:2]
        return width, height

    @property
    def steady(self) -> bool:
        """Whether every frame is shown close to number / average rate.

        That is within half a frame, or 1 ms, to which some files round.
        """
        if not self.fps:
            return True
        off = np.abs(self.times - np.arange(len(self)) / self.fps).max()
        return bool(off <= max(0.5 / self.fps, 1e-3) + 1e-6)

    def get_avg_fps(self) -> float:
        """Average frame rate; 0 where unknown."""
        return self.fps

    def get_batch(self, numbers: Sequence[int]) -> Frames:
        """RGB frames (H, W, 3), uint8, all of one size.

        Args:
            numbers: (F,) from 0, in any order; a frame asked for twice is one array twice.

        Raises:
            IndexError: a number is beyond the video.
            BrokenVideoError: a frame cannot be decoded.
        """
        numbers = [int(number) for number in numbers]
        wanted = sorted(set(numbers))
        if wanted and (wanted[0] < 0 or wanted[-1] >= len(self)):
            bad = wanted[0] if wanted[0] < 0 else wanted[-1]
            raise IndexError(
                f'{self.name}: frame {bad} is beyond the {len(self)} frames of the video'
            )
        found = self._attempt(self._find, wanted) if wanted else {}
        return Frames(found[number] for number in numbers)

    def _find(self, wanted: list[int]) -> dict[int, np.ndarray]:
        found = self._other.get(wanted) if self._other else self._get(wanted)
        for number in wanted:
            if number not in found:
                raise BrokenVideoError(f'frame {number} of {len(self)} cannot be decoded')
        return found

    def _attempt(self, step: Callable, *args: Any) -> Any:
        """A step of this reader, or of another where this one cannot do it."""
        opening = step == self._open
        try:
            with self._naming(opening):
                return step(*args)
        except ReaderLimitError as error:
            self._hand_over('FRAMES', error, self._source, self.name)
            self.times, self.fps = self._other.times, self._other.fps
            return None if opening else self._find(*args)

    def get(self, wanted: list[int]) -> dict[int, np.ndarray]:
        """Frames of ascending numbers, each once."""
        with naming(self.name):
            return self._get(wanted)

    def _open(self) -> None:
        raise NotImplementedError

    def _get(self, wanted: list[int]) -> dict[int, np.ndarray]:
        raise NotImplementedError


class VideoFile(_Reader):
    """A video that is read forwards; subclasses give ``_open`` and ``_read``.

    What a reader cannot do, another that is installed does, and the log says so.

    Attributes:
        path: of the file.
        num_frames: that can be shown; 0 where only decoding them all would tell.
        fps: average rate, 0 where unknown.
        times: float64 (n,), when each frame is shown, in seconds from the first; None where
            ``num_frames`` is 0.
        position: number of frames passed so far.

    Raises:
        BrokenVideoError: the file cannot be read. Lack of memory or of file handles is raised as it
            is.
    """

    times: np.ndarray | None = None

    def __init__(self, path: str, *, alone: bool = False) -> None:
        self.path = self.name = str(path)
        self._alone = alone
        self.num_frames, self.fps, self.position = 0, 0.0, 0
        if not os.path.isfile(self.path):
            raise BrokenVideoError(f'{self.path}: no such file')
        try:
            with self._naming(True):
                self._open(self.path)
        except ReaderLimitError as error:
            self._continue_with_another(error)

    def read(self, skip: int = 0) -> np.ndarray | None:
        """RGB uint8 (H, W, 3) of the frame after the next ``skip``, or None behind the end."""
        target = self.position + skip
        if self._other is None:
            try:
                with self._naming(False):
                    return self._read(skip)
            except ReaderLimitError as error:
                self._continue_with_another(error)
        frame = self._other.read(target - self._other.position)
        self.position = self._other.position
        return frame

    def _continue_with_another(self, error: ReaderLimitError) -> None:
        self._hand_over('READERS', error, self.path)
        self.num_frames, self.fps = self._other.num_frames, self._other.fps
        self.times = self._other.times

    def _open(self, path: str) -> None:
        raise NotImplementedError

    def _read(self, skip: int) -> np.ndarray | None:
        raise NotImplementedError
