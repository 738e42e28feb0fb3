"""Videos and pictures that cannot be read: recognised, listed, and replaced or refused."""

from .mixin import BrokenMedia

__all__ = ['BrokenMedia']
