"""The maths of Ego-Exo (https://arxiv.org/abs/2104.07905), without configs and registries.

Shape legend: ``N`` clips, ``C`` classes of a teacher, ``D`` feature channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# They moved to interaction_maps; the former names stay importable from here.
from egoexo_mm.interaction_maps import boxes_to_maps, place_boxes, slow_frame_index  # noqa: F401
from egoexo_mm.probabilities import TRAINED_FLOOR


def pool_features(feats: Tensor | Sequence[Tensor]) -> Tensor:
    """Global average of every pathway, concatenated in MMAction2's order [fast | slow].

    Args:
        feats: One (N, D, T, H, W) or already pooled (N, D) map, or the (slow, fast) pair of a
            SlowFast backbone.

    Returns:
        (N, D) or (N, D_fast + D_slow).
    """
    if isinstance(feats, Tensor):
        return feats.flatten(2).mean(2) if feats.dim() > 2 else feats
    return torch.cat([pool_features(x) for x in reversed(feats)], dim=1)


def soft_target_divergence(
    logits: Tensor, target: Tensor, temperature: float = 1.0, target_kind: str = 'logits'
) -> Tensor:
    r"""Kullback-Leibler divergence :math:`T^2\, KL(p^{1/T} \| q^{1/T})` of student from teacher.

    The factor :math:`T^2` keeps gradients comparable across temperatures
    (https://arxiv.org/abs/1503.02531, sec. 2).

    Args:
        logits: (N, C) student scores before the softmax.
        target: (N, C) teacher scores; see ``target_kind``.
        temperature: Softening applied to both sides, > 0.
        target_kind: ``'logits'``, or ``'probabilities'`` (softened as logits ``log p``).

    Returns:
        (N,) float32, zero where student and teacher agree.
    """
    teacher = target.float()
    if target_kind == 'probabilities':
        teacher = teacher.clamp(min=TRAINED_FLOOR).log()
    log_p = F.log_softmax(teacher / temperature, dim=1)
    log_q = F.log_softmax(logits.float() / temperature, dim=1)
    return (log_p.exp() * (log_p - log_q)).sum(1) * temperature**2
