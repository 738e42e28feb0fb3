"""Metrics and challenge submissions."""

from .metrics import (
    CharadesMetric,
    DumpScores,
    EgoScoreMetric,
    HandObjectMetric,
    KeystepMetric,
    VerbNounMetric,
)

__all__ = [
    'CharadesMetric',
    'DumpScores',
    'EgoScoreMetric',
    'HandObjectMetric',
    'KeystepMetric',
    'VerbNounMetric',
]
