"""Backbones that differ from MMAction2's."""

from .egoexo_slowfast import EgoExoSlowFast

__all__ = ['EgoExoSlowFast']
