"""Distillation of a teacher's class scores."""

from __future__ import annotations

from mmaction.registry import MODELS
from torch import Tensor, nn

from egoexo_mm.checks import check_choice
from egoexo_mm.models.distillation_maths import blend_scores, soft_target_divergence


@MODELS.register_module()
class SoftTargetLoss(nn.Module):
    """``loss_weight`` x T^2 x KL(teacher || student), mean over clips.

    It is the loss of Ego-Score and of Object-Score.

    Args:
        temperature: Softening of both sides, > 0.
        target_kind: What the targets are, ``'logits'`` or ``'probabilities'``. Targets read by
            ``LoadTargets`` are always logits.
        loss_weight: 0.1 for Ego-Score and 0.5 for Object-Score in Kinetics pre-training.

    Raises:
        ValueError: For a temperature that is not positive or an unknown ``target_kind``.
    """

    def __init__(
        self, *, temperature: float = 1.0, target_kind: str = 'logits', loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f'SoftTargetLoss: temperature must be positive, got {temperature}')
        check_choice('SoftTargetLoss: target_kind', target_kind, ('logits', 'probabilities'))
        self.temperature = temperature
        self.target_kind = target_kind
        self.loss_weight = loss_weight

    def blend(self, target: Tensor, partner: Tensor, own: float) -> Tensor:
        """Targets (M, C) of clips that show themselves by ``own`` and a partner by the rest.

        See :func:`~egoexo_mm.models.distillation_maths.blend_scores`.
        """
        return blend_scores(target, partner, own, self.temperature, self.target_kind)

    def forward(self, logits: Tensor, target: Tensor, avg_factor: int | None = None) -> Tensor:
        """Weighted loss of a batch.

        Args:
            logits: (M, C) student scores of the clips that have a target.
            target: (M, C) teacher scores.
            avg_factor: Clips in the batch, with and without a target; ``M`` by default.

        Returns:
            A scalar; zero with a gradient path when ``M`` is 0.
        """
        if not len(logits):
            return logits.sum() * 0
        divergence = soft_target_divergence(logits, target, self.temperature, self.target_kind)
        return self.loss_weight * divergence.sum() / (avg_factor or len(logits))
