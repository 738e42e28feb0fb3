"""From decoded frames to RGB as a player shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import av


class Pictures:
    """Turns PyAV's frames into RGB arrays of one size and the right way up.

    Rotation and mirroring are those of the display matrix. Frames of another size than the first
    are scaled to it.

    Args:
        stored: width and height of the first frame, as stored.
        check: returns the true ones; called once when a frame differs. None: ``stored`` is true.
    """

    def __init__(
        self, stored: tuple[int, int], check: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        from av.video.reformatter import VideoReformatter

        self._stored, self._check = stored, check
        self._convert = VideoReformatter()  # one for all frames: it keeps its tables
        self._options = to_rgb()
        self._turns: tuple[int, bool] | None = None

    def rgb(self, frame: av.VideoFrame) -> np.ndarray:
        """uint8 (H, W, 3), contiguous."""
        if (frame.width, frame.height) != self._stored and self._check is not None:
            self._stored, self._check = self._check(), None
        if (frame.width, frame.height) == self._stored:
            picture = self._convert.reformat(frame, **self._options).to_ndarray()
        else:
            width, height = self._stored
            picture = frame.to_ndarray(width=width, height=height, **self._options)
        if self._turns is None:
            self._turns = display_turns(frame)
        turns, mirrored = self._turns
        if not turns and not mirrored:
            return picture
        return np.ascontiguousarray(np.rot90(picture[:, ::-1] if mirrored else picture, turns))


def to_rgb() -> dict[str, Any]:
    """Arguments of PyAV's ``reformat``: RGB, converted on one thread.

    There is one data worker a core, and from version 17 on PyAV takes a thread a core by default.
    """
    import av

    options: dict[str, Any] = dict(format='rgb24')
    if int(av.__version__.split('.')[0]) > 16:
        options['threads'] = 1
    return options


def display_turns(frame: av.VideoFrame) -> tuple[int, bool]:
    """Quarter turns counterclockwise, and whether left and right are exchanged before."""
    side = frame.side_data.get('DISPLAYMATRIX') if hasattr(frame, 'side_data') else None
    if side is None:
        return round(getattr(frame, 'rotation', 0) / 90) % 4, False
    # x' = a x + c y, y' = b x + d y, y downwards
    a, b, _, c, d, *_ = np.frombuffer(bytes(side), np.int32).astype(float)
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return round(np.degrees(np.arctan2(-b, a)) / 90) % 4, bool(mirrored)


def shown_size(frame: av.VideoFrame) -> tuple[int, int]:
    """Width and height as a player shows them."""
    size = frame.width, frame.height
    return size[::-1] if display_turns(frame)[0] % 2 else size
