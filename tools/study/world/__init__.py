"""A small world: rendered clips of hands that act on things, seen by others and by the actor, in the layouts of the
real data sets.

It needs numpy and OpenCV only, and is for finding out in minutes whether a method works; see ``docs/study.md``.
"""

from .build import make_world
from .clips import render_clip
from .motions import VERBS
from .objects import NOUNS
from .plan import PARTS, SIZES

__all__ = ['NOUNS', 'PARTS', 'SIZES', 'VERBS', 'make_world', 'render_clip']
