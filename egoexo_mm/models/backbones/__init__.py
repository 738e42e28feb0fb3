from .egoexo_slowfast import EgoExoSlowFast

__all__ = ['EgoExoSlowFast']
