"""Mixup and cutmix of clips, labels and teacher targets.

MMAction2 blends the pixels and labels of a batch and does not say how. Auxiliary heads need to
know, since their targets blend too. So the draws of the host's classes are made here, in the host's
order: with the same seed pixels and labels are those of the host.

Shape legend: ``N`` clips of a batch, ``C`` classes, ``H x W`` cells of a map.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmaction.models import CutmixBlending, MixupBlending, RandomBatchAugment
from mmaction.utils import SampleList
from torch import Tensor


@dataclass(frozen=True)
class Blend:
    """How the clips of a batch were blended: each shows itself and a partner.

    Args:
        partners: Number in the batch of each clip's partner.
        own: Share of the clip itself, lambda of mixup and cutmix.
        box: Where a clip shows its partner alone (cutmix), in units of the frame. None: the
            partner shines through everywhere (mixup).
        index: ``partners`` on the device.
    """

    partners: tuple[int, ...]
    own: float
    box: tuple[float, float, float, float] | None = None
    index: Tensor | None = field(default=None, compare=False, repr=False)

    @property
    def is_none(self) -> bool:
        """Whether clips show themselves alone."""
        return self.own == 1

    def own_share(self, grid: tuple[int, int]) -> Tensor | float:
        """Share of the clip itself in each cell of a map, (H, W): of the pixels of the cell."""
        if self.box is None:
            return self.own
        x1, y1, x2, y2 = self.box
        rows, columns = _overlap(y1, y2, grid[0]), _overlap(x1, x2, grid[1])
        return 1 - rows[:, None] * columns[None]

    def mix(self, target: Tensor, partner: Tensor, share: Tensor | float | None = None) -> Tensor:
        """``share`` of ``target`` and the rest of ``partner``; by default lambda."""
        share = self.own if share is None else share
        if isinstance(share, Tensor):
            share = share.to(target.device, non_blocking=True)
        return share * target + (1 - share) * partner


def _overlap(low: float, high: float, cells: int) -> Tensor:
    """Share of each of ``cells`` equal parts of [0, 1] that lies between two points."""
    edges = torch.arange(cells + 1, dtype=torch.float64) / cells
    inside = edges[1:].clamp(max=high) - edges[:-1].clamp(min=low)
    return (inside.clamp(min=0) * cells).float()


def blend_of(data_samples: SampleList) -> Blend | None:
    """How the batch was blended; None where it was not."""
    blend = data_samples[0].get('blend') if len(data_samples) else None
    return None if blend is None or blend.is_none else blend


def has_soft_labels(data_samples: SampleList) -> bool:
    """Whether the batch is of a training that blends, also where this batch drew no blending."""
    return bool(len(data_samples)) and 'blend' in data_samples[0]


class TargetBlending:
    """``MixupBlending``, ``CutmixBlending`` or ``RandomBatchAugment``, which tells what it did.

    Each sample gets the :class:`Blend` of its batch as ``blend``. Labels become soft (C,) as in the
    host, multi-hot labels blend as they are, and labels of several ids (verb and noun) stay: their
    head weighs the losses of both clips.

    Args:
        host: What to follow.
    """

    def __init__(self, host: Any) -> None:
        self.host = host
        self.num_classes = host.num_classes

    @staticmethod
    def follows(host: Any) -> bool:
        """Whether the draws of a host's object are known; not those of classes derived from it."""
        inner = [one for one in getattr(host, 'augments', ()) if one is not None]
        if type(host) is RandomBatchAugment:
            return all(map(TargetBlending.follows, inner))
        return type(host) in (MixupBlending, CutmixBlending)

    def __call__(self, clips: Tensor, data_samples: SampleList) -> tuple[Tensor, SampleList]:
        """Blend a batch.

        Args:
            clips: (N, ..., height, width) normalised; changed in place.
            data_samples: N samples; their labels are changed.
        """
        blend = draw_blend(self.host, len(clips), clips.shape[-2:])
        index = torch.tensor(blend.partners).to(clips.device, non_blocking=True)
        blend = dataclasses.replace(blend, index=index)
        labels = self._labels([sample.gt_label for sample in data_samples])
        if labels is not None:
            labels = blend.mix(labels, labels[blend.index])
        for i, sample in enumerate(data_samples):
            sample.set_field(blend, 'blend')
            if labels is not None:
                sample.set_gt_label(labels[i])
        return blend_pixels(clips, blend), data_samples

    def _labels(self, labels: list[Tensor]) -> Tensor | None:
        """(N, C) float; None for labels of several ids."""
        stacked = torch.stack(labels)
        if stacked.shape[1] == 1:
            return F.one_hot(stacked[:, 0].long(), self.num_classes).float()
        return stacked if stacked.is_floating_point() else None


def blend_pixels(clips: Tensor, blend: Blend) -> Tensor:
    """Pixels of the blended clips, (N, ..., height, width)."""
    if blend.is_none:
        return clips
    if blend.box is None:
        return blend.mix(clips, clips[blend.index])
    height, width = clips.shape[-2:]
    x1, y1, x2, y2 = (round(side * n) for side, n in zip(blend.box, (width, height) * 2))
    clips[..., y1:y2, x1:x2] = clips[blend.index][..., y1:y2, x1:x2]
    return clips


def draw_blend(host: Any, clips: int, size: tuple[int, int]) -> Blend:
    """The draws that a host's object would make for a batch, in its order.

    Args:
        host: ``MixupBlending``, ``CutmixBlending``, ``RandomBatchAugment``, or None: no blending.
        clips: N.
        size: Height and width of the frames.
    """
    if isinstance(host, RandomBatchAugment):
        return draw_blend(
            host.augments[np.random.choice(len(host.augments), p=host.probs)], clips, size
        )
    if host is None:
        return Blend(tuple(range(clips)), 1.0)
    if isinstance(host, MixupBlending):
        own = float(host.beta.sample())
        return Blend(tuple(torch.randperm(clips).tolist()), own)
    partners = tuple(torch.randperm(clips).tolist())
    box = [int(side) for side in host.rand_bbox((*size,), host.beta.sample())]
    (x1, y1, x2, y2), (height, width) = box, size
    own = 1 - (x2 - x1) * (y2 - y1) / (width * height)
    return Blend(partners, own, (x1 / width, y1 / height, x2 / width, y2 / height))
