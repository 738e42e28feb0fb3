from .metrics import CharadesMetric, EgoScoreMetric, HandObjectMetric, InteractionMapMetric, KeystepMetric, VerbNounMetric

__all__ = ['CharadesMetric', 'EgoScoreMetric', 'HandObjectMetric', 'InteractionMapMetric', 'KeystepMetric', 'VerbNounMetric']
