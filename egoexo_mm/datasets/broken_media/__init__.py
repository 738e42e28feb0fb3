"""Videos and pictures that cannot be read: recognised, listed in ``failed.jsonl``, and replaced or refused."""

from .mixin import BrokenMedia

__all__ = ['BrokenMedia']
