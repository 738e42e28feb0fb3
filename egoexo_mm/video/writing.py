"""Writing videos: under another name first, one rule for odd sizes, one error with the path."""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

from egoexo_mm.atomic_files import whole_file

from .ffmpeg import even_size

_H264 = ('h264', 'avc1')


class VideoWriteError(ValueError):
    """A video cannot be written; the message names the file and says what to do."""


def write_mp4(
    path: str | Path, pictures: Iterable[np.ndarray], fps: float, codec: str = 'mp4v'
) -> int:
    """Write a video without sound; the file is complete or absent.

    Args:
        path: ends in .mp4, or .avi for codecs that MP4 cannot hold.
        pictures: (H, W, 3) uint8 RGB of one size; taken one at a time. Odd sides are scaled to the
            even number below (at least 2), so that boxes relative to the frame stay where they are:
            the codecs store even sizes only.
        fps: frames per second.
        codec: four letters. The OpenCV wheels bring ``'mp4v'`` (MPEG-4 part 2: VLC, mpv, ffmpeg)
            and ``'vp09'`` (VP9, also browsers), and in .avi ``'FFV1'`` (lossless). ``'h264'`` is
            written by PyAV, which must be installed.

    Returns:
        The number of pictures.

    Raises:
        VideoWriteError: no encoder for ``codec``, no picture, one of another size or kind, or a
            frame rate that is none.
        OSError: the file cannot be written, or not in full: the disk is full.
    """
    if not 0 < fps < math.inf:
        raise VideoWriteError(
            f'{path}: the frame rate is {fps}; give a positive number of frames per second'
        )
    pictures = iter(pictures)
    first = next(pictures, None)
    if first is None:
        raise VideoWriteError(f'{path}: there is no frame to write')
    _check_picture(path, 0, first, first.shape)
    size = even_size(first.shape[1], first.shape[0])
    frames = _checked(path, first, pictures, size)
    with whole_file(path) as temporary:
        count = (_write_h264 if codec in _H264 else _write_opencv)(
            path, temporary, frames, fps, size, codec
        )
        if _lacks_frames(temporary, count):
            raise OSError(
                f'{path}: the video could not be written in full; free space on the disk and run '
                'again'
            )
    return count


def _check_picture(
    path: str | Path, number: int, picture: np.ndarray, shape: tuple[int, ...]
) -> None:
    """Refuse what OpenCV would leave out without a word."""
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise VideoWriteError(
            f'{path}: picture {number} is {picture.dtype} of the shape {picture.shape}; expected '
            'uint8 of the shape (height, width, 3)'
        )
    if picture.shape != shape:
        raise VideoWriteError(
            f'{path}: picture {number} has the shape {picture.shape}, the first one {shape}; all '
            'must be of one size'
        )


def _checked(
    path: str | Path, first: np.ndarray, rest: Iterator[np.ndarray], size: tuple[int, int]
) -> Iterator[np.ndarray]:
    """The pictures at ``size`` (width, height)."""
    for number, picture in enumerate(itertools.chain([first], rest)):
        _check_picture(path, number, picture, first.shape)
        if picture.shape[1::-1] != size:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        yield picture


def _write_opencv(
    path: str | Path,
    temporary: str,
    frames: Iterator[np.ndarray],
    fps: float,
    size: tuple[int, int],
    codec: str,
) -> int:
    # OpenCV 5 has these functions only in cv2.utils.logging, OpenCV 4.11 only in cv2
    logs = getattr(cv2.utils, 'logging', cv2)
    level = logs.getLogLevel()
    logs.setLogLevel(0)  # silent: the errors here say it
    try:
        fourcc = cv2.VideoWriter.fourcc(*codec) if len(codec) == 4 else 0
        writer = cv2.VideoWriter(temporary, fourcc, fps, size)
        if len(codec) != 4 or not writer.isOpened():
            raise VideoWriteError(
                f'{path}: this OpenCV has no encoder for {codec!r} at {fps:g} frames/s of '
                f"{size[0]} x {size[1]}; 'mp4v' is in every OpenCV wheel, for at most 65535 "
                'frames/s'
            )
        count = 0
        try:
            for frame in frames:
                writer.write(np.ascontiguousarray(frame[..., ::-1]))
                count += 1
        finally:
            writer.release()
        return count
    finally:
        logs.setLogLevel(level)


def _write_h264(
    path: str | Path,
    temporary: str,
    frames: Iterator[np.ndarray],
    fps: float,
    size: tuple[int, int],
    codec: str,
) -> int:
    if not importlib.util.find_spec('av'):
        raise VideoWriteError(
            f'{path}: PyAV, which has the encoder for {codec!r}, is not installed; pip install av, '
            "or write 'mp4v'"
        )
    from fractions import Fraction

    import av

    count = 0
    with av.open(temporary, 'w') as file:
        try:
            stream = file.add_stream(
                'libx264', rate=Fraction(fps).limit_denominator(1001), options=dict(crf='23')
            )
        except ValueError as error:
            raise VideoWriteError(
                f"{path}: this PyAV cannot encode {codec!r} ({error}); write 'mp4v'"
            ) from None
        (stream.width, stream.height), stream.pix_fmt = size, 'yuv420p'
        for frame in frames:
            file.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), 'rgb24'))
            )
            count += 1
        file.mux(stream.encode())
    return count


def _lacks_frames(path: str, count: int) -> bool:
    """Whether a file just written has fewer frames.

    OpenCV's writer says nothing when the disk is full.
    """
    capture = cv2.VideoCapture(path)
    try:
        return not capture.isOpened() or int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) < count
    finally:
        capture.release()
