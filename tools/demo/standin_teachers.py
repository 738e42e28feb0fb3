#!/usr/bin/env python
"""Write the demo's Ego-Scores with a simple stand-in for the trained teacher.

It finds a moving camera instead of a first-person look. It exists so that the demo runs on real
video without further downloads; it is no teacher to train a real model with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from clips import CLASSES, SPLITS, read_frames, read_list

from egoexo_mm.targets import Manifest, StoreWriter

STEADY = 0.05  # frame widths per second: a camera that moves faster counts as first-person
TEACHER = 'demo stand-in: '


def ego_logits(frames: np.ndarray, fps: float) -> np.ndarray:
    """``[exo, ego]`` logits (2,) from how fast the picture as a whole moves.

    The shift between frames comes from phase correlation; the median over the clip leaves out cuts.
    """
    size = (160, 90)
    small = [
        cv2.resize(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), size).astype(np.float32) for x in frames
    ]
    window = cv2.createHanningWindow(size, cv2.CV_32F)
    shifts = np.array([cv2.phaseCorrelate(a, b, window)[0] for a, b in zip(small, small[1:])])
    speed = np.median(np.hypot(*(shifts / size).T)) * fps
    ego = np.clip(np.log(max(speed, 1e-6) / STEADY), -2, 2)
    return np.array([-ego, ego], np.float32)


def main() -> None:
    """Write the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('clips', type=Path, help='folder made by cut_clips.py')
    parser.add_argument('scores', type=Path, help='store for Ego-Scores')
    args = parser.parse_args()
    clips = [clip for split in SPLITS for clip in read_list(args.clips, split)]
    manifest = Manifest(
        signal='ego_score',
        dataset='demo',
        score_kind='logits',
        teacher=TEACHER + 'speed of the whole picture',
    )
    with StoreWriter(args.scores, manifest) as writer:
        for label, name in enumerate(CLASSES):
            ego = []
            for clip in (c for c in clips if c.label == label and c.video_id not in writer.done):
                frames, fps = read_frames(clip.path)
                logits = ego_logits(frames, fps)
                size = dict(width=frames.shape[2], height=frames.shape[1])
                writer.add_scores(clip.video_id, logits, num_frames=len(frames), fps=fps, **size)
                ego.append(logits[1])
            said = f'Ego-Score logit {np.mean(ego):+.2f} on average' if ego else 'nothing to do'
            print(f'{name}: {said} ({len(ego)} clips)', flush=True)


if __name__ == '__main__':
    main()
