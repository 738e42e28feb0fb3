"""The demo's list of short clips, shared by its scripts.

A folder of clips has ``videos/*.mp4`` and the Kinetics-style lists ``train.txt`` and ``val.txt``,
lines ``NAME.mp4 LABEL``. A clip is called ``SOURCE_SPLIT_NUMBER``.
"""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

# label -> name of the source video
CLASSES = ('bikes', 'bigbuckbunny', 'carphone')
SPLITS = ('train', 'val')


class Clip(NamedTuple):
    path: Path
    label: int

    @property
    def video_id(self) -> str:
        """Key of the clip in a target store."""
        return self.path.stem


def read_list(folder: Path, split: str) -> list[Clip]:
    """Clips of one split.

    Raises:
        SystemExit: there is no such list; the sentence says which command makes it.
    """
    try:
        lines = (folder / f'{split}.txt').read_text().splitlines()
    except FileNotFoundError:
        raise SystemExit(f'{folder / split}.txt: no such list; run python tools/demo/cut_clips.py '
                         f'{folder} first') from None
    return [Clip(folder / 'videos' / name, int(label)) for name, label in map(str.split, lines)]


def read_frames(path: Path) -> tuple[np.ndarray, float]:
    """All frames of a video, (T, H, W, 3) uint8 RGB, and its frame rate.

    Raises:
        SystemExit: the video cannot be read.
    """
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, frame = video.read()
        if not there:
            break
        frames.append(frame[..., ::-1])
    fps = video.get(cv2.CAP_PROP_FPS)
    video.release()
    if not frames:
        raise SystemExit(f'{path}: OpenCV reads no frame of it; delete it and run the demo again')
    return np.stack(frames), fps
