from .metrics import CharadesMetric, HandObjectMetric, KeystepMetric, VerbNounMetric

__all__ = ['CharadesMetric', 'HandObjectMetric', 'KeystepMetric', 'VerbNounMetric']
