#!/usr/bin/env python
"""Write the demo's boxes and Ego-Scores with simple stand-ins for the two trained teachers.

They find skin colour instead of hands, motion instead of held objects, and a moving camera instead
of a first-person look. They exist so that the demo runs on real video without further downloads;
they are no teachers to train a real model with.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from clips import CLASSES, SPLITS, read_frames, read_list

from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter

MAX_BOXES = 3  # per kind and frame
MIN_AREA = 0.004  # of the frame
LAG = 2  # frames between which something must have moved
MOVED = 15  # grey levels
STEADY = 0.05  # frame widths per second: a camera that moves faster counts as first-person
TEACHER = 'demo stand-in: '


def regions(mask: np.ndarray, strength: np.ndarray | None = None) -> list[tuple[list, float]]:
    """Boxes of the largest connected regions of a mask.

    Args:
        mask: (H, W) uint8, 0 outside.
        strength: (H, W) values in [0, 1] whose mean over a region is its score; by default the
            share of its box that the region fills.

    Returns:
        Up to ``MAX_BOXES`` pairs of ``[x1, y1, x2, y2]`` as fractions of the frame, and score.
    """
    height, width = mask.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    found = []
    for number in sorted(range(1, len(stats)), key=lambda i: -stats[i, cv2.CC_STAT_AREA]):
        x, y, w, h, area = stats[number].tolist()
        if area < MIN_AREA * mask.size or len(found) == MAX_BOXES:
            break
        score = area / (w * h) if strength is None else strength[labels == number].mean()
        found.append(([x / width, y / height, (x + w) / width, (y + h) / height], float(score)))
    return found


def skin_regions(frame: np.ndarray) -> list[tuple[list, float]]:
    """Skin-coloured regions of an (H, W, 3) RGB frame.

    The range in YCrCb is that of Chai and Ngan (https://doi.org/10.1109/76.767122).
    """
    colour = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
    mask = cv2.inRange(colour, (40, 133, 77), (255, 173, 127))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return regions(_closed(mask, frame.shape[0] // 40))


def moving_regions(before: np.ndarray, frame: np.ndarray) -> list[tuple[list, float]]:
    """Regions that changed between two (H, W, 3) RGB frames; much contrast scores high."""
    grey = [
        cv2.GaussianBlur(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), (5, 5), 0) for x in (before, frame)
    ]
    change = cv2.absdiff(*grey)
    mask = _closed(np.where(change > MOVED, 255, 0).astype(np.uint8), frame.shape[0] // 20)
    return regions(mask, np.minimum(change / 40, 1))


def _closed(mask: np.ndarray, gap: int) -> np.ndarray:
    side = max(3, gap | 1)
    return cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))


def detect(frames: np.ndarray) -> dict[str, np.ndarray]:
    """Boxes of every ``LAG``-th of (T, H, W, 3) RGB frames, as columns of a target store."""
    rows = []
    for i in range(0, len(frames), LAG):
        moving = moving_regions(frames[abs(i - LAG)], frames[i])
        rows += [(i, box, score, HAND) for box, score in skin_regions(frames[i])]
        rows += [(i, box, score, OBJECT) for box, score in moving]
    frame, box, score, kind = zip(*rows) if rows else ((), (), (), ())
    return dict(
        frame=np.array(frame, np.int32),
        box=np.array(box, np.float32).reshape(-1, 4),
        score=np.array(score, np.float32),
        kind=np.array(kind, np.int8),
    )


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
    """Write both stores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('clips', type=Path, help='folder made by cut_clips.py')
    parser.add_argument('boxes', type=Path, help='store for boxes')
    parser.add_argument('scores', type=Path, help='store for Ego-Scores')
    args = parser.parse_args()
    clips = [clip for split in SPLITS for clip in read_list(args.clips, split)]
    boxes = Manifest(
        signal='interaction',
        dataset='demo',
        teacher=TEACHER + 'skin colour for hands, frame difference for objects',
    )
    scores = Manifest(
        signal='ego_score',
        dataset='demo',
        score_kind='logits',
        teacher=TEACHER + 'speed of the whole picture',
    )
    with StoreWriter(args.boxes, boxes) as box_writer, StoreWriter(args.scores, scores) as writer:
        for label, name in enumerate(CLASSES):
            counts, ego = [], []
            for clip in (c for c in clips if c.label == label):
                if {clip.video_id} <= box_writer.done & writer.done:
                    continue
                frames, fps = read_frames(clip.path)
                facts = dict(
                    num_frames=len(frames), fps=fps, width=frames.shape[2], height=frames.shape[1]
                )
                found, logits = detect(frames), ego_logits(frames, fps)
                if clip.video_id not in box_writer.done:
                    box_writer.add_detections(clip.video_id, frame_stride=LAG, **found, **facts)
                if clip.video_id not in writer.done:
                    writer.add_scores(clip.video_id, logits, **facts)
                counts.append(np.bincount(found['kind'], minlength=2))
                ego.append(logits[1])
            print(
                f'{name}: '
                + (
                    '{} "hand" and {} "object" boxes'.format(*np.sum(counts, axis=0))
                    + f', Ego-Score logit {np.mean(ego):+.2f} on average'
                    if counts
                    else 'nothing to do'
                )
                + f' ({len(counts)} clips)',
                flush=True,
            )


if __name__ == '__main__':
    main()
