"""Losses of the auxiliary heads."""

from .interaction_map_loss import InteractionMapLoss
from .soft_target_loss import SoftTargetLoss

__all__ = ['InteractionMapLoss', 'SoftTargetLoss']
