"""Metrics: thin registered classes over the measures."""

from .charades_metric import CharadesMetric
from .dump_scores import DumpScores
from .ego_score_metric import EgoScoreMetric
from .hand_object_metric import HandObjectMetric
from .keystep_metric import KeystepMetric
from .verb_noun_metric import VerbNounMetric

__all__ = [
    'CharadesMetric',
    'DumpScores',
    'EgoScoreMetric',
    'HandObjectMetric',
    'KeystepMetric',
    'VerbNounMetric',
]
