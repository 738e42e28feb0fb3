"""The demo's list of short clips, shared by its scripts.

A folder of clips has ``videos/*.mp4`` and the Kinetics-style lists ``train.txt`` and ``val.txt``,
lines ``NAME.mp4 LABEL``. A clip is called ``SOURCE_SPLIT_NUMBER``.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from egoexo_mm.video import BrokenVideoError, open_stream

# label -> name of the source video
CLASSES = ('bikes', 'bigbuckbunny', 'carphone')
SPLITS = ('train', 'val')


class Clip(NamedTuple):
    """A clip of a list, and its label."""

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
        raise SystemExit(
            f'{folder / split}.txt: no such list; run python tools/demo/cut_clips.py {folder} first'
        ) from None
    return [Clip(folder / 'videos' / name, int(label)) for name, label in map(str.split, lines)]


def read_frames(path: Path) -> tuple[np.ndarray, float]:
    """All frames of a video, (T, H, W, 3) uint8 RGB, and its frame rate.

    Raises:
        SystemExit: the video cannot be read.
    """
    frames = []
    try:
        video = open_stream(str(path))
        while (frame := video.read()) is not None:
            frames.append(frame)
    except BrokenVideoError as error:
        raise SystemExit(f'{error}; delete it and run the demo again') from None
    if not frames:
        raise SystemExit(f'{path}: holds no frame; delete it and run the demo again')
    return np.stack(frames), video.fps
