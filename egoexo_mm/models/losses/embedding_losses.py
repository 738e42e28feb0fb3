"""Distillation of a teacher's features.

Shape legend: ``M`` clips that have a target, ``E`` width of the embedding.
"""

from __future__ import annotations

import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor

from .base import ClipLoss


@MODELS.register_module()
class CosineLoss(ClipLoss):
    """One minus the cosine of student and teacher: their directions, whatever their lengths."""

    def distance(self, pred: Tensor, target: Tensor) -> Tensor:
        """(M,) from 0 (same direction) to 2."""
        return 1 - F.cosine_similarity(pred, target, dim=1)

    def blend(self, target: Tensor, partner: Tensor, own: float) -> Tensor:
        """The weighed sum of both directions.

        The weighed sum of both losses is ``1 - cos`` to this direction, up to a factor for each
        clip: its length, which is 1 where both teachers agree.
        """
        return own * F.normalize(target.float()) + (1 - own) * F.normalize(partner.float())


@MODELS.register_module()
class SmoothL1EmbeddingLoss(ClipLoss):
    """Smooth L1 distance, mean over the numbers of an embedding.

    Args:
        beta: Where the square becomes a line.
        normalize: Embeddings are brought to a length of ``sqrt(E)`` first, at which their numbers
            are about 1. Without it the scale of the teacher counts.
        loss_weight: Weight of the loss.
    """

    def __init__(
        self, *, beta: float = 1.0, normalize: bool = False, loss_weight: float = 1.0
    ) -> None:
        super().__init__(loss_weight=loss_weight)
        self.beta = beta
        self.normalize = normalize

    def distance(self, pred: Tensor, target: Tensor) -> Tensor:
        """(M,)."""
        if self.normalize:
            pred, target = _unit_numbers(pred), _unit_numbers(target)
        return F.smooth_l1_loss(pred, target, beta=self.beta, reduction='none').mean(1)

    def blend(self, target: Tensor, partner: Tensor, own: float) -> Tensor:
        """The weighed mean; where the loss is a square, it trains as the weighed sum of losses.

        With ``normalize`` of both embeddings at one length, so that a longer one counts no more;
        the loss brings the mean to that length again.
        """
        if self.normalize:
            target, partner = _unit_numbers(target.float()), _unit_numbers(partner.float())
        return own * target + (1 - own) * partner


def _unit_numbers(x: Tensor) -> Tensor:
    """Rows of length ``sqrt(E)``."""
    return F.normalize(x) * x.shape[1] ** 0.5
