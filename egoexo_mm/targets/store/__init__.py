"""Writing and reading target stores."""

from .target_store import TargetStore, open_stores
from .writer import StoreWriter

__all__ = ['StoreWriter', 'TargetStore', 'open_stores']
