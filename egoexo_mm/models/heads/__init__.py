from .interaction_map_head import InteractionMapHead
from .score_distill_head import ScoreDistillHead

__all__ = ['InteractionMapHead', 'ScoreDistillHead']
