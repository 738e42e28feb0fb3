"""Class heads, and the students of the teachers."""

from .base import AuxiliaryHead, ViewHead
from .interaction_map_head import InteractionMapHead
from .score_distill_head import ScoreDistillHead
from .verb_noun_head import VerbNounHead
from .view_ensemble_head import ViewEnsembleHead

__all__ = [
    'AuxiliaryHead',
    'InteractionMapHead',
    'ScoreDistillHead',
    'VerbNounHead',
    'ViewEnsembleHead',
    'ViewHead',
]
