#!/usr/bin/env python
"""Draw the hand maps of a few validation clips: what the targets say, what is predicted."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
import torch
from clips import CLASSES
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from egoexo_mm.interaction_maps import HAND, slow_frame_index

matplotlib.use('Agg')
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.colors import LinearSegmentedColormap  # noqa: E402

COLOUR = '#56b4e9'
COLUMNS = ['frame (centre crop)', 'hand target', 'hand predicted']


@torch.inference_mode()
def predict_maps(model: torch.nn.Module, sample: dict) -> np.ndarray:
    """Predicted maps (2, T, S, S) of one sample, in [0, 1]."""
    data = model.data_preprocessor(pseudo_collate([sample]), False)
    logits = model.aux_predictions(data['inputs'], 'interaction_map')
    return logits[0].sigmoid().cpu().numpy()


def draw(rows: list[tuple[str, np.ndarray, np.ndarray, np.ndarray]], path: Path) -> None:
    """Write the picture.

    Args:
        rows: name, frame (H, W, 3) uint8, target (S, S) and prediction (S, S) of each clip.
        path: PNG to write.
    """
    figure = plt.figure(figsize=(8.2, 2.62 * len(rows) + 1.6), layout='constrained')
    grid = figure.add_gridspec(len(rows) + 1, 3, height_ratios=[*[1] * len(rows), 0.05])
    axes = np.array([[figure.add_subplot(grid[i, k]) for k in range(3)] for i in range(len(rows))])
    for line, (name, frame, target, pred) in zip(axes, rows):
        line[0].imshow(frame, interpolation='bicubic')
        line[0].set_ylabel(name, fontsize=12)
        for axis, values in zip(line[1:], (target, pred)):
            cells = overlay(axis, frame, values, COLOUR)
    for axis, title in zip(axes[0], COLUMNS):
        axis.set_title(title, fontsize=13)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    axis = figure.add_subplot(grid[-1, 1:])
    axis.set_facecolor('0.25')  # as the dim frames below the cells
    bar = figure.colorbar(cells, cax=axis, orientation='horizontal')
    bar.set_label('hand score of a cell', fontsize=12)
    figure.suptitle(
        "Hand maps of validation clips after the demo's training\n"
        "The targets come from MediaPipe's hand networks",
        fontsize=13,
    )
    figure.savefig(path, dpi=100)


def overlay(axis: plt.Axes, frame: np.ndarray, values: np.ndarray, colour: str):
    """Cells (S, S) in [0, 1] over a dim grey frame; 0 is clear and 1 is nearly opaque."""
    grey = np.repeat(frame.mean(2, keepdims=True) / 255 * 0.6, 3, axis=2)
    height, width = frame.shape[:2]
    axis.imshow(grey, interpolation='bicubic', extent=(0, width, height, 0))
    clear = LinearSegmentedColormap.from_list(
        'clear', [_with_alpha(colour, 0), _with_alpha(colour, 0.9)]
    )
    return axis.imshow(
        values, cmap=clear, vmin=0, vmax=1, interpolation='nearest', extent=(0, width, height, 0)
    )


def _with_alpha(colour: str, alpha: float) -> tuple:
    return (*matplotlib.colors.to_rgb(colour), alpha)


def main() -> None:
    """Draw target and predicted maps side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='checkpoint of the training, with its auxiliary heads')
    parser.add_argument('picture', type=Path, help='PNG to write')
    args = parser.parse_args()
    cfg = Config.fromfile(args.config)
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model)
    load_checkpoint(model, args.checkpoint, map_location='cpu', strict=True)
    model.eval()
    dataset = DATASETS.build(cfg.show_dataset)
    labels = [dataset.get_data_info(i)['label'] for i in range(len(dataset))]
    rows = []
    for label, name in enumerate(CLASSES):
        sample = dataset[labels.index(label) + labels.count(label) // 2]
        maps = predict_maps(model, sample)
        target = sample['data_samples'].interaction_map.numpy()
        clip = sample['inputs'][0]  # (3, T, H, W)
        slot = target.shape[1] // 2
        index = slow_frame_index(clip.shape[1], target.shape[1], 'stride')[slot]
        frame = clip[:, index].permute(1, 2, 0).numpy()
        rows.append((name, frame, target[HAND, slot], maps[HAND, slot]))
    draw(rows, args.picture)
    print(f'wrote {args.picture}')


if __name__ == '__main__':
    main()
