from .charades_metric import CharadesMetric
from .keystep_metric import KeystepMetric
from .verb_noun_metric import VerbNounMetric

__all__ = ['CharadesMetric', 'KeystepMetric', 'VerbNounMetric']
