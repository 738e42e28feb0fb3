"""Videos, lists and target stores for the checks: a few drawn videos under many names."""

from __future__ import annotations

import argparse
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import loader
import numpy as np

CLASSES = 400


def _draw(folder: Path, number: int, frames: int) -> None:
    (made,) = loader.make_videos(folder / f'drawn{number}', 1, frames, seed=number)
    made.rename(folder / f'drawn{number}.mp4')


def main() -> None:
    """Draw the videos and write lists and stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path)
    parser.add_argument('--drawn', type=int, default=8, help='different videos')
    parser.add_argument('--names', type=int, default=2000, help='videos in the list for training')
    parser.add_argument('--tested', type=int, default=48, help='videos in the list for testing')
    parser.add_argument('--frames', type=int, default=loader.FRAMES)
    args = parser.parse_args()
    videos = args.out / 'videos'
    for number in range(args.drawn):
        (videos / f'drawn{number}').mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(min(os.cpu_count(), args.drawn)) as pool:
        list(pool.map(_draw, [videos] * args.drawn, range(args.drawn), [args.frames] * args.drawn))
    names = [f'video{number:05}' for number in range(args.names)]
    for number, name in enumerate(names):
        link = videos / f'{name}.mp4'
        link.unlink(missing_ok=True)  # of an earlier run
        link.symlink_to(f'drawn{number % args.drawn}.mp4')
    labels = np.random.default_rng(0).integers(0, CLASSES, len(names))
    rows = [f'{name}.mp4 {label}\n' for name, label in zip(names, labels)]
    (args.out / 'train.txt').write_text(''.join(rows))
    (args.out / 'test.txt').write_text(''.join(rows[: args.tested]))
    (args.out / 'few.txt').write_text(''.join(rows[: args.drawn]))
    shutil.rmtree(args.out / 'targets', ignore_errors=True)
    loader.make_stores(args.out / 'targets', names)


if __name__ == '__main__':
    main()
