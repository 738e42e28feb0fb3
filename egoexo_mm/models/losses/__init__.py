"""Losses of the auxiliary heads."""

from .embedding_losses import CosineLoss, SmoothL1EmbeddingLoss
from .interaction_map_loss import InteractionMapLoss
from .score_mse_loss import ScoreMSELoss
from .soft_target_loss import SoftTargetLoss

__all__ = [
    'CosineLoss',
    'InteractionMapLoss',
    'ScoreMSELoss',
    'SmoothL1EmbeddingLoss',
    'SoftTargetLoss',
]
