"""Videos that are not as they should be, made without an encoder that tests cannot count on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from media import write_video


def ramp(num_frames: int = 40, size: tuple[int, int] = (64, 48), red: int = 200) -> np.ndarray:
    """(T, H, W, 3) frames whose green value is 5 times their number."""
    frames = np.zeros((num_frames, size[1], size[0], 3), np.uint8)
    frames[..., 0] = red
    frames[..., 1] = np.arange(num_frames)[:, None, None] * 5
    return frames


def size_change(path: Path) -> Path:
    """40 reddish frames of 64 x 48, then 20 dark ones of 96 x 64; the header says 40 frames."""
    parts = [
        write_video(path.with_suffix(f'.{i}.avi'), frames, codec='MJPG').read_bytes()
        for i, frames in enumerate((ramp(), ramp(20, (96, 64), red=0)))
    ]
    path.write_bytes(b''.join(parts))
    return path


def cut(path: Path) -> Path:
    """The first half of a file of 40 frames."""
    write_video(path, ramp(), codec='MJPG')
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def no_frames(path: Path) -> Path:
    """A file with a header and nothing else, which ``write_mp4`` refuses to make."""
    cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 30, (64, 48)).release()
    return path
