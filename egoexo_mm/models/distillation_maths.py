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
    log_p = _softened(target, temperature, target_kind)
    log_q = F.log_softmax(logits.float() / temperature, dim=1)
    return (log_p.exp() * (log_p - log_q)).sum(1) * temperature**2


def blend_scores(
    target: Tensor,
    partner: Tensor,
    own: float,
    temperature: float = 1.0,
    target_kind: str = 'logits',
) -> Tensor:
    r"""Teacher scores of a clip blended from two: the mixture of both *softened* distributions.

    The divergence of a student :math:`q` from a teacher :math:`p` is
    :math:`\sum p \log p - \sum p \log q`, and only its second term, linear in :math:`p`, has a
    gradient. So the mixture :math:`\lambda p_a + (1 - \lambda) p_b`, of distributions at the
    temperature of the loss, trains exactly as
    :math:`\lambda KL(p_a \| q) + (1 - \lambda) KL(p_b \| q)` does. The values differ by a constant,
    the divergence of the two teachers, without which the loss is zero at its optimum. A mixture of
    logits would be another target: a product of both distributions.

    Args:
        target: (M, C) scores of the clip itself.
        partner: (M, C) scores of its partner.
        own: Share of the clip itself, :math:`\lambda`.
        temperature: Of the loss.
        target_kind: Kind of the scores, and of what is returned.

    Returns:
        (M, C) scores for :func:`soft_target_divergence` with this temperature and kind.
    """
    logs = [_softened(x, temperature, target_kind) for x in (target, partner)]
    weights = torch.tensor([own, 1 - own]).log().tolist()
    mixed = temperature * torch.logaddexp(logs[0] + weights[0], logs[1] + weights[1])
    return mixed if target_kind == 'logits' else mixed.softmax(1)


def _softened(target: Tensor, temperature: float, target_kind: str) -> Tensor:
    """Log-probabilities of the teacher at a temperature."""
    teacher = target.float()
    if target_kind == 'probabilities':
        teacher = teacher.clamp(min=TRAINED_FLOOR).log()
    return F.log_softmax(teacher / temperature, dim=1)
