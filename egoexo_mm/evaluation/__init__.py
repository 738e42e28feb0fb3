from .metrics import (
    CharadesMetric,
    DumpScores,
    EgoScoreMetric,
    HandObjectMetric,
    InteractionMapMetric,
    KeystepMetric,
    VerbNounMetric,
)

__all__ = [
    'CharadesMetric',
    'DumpScores',
    'EgoScoreMetric',
    'HandObjectMetric',
    'InteractionMapMetric',
    'KeystepMetric',
    'VerbNounMetric',
]
