"""A small world: rendered clips of hands that act on things, seen by others and by the actor.

Its files have the layouts of the real data sets. It shows in minutes whether a method works; see
``docs/small_world.md``.
"""

from .build import make_world
from .clips import render_clip
from .motions import VERBS
from .objects import NOUNS
from .plan import PARTS, SIZES
from .records import write_records
from .takes import make_takes

__all__ = [
    'NOUNS',
    'PARTS',
    'SIZES',
    'VERBS',
    'make_takes',
    'make_world',
    'render_clip',
    'write_records',
]
