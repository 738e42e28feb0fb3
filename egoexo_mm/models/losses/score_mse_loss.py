"""Regression of a teacher's scores."""

from __future__ import annotations

from mmaction.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class ScoreMSELoss(nn.Module):
    """``loss_weight`` x squared difference of scores, mean over clips and classes.

    The regression of logits in https://arxiv.org/abs/1312.6184. A softmax does not change when all
    logits of a clip grow by one number, so each side's mean over the classes is taken off first.

    Args:
        loss_weight: Weight of the loss.
        center: Take the means off. Turn it off for scores that are no logits.
    """

    def __init__(self, *, loss_weight: float = 1.0, center: bool = True) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.center = center

    def blend(self, target: Tensor, partner: Tensor, own: float) -> Tensor:
        """Targets (M, C) of clips that show themselves by ``own`` and a partner by the rest.

        The gradient for the mean of both targets is the weighed sum of both gradients.
        """
        return own * target + (1 - own) * partner

    def forward(self, scores: Tensor, target: Tensor, avg_factor: int | None = None) -> Tensor:
        """Weighted loss of a batch.

        Args:
            scores: (M, C) student scores of the clips that have a target.
            target: (M, C) teacher scores.
            avg_factor: Clips in the batch, with and without a target; ``M`` by default.

        Returns:
            A scalar; zero with a gradient path when ``M`` is 0.
        """
        if not len(scores):
            return scores.sum() * 0
        gap = scores.float() - target.float()
        if self.center:
            gap = gap - gap.mean(1, keepdim=True)
        return self.loss_weight * gap.square().mean(1).sum() / (avg_factor or len(scores))
