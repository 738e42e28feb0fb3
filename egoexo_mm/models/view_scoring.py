"""Scores of a video from the positions and views of its clips.

Shape legend: ``N`` samples, ``V`` views a sample (clips x crops), ``D`` feature channels, ``P``
positions of the pooling window, ``C`` classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from egoexo_mm.checks import check_choice


def pool_positions(feats: Tensor | Sequence[Tensor], window: int | None = 7) -> Tensor:
    """Average over all frames and a square window that slides by one cell, pathway by pathway.

    A network trained on 224-pixel crops pools 7 x 7 cells. At 256 pixels the same window fits at
    2 x 2 positions, and the reference code classifies each of them (a fully convolutional test).

    Args:
        feats: One (NV, D, T, H, W) or already pooled (NV, D) map, or the (slow, fast) pair of a
            SlowFast backbone.
        window: Side of the window in cells. A smaller map is pooled at once, as every map is with
            None.

    Returns:
        (NV, P, D), or (NV, P, D_fast + D_slow) in the order [fast | slow].
    """
    if not isinstance(feats, Tensor):
        return torch.cat([pool_positions(x, window) for x in reversed(feats)], dim=2)
    if feats.dim() == 2:
        return feats[:, None]
    size = [int(side) for side in feats.shape[-2:]]  # constants where the network is traced
    kernel = size if window is None else [min(window, side) for side in size]
    return F.avg_pool2d(feats.mean(2), kernel, stride=1).flatten(2).transpose(1, 2)


def activate(logits: Tensor, activation: str | None) -> Tensor:
    """Softmax or sigmoid of (..., C) logits in float32; None leaves them as they are."""
    if activation == 'softmax':
        return logits.float().softmax(-1)
    return logits.float().sigmoid() if activation == 'sigmoid' else logits.float()


def position_scores(logits: Tensor, activation: str | None) -> Tensor:
    """(NV, P, C) logits -> (NV, C): activation first, mean over positions second."""
    return activate(logits, activation).mean(1)


def ensemble_views(scores: Tensor, num_samples: int, ensemble: str) -> Tensor:
    """(NV, C) scores, sample after sample -> (N, C): mean or maximum over the views of a sample.

    Raises:
        ValueError: If the samples cannot have equally many views.
    """
    if not num_samples or len(scores) % num_samples:
        raise ValueError(
            f'{len(scores)} views do not divide among {num_samples} samples; every sample needs as '
            'many clips and crops'
        )
    views = scores.unflatten(0, (num_samples, -1))
    return views.amax(1) if ensemble == 'max' else views.mean(1)


def check_view_options(activation: str | None, ensemble: str) -> None:
    """Refuse unknown names of an activation or an ensemble.

    Raises:
        ValueError: For an unknown name.
    """
    check_choice('activation', activation, ('softmax', 'sigmoid', None))
    check_choice('ensemble', ensemble, ('mean', 'max'))


def join_batches(parts: Sequence[Any]) -> Any:
    """Concatenate scores made batch by batch; dicts and sequences of tensors keep their form."""
    first = parts[0]
    if isinstance(first, Tensor):
        return first if len(parts) == 1 else torch.cat(list(parts))
    if isinstance(first, dict):
        return {key: join_batches([part[key] for part in parts]) for key in first}
    return tuple(join_batches(column) for column in zip(*parts))


def top_k_accuracy(logits: Tensor, label: Tensor, k: int) -> Tensor:
    """Share of (N,) labels among the ``k`` best of (N, C) logits; nothing is read back."""
    best = logits.detach().topk(min(k, logits.shape[1]), dim=1).indices
    return (best == label[:, None]).any(1).float().mean()
