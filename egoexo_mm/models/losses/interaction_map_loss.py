"""Distillation of where hands and held objects are."""

from __future__ import annotations

import torch.nn.functional as F
from mmaction.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class InteractionMapLoss(nn.Module):
    """``loss_weight`` x binary cross entropy with soft targets, mean over clips and cells.

    It is the loss of one kind of map, hands or held objects.

    Args:
        loss_weight: 1.0 for each of hand and object in Kinetics pre-training.
        pos_weight: Weight of the positive term of every cell.
    """

    def __init__(self, *, loss_weight: float = 1.0, pos_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.pos_weight = pos_weight

    def forward(self, logits: Tensor, target: Tensor, avg_factor: int | None = None) -> Tensor:
        """Weighted loss of a batch.

        Args:
            logits: (M, T, H, W) student map before the sigmoid, of the clips that have a target.
            target: (M, T, H, W) in [0, 1].
            avg_factor: Clips in the batch, with and without a target; ``M`` by default.

        Returns:
            A scalar; zero with a gradient path when ``M`` is 0.
        """
        if not len(logits):
            return logits.sum() * 0
        logits, target = logits.float(), target.float()
        cost = F.binary_cross_entropy_with_logits(logits, target, reduction='none')
        if self.pos_weight != 1:
            # BCE is y * softplus(-x) + (1 - y) * softplus(x). The first term is added another
            # pos_weight - 1 times.
            cost = cost + (self.pos_weight - 1) * target * F.softplus(-logits)
        return self.loss_weight * cost.flatten(1).mean(1).sum() / (avg_factor or len(logits))
