"""Reading videos and writing pictures and videos."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from egoexo_mm import video
from egoexo_mm.atomic_files import whole_file


class VisualizationError(ValueError):
    """Something cannot be drawn; the message says why, and what to do."""


class VideoFrames:
    """Frames of a video by number: numbers, pictures and times are those of training.

    Attributes:
        num_frames: Number of frames that can be shown.
        fps: Average frame rate, 0 where unknown.
        times: (num_frames,) seconds at which each frame is shown, from the first.
        steady: Whether these are number / average rate.

    Raises:
        VisualizationError: The file does not exist or is no video.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise VisualizationError(f'{path}: no such file; give the path of a video')
        try:
            self._reader = video.open_frames(str(path))
        except video.BrokenVideoError as error:
            raise self._broken('does not open as a video', error) from None
        self.num_frames, self.times = len(self._reader), self._reader.times
        self.fps = float(self._reader.get_avg_fps())
        self.steady = self._reader.steady

    def __len__(self) -> int:
        return self.num_frames

    def __getitem__(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        try:
            return self._reader[number]
        except video.BrokenVideoError as error:
            raise self._broken(
                f'frame {number} of {self.num_frames} cannot be decoded', error
            ) from None

    def seconds(self, number: int) -> float:
        """When a frame is shown, from the first one on."""
        return float(self.times[number])

    def until(self, seconds: float) -> int:
        """How many frames are shown before ``seconds``, at least 1."""
        return max(1, int(np.searchsorted(self.times, seconds)))

    def evenly(self, count: int) -> list[int]:
        """Numbers of ``count`` frames (or fewer), from the middles of as many equal parts."""
        count = min(count, self.num_frames)
        return [(2 * i + 1) * self.num_frames // (2 * count) for i in range(count)]

    def _broken(self, problem: str, error: Exception) -> VisualizationError:
        reason = str(error).replace(f'{self.path}: ', '', 1)
        return VisualizationError(f'{self.path}: {problem} ({reason}); replace the file')


def write_png(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture; the file appears complete or not at all."""
    with whole_file(path) as temporary:
        try:
            cv2.imwrite(temporary, picture[..., ::-1])
        except cv2.error:
            raise VisualizationError(
                f'{path}: OpenCV cannot write it; give a name that ends in .png'
            ) from None


def write_mp4(
    path: str | Path, pictures: Iterable[np.ndarray], fps: float, codec: str = 'mp4v'
) -> int:
    """Write a video without sound, see :func:`egoexo_mm.video.write_mp4`.

    Returns:
        The number of its pictures.

    Raises:
        VisualizationError: No encoder for ``codec``, no picture, or one of another size.
    """
    try:
        return video.write_mp4(path, pictures, fps, codec)
    except video.VideoWriteError as error:
        raise VisualizationError(str(error)) from None
