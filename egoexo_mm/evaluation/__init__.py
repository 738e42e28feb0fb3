from .metrics import CharadesMetric, KeystepMetric, VerbNounMetric

__all__ = ['CharadesMetric', 'KeystepMetric', 'VerbNounMetric']
