"""A camera, or a stream, as windows that are predicted while it runs."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator

import cv2
import numpy as np

from egoexo_mm.video.frame_sets import ASSUMED_FPS
from egoexo_mm.video.opencv_reader import shows_interlaced
from egoexo_mm.video.opening import say

from .sources import Source


def is_camera(name: str) -> bool:
    """Whether an input is a camera: its number, a device, or the address of a stream."""
    if os.path.exists(name):
        return name.startswith('/dev/')
    return name.isdigit() or name.startswith(
        ('rtsp://', 'rtmp://', 'udp://', 'http://', 'https://')
    )


def camera_windows(
    camera: str | int, window: float, stride: float | None = None, fps: float = 0.0
) -> Iterator[Source]:
    """The last ``window`` seconds, each ``stride`` seconds, until the camera ends.

    At most one window of frames is in memory. Frames of a live camera are timed by the clock, so
    that the time that a prediction takes is no error of the next window; what the camera drops
    meanwhile is a gap in it. A file in place of a camera is timed by its frame rate.

    Args:
        camera: Number or address, or a file that stands in for a camera.
        window: Seconds.
        stride: Seconds; None is a window.
        fps: Frame rate where the camera does not tell it.

    Raises:
        ValueError: The camera does not open.
    """
    capture = cv2.VideoCapture(int(camera) if str(camera).isdigit() else str(camera))
    try:
        if not capture.isOpened():
            raise ValueError(
                f'camera {camera}: does not open; give the number of one that is connected '
                '(0 is the first)'
            )
        rate = fps or capture.get(cv2.CAP_PROP_FPS) or ASSUMED_FPS
        live = not os.path.isfile(str(camera))
        yield from _windows(capture, f'camera {camera}', window, stride or window, rate, live)
    finally:
        capture.release()


def _windows(
    capture: cv2.VideoCapture, name: str, window: float, stride: float, rate: float, live: bool
) -> Iterator[Source]:
    frames: deque[tuple[float, np.ndarray]] = deque()
    begin, count, due = time.monotonic(), 0, window
    while True:
        there, frame = capture.read()
        if not there:
            return
        now = time.monotonic() - begin if live else count / rate
        count += 1
        frames.append((now, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)))
        while frames[0][0] <= now + 1 / rate - window - 1e-6:
            frames.popleft()
        if now + 1 / rate >= due - 1e-6:
            times, pictures = zip(*frames)
            if not shows_interlaced() and all(np.array_equal(pictures[0], p) for p in pictures[1:]):
                say(
                    name,
                    f'{name}: all pictures of a window are the same. If it is interlaced, this '
                    'version of OpenCV cannot show it; pip install "opencv-python<5"',
                )
            yield Source(
                name,
                list(pictures),
                fps=rate,
                times=np.array(times) - times[0] if live else None,
                seconds_before=times[0],
            )
            # a slow model skips windows instead of falling behind
            due = max(due + stride, now + 1 / rate) if live else due + stride
