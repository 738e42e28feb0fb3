"""From frame numbers of the user's copy of a video to those the teacher saw."""

import numpy as np

from .records import VideoInfo


def stored_frames(frame_inds: np.ndarray, info: VideoInfo, total_frames: int | None = None,
                  fps: float | None = None) -> np.ndarray:
    """Stored frame number for each frame number of another copy of the same video.

    Copies with equally many frames match frame by frame. Otherwise frames meet by time when both
    frame rates are known, else at the same fraction of the video, else by number. Numbers are
    clamped to the stored range and moved to the nearest frame that the teacher processed.

    Args:
        frame_inds: Integers (n,), 0-based.
        info: The copy that the teacher saw.
        total_frames: Number of frames of the user's copy, where known.
        fps: Frame rate of the user's copy, where known.

    Returns:
        int64 (n,).
    """
    frames = np.asarray(frame_inds, dtype=np.int64).reshape(-1)
    both_totals = bool(total_frames and info.num_frames)
    if both_totals and int(total_frames) == info.num_frames:
        pass
    elif fps and info.fps:
        frames = np.rint(frames / fps * info.fps).astype(np.int64)
    elif both_totals:
        frames = np.rint(frames * (info.num_frames / total_frames)).astype(np.int64)
    last = info.num_frames - 1 if info.num_frames else None
    frames = np.clip(frames, 0, last)
    stride = info.frame_stride
    if stride > 1:
        frames = (frames + stride // 2) // stride * stride
        if last is not None:
            frames = np.minimum(frames, last // stride * stride)
    return frames
