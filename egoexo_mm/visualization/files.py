"""Reading videos and writing pictures and videos."""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from egoexo_mm.files import whole_file
from egoexo_mm.video import open_video


class VisualizationError(ValueError):
    """Something cannot be drawn; the message is one sentence that says what, and what to do."""


class VideoFrames:
    """Frames of a video by number, numbered as in training (decord).

    Raises:
        VisualizationError: the file is not there or is no video.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise VisualizationError(f'{path}: no such file; give the path of a video')
        try:
            self._reader = open_video(path)
            self.num_frames = len(self._reader)
            self.fps = float(self._reader.get_avg_fps())
        except Exception as error:  # decord has no error class that all versions share
            raise self._broken('does not open as a video', error) from None
        if not self.num_frames:
            raise VisualizationError(f'{path}: has no frame; give another video')

    def __len__(self) -> int:
        return self.num_frames

    def __getitem__(self, number: int) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        try:
            return self._reader[number].asnumpy()
        except Exception as error:
            raise self._broken(f'frame {number} of {self.num_frames} cannot be decoded', error) from None

    def seconds(self, number: int) -> float:
        """When a frame is shown."""
        return number / self.fps if self.fps > 0 else 0.

    def evenly(self, count: int) -> list[int]:
        """Numbers of ``count`` frames, from the middles of as many equal parts; fewer where the video is shorter."""
        count = min(count, self.num_frames)
        return [(2 * i + 1) * self.num_frames // (2 * count) for i in range(count)]

    def _broken(self, problem: str, error: Exception) -> VisualizationError:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return VisualizationError(f'{self.path}: {problem} ({reason}); replace the file')


def write_png(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture; the file is there whole or not at all."""
    with whole_file(path) as temporary:
        try:
            cv2.imwrite(temporary, picture[..., ::-1])
        except cv2.error:
            raise VisualizationError(f'{path}: OpenCV cannot write it; give a name that ends in .png') from None


def write_mp4(path: str | Path, pictures: Iterable[np.ndarray], fps: float, codec: str = 'mp4v') -> int:
    """Write a video without sound; the file is there whole or not at all.

    Args:
        path: ends in .mp4.
        pictures: of one size, with even sides; taken one at a time.
        fps: frames per second.
        codec: four letters. The OpenCV wheels bring ``'mp4v'`` (MPEG-4 part 2: VLC, mpv, ffmpeg) and ``'vp09'`` (VP9, also
            browsers), and no encoder of H.264.

    Returns:
        The number of pictures.

    Raises:
        VisualizationError: no encoder for ``codec``, no picture, or one of another size.
    """
    pictures = iter(pictures)
    first = next(pictures, None)
    if first is None:
        raise VisualizationError(f'{path}: there is no frame to write')
    with whole_file(path) as temporary:
        writer = _open_writer(temporary, codec, fps, (first.shape[1], first.shape[0]))
        if not writer.isOpened():
            raise VisualizationError(f"{path}: this OpenCV has no encoder for {codec!r}; 'mp4v' is in every OpenCV wheel")
        count = 0
        try:
            for picture in _chain(first, pictures):
                if picture.shape != first.shape:  # OpenCV would leave it out without a word
                    raise VisualizationError(f'{path}: picture {count} has the shape {picture.shape}, the first one '
                                             f'{first.shape}; all must be of one size')
                writer.write(np.ascontiguousarray(picture[..., ::-1]))
                count += 1
        finally:
            writer.release()
    return count


def _chain(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest


def _open_writer(path: str, codec: str, fps: float, size: tuple[int, int]) -> cv2.VideoWriter:
    level = cv2.getLogLevel()
    cv2.setLogLevel(0)  # silent: the caller has one sentence for it
    try:
        return cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*codec), fps, size)
    finally:
        cv2.setLogLevel(level)
