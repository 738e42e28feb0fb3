from .interaction_map_head import InteractionMapHead
from .score_distill_head import ScoreDistillHead
from .verb_noun_head import VerbNounHead
from .view_ensemble_head import ViewEnsembleHead

__all__ = ['InteractionMapHead', 'ScoreDistillHead', 'VerbNounHead', 'ViewEnsembleHead']
