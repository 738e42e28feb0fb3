from .metrics import CharadesMetric, HandObjectMetric, InteractionMapMetric, KeystepMetric, VerbNounMetric

__all__ = ['CharadesMetric', 'HandObjectMetric', 'InteractionMapMetric', 'KeystepMetric', 'VerbNounMetric']
