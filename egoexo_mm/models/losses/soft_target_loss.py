"""Distillation of a teacher's class scores."""

from __future__ import annotations

from mmaction.registry import MODELS
from torch import Tensor

from egoexo_mm.checks import check_choice
from egoexo_mm.models.distillation_maths import blend_scores, soft_target_divergence

from .base import ClipLoss


@MODELS.register_module()
class SoftTargetLoss(ClipLoss):
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
        super().__init__(loss_weight=loss_weight)
        if temperature <= 0:
            raise ValueError(f'SoftTargetLoss: temperature must be positive, got {temperature}')
        check_choice('SoftTargetLoss: target_kind', target_kind, ('logits', 'probabilities'))
        self.temperature = temperature
        self.target_kind = target_kind

    def blend(self, target: Tensor, partner: Tensor, own: float) -> Tensor:
        """Targets (M, C) of clips that show themselves by ``own`` and a partner by the rest.

        See :func:`~egoexo_mm.models.distillation_maths.blend_scores`.
        """
        return blend_scores(target, partner, own, self.temperature, self.target_kind)

    def distance(self, pred: Tensor, target: Tensor) -> Tensor:
        """(M,) divergences of scores (M, C)."""
        return soft_target_divergence(pred, target, self.temperature, self.target_kind)
