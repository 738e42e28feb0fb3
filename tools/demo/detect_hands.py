#!/usr/bin/env python
"""Write the demo's hand boxes: the palm and landmark networks of the mediapipe wheel."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from clips import CLASSES, SPLITS, read_frames, read_list

from egoexo_mm.models import MediaPipeHandTeacher
from egoexo_mm.targets import StoreWriter

STRIDE = 4  # every fourth frame is looked at; training takes the boxes of the nearest
NO_WHEEL = 3  # exit status where the networks cannot be had


def detect(teacher: MediaPipeHandTeacher, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Boxes of every ``STRIDE``-th of (T, H, W, 3) RGB frames, as columns of a target store."""
    numbers = np.arange(0, len(frames), STRIDE)
    pixels = torch.from_numpy(frames[numbers]).permute(0, 3, 1, 2)
    results = teacher.infer(teacher.prepare(pixels)[:, None], frames.shape[1:3])
    return teacher.row(results, numbers[:, None])


def main() -> None:
    """Write the store.

    Raises:
        SystemExit: with status ``NO_WHEEL``, without the networks.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('clips', type=Path, help='folder made by cut_clips.py')
    parser.add_argument('store', type=Path, help='store to write')
    args = parser.parse_args()
    clips = [clip for split in SPLITS for clip in read_list(args.clips, split)]
    try:
        # hands are small in bigbuckbunny; in squares, things of the street pass for hands at 0.5
        teacher = MediaPipeHandTeacher(squares=True, presence_thr=0.9)
    except ImportError as error:
        print(error)
        raise SystemExit(NO_WHEEL) from None
    with StoreWriter(args.store, teacher.manifest('demo', notes='squares, presence 0.9')) as writer:
        for label, name in enumerate(CLASSES):
            todo = [c for c in clips if c.label == label and c.video_id not in writer.done]
            seen, boxes = 0, 0
            for clip in todo:
                frames, fps = read_frames(clip.path)
                row = detect(teacher, frames)
                size = dict(width=frames.shape[2], height=frames.shape[1])
                writer.add_detections(clip.video_id, **row, num_frames=len(frames), fps=fps, **size)
                seen, boxes = seen + -(-len(frames) // STRIDE), boxes + len(row['score'])
            print(f'{name}: {boxes} hand boxes on {seen} frames ({len(todo)} clips)', flush=True)


if __name__ == '__main__':
    main()
