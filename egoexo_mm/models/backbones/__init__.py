"""Backbones that differ from MMAction2's."""

from .avion_transformer import AvionTransformer
from .egoexo_slowfast import EgoExoSlowFast

__all__ = ['AvionTransformer', 'EgoExoSlowFast']
