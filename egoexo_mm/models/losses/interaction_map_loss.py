"""Distillation of where hands and held objects are."""

from __future__ import annotations

import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor

from .base import ClipLoss


@MODELS.register_module()
class InteractionMapLoss(ClipLoss):
    """``loss_weight`` x binary cross entropy with soft targets, mean over clips and cells.

    It is the loss of one kind of map, hands or held objects.

    Args:
        loss_weight: 1.0 for each of hand and object in Kinetics pre-training.
        pos_weight: Weight of the positive term of every cell.
    """

    def __init__(self, *, loss_weight: float = 1.0, pos_weight: float = 1.0) -> None:
        super().__init__(loss_weight=loss_weight)
        self.pos_weight = pos_weight

    def distance(self, pred: Tensor, target: Tensor) -> Tensor:
        """(M,) of maps (M, T, H, W) before the sigmoid and targets in [0, 1]."""
        cost = F.binary_cross_entropy_with_logits(pred, target, reduction='none')
        if self.pos_weight != 1:
            # BCE is y * softplus(-x) + (1 - y) * softplus(x). The first term is added another
            # pos_weight - 1 times.
            cost = cost + (self.pos_weight - 1) * target * F.softplus(-pred)
        return cost.flatten(1).mean(1)
