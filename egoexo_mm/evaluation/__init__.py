from .metrics import CharadesMetric, EgoScoreMetric, HandObjectMetric, KeystepMetric, VerbNounMetric

__all__ = ['CharadesMetric', 'EgoScoreMetric', 'HandObjectMetric', 'KeystepMetric', 'VerbNounMetric']
