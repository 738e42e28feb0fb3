"""Class heads, and the students of the teachers."""

from .base import AuxiliaryHead, ViewHead
from .embedding_distill_head import EmbeddingDistillHead
from .interaction_map_head import InteractionMapHead
from .score_distill_head import ScoreDistillHead
from .verb_noun_head import VerbNounHead
from .view_ensemble_head import ViewEnsembleHead

__all__ = [
    'AuxiliaryHead',
    'EmbeddingDistillHead',
    'InteractionMapHead',
    'ScoreDistillHead',
    'VerbNounHead',
    'ViewEnsembleHead',
    'ViewHead',
]
