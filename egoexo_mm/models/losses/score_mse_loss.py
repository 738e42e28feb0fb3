"""Regression of a teacher's scores."""

from __future__ import annotations

from mmaction.registry import MODELS
from torch import Tensor

from .base import ClipLoss


@MODELS.register_module()
class ScoreMSELoss(ClipLoss):
    """``loss_weight`` x squared difference of scores, mean over clips and classes.

    The regression of logits in https://arxiv.org/abs/1312.6184. A softmax does not change when all
    logits of a clip grow by one number, so each side's mean over the classes is taken off first.

    Args:
        loss_weight: Weight of the loss.
        center: Take the means off. Turn it off for scores that are no logits.
    """

    def __init__(self, *, loss_weight: float = 1.0, center: bool = True) -> None:
        super().__init__(loss_weight=loss_weight)
        self.center = center

    def blend(self, target: Tensor, partner: Tensor, own: float) -> Tensor:
        """Targets (M, C) of clips that show themselves by ``own`` and a partner by the rest.

        The gradient for the mean of both targets is the weighed sum of both gradients.
        """
        return own * target + (1 - own) * partner

    def distance(self, pred: Tensor, target: Tensor) -> Tensor:
        """(M,) of scores (M, C)."""
        gap = pred - target
        if self.center:
            gap = gap - gap.mean(1, keepdim=True)
        return gap.square().mean(1)
