"""From frame numbers of the user's copy of a video to the teacher's frames and detections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .records import VideoInfo

_LAST_FRAME = 2**31 - 1  # of a video of unknown length, since frames are stored as int32


def stored_frames(
    frame_inds: np.ndarray | Sequence[int],
    info: VideoInfo,
    total_frames: int | None = None,
    fps: float | None = None,
    frame_times: np.ndarray | None = None,
) -> np.ndarray:
    """Stored frame number for each frame number of another copy of the same video.

    Copies with equally many frames match frame by frame. Otherwise frames meet by time when both
    frame rates are known, else at the same fraction of the video, else by number. Numbers are
    clamped to the stored range and moved to the nearest frame that the teacher processed.

    Args:
        frame_inds: Integers (n,), 0-based.
        info: The copy that the teacher saw.
        total_frames: Number of frames of the user's copy, where known.
        fps: Frame rate of the user's copy, where known.
        frame_times: Seconds from its first frame at which the frames of the user's copy are shown,
            float64 (total_frames,), where its rate varies.

    Returns:
        int64 (n,).
    """
    frames = np.asarray(frame_inds, dtype=np.int64).reshape(-1)
    both_totals = bool(total_frames and info.num_frames)
    if both_totals and int(total_frames) == info.num_frames:
        pass
    elif frame_times is not None and info.fps:
        frames = np.rint(frame_times[np.clip(frames, 0, len(frame_times) - 1)] * info.fps).astype(
            np.int64
        )
    elif fps and info.fps:
        frames = np.rint(frames / fps * info.fps).astype(np.int64)
    elif both_totals:
        frames = np.rint(frames * (info.num_frames / total_frames)).astype(np.int64)
    last = info.num_frames - 1 if info.num_frames else _LAST_FRAME
    frames = np.minimum(np.maximum(frames, 0), last)  # np.clip takes longer on a few numbers
    stride = info.frame_stride
    if stride > 1:
        frames = np.minimum((frames + stride // 2) // stride * stride, last // stride * stride)
    return frames


def rows_of_frames(frame: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Detections of some frames, frame by frame.

    Args:
        frame: int32 (n,), frame of each detection, ascending.
        wanted: int64 (m,) that fit int32, frames asked for, in any order and any number of times.

    Returns:
        slot, int64 (k,), position in ``wanted``; rows, int64 (k,), position in ``frame``.
    """
    wanted = wanted.astype(frame.dtype)  # or each search would convert the whole column first
    first = frame.searchsorted(wanted)
    counts = frame.searchsorted(wanted, side='right') - first
    slot = np.arange(len(wanted)).repeat(counts)
    # k-th detection of a slot: first row of its frame + k
    before = counts.cumsum() - counts
    return slot, np.arange(len(slot)) + (first - before).repeat(counts)
