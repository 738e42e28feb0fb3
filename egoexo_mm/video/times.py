"""From seconds to frames of a video of variable rate."""

from __future__ import annotations

import numpy as np

_SLACK = 1e-6  # seconds; decimal numbers fall just short of the times they mean


def frame_at(times: np.ndarray, seconds: np.ndarray | float) -> np.ndarray:
    """The frame in sight at each time: the last that is shown by then.

    Args:
        times: float64 (n,), when each frame is shown, in seconds from the first, never descending.
        seconds: any shape.

    Returns:
        int64 of that shape, from 0 to n - 1.
    """
    return np.clip(
        np.searchsorted(times, np.asarray(seconds) + _SLACK, side='right') - 1, 0, len(times) - 1
    )


def duration(times: np.ndarray, fps: float) -> float:
    """Seconds from the first frame to the end of the last.

    The last frame is taken to last as long as the one before it, or as a frame on average if that
    is longer.
    """
    last = times[-1] - times[-2] if len(times) > 1 else 0.0
    return float(times[-1] + max(last, 1 / fps if fps else 0.0))
