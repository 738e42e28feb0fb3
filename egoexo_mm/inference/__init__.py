"""From a video to an answer: predictions, features, and the maps that the student has learned."""

from .answers import best_classes, timeline
from .inferencer import EgoExoInferencer
from .sources import Source, find_sources
from .writing import FeatureFile, PredictionFiles

__all__ = [
    'EgoExoInferencer',
    'FeatureFile',
    'PredictionFiles',
    'Source',
    'best_classes',
    'find_sources',
    'timeline',
]
