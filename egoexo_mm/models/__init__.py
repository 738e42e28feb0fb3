from .backbones import EgoExoSlowFast
from .data_preprocessor import EgoExoDataPreprocessor
from .heads import InteractionMapHead, ScoreDistillHead, VerbNounHead, ViewEnsembleHead
from .losses import InteractionMapLoss, SoftTargetLoss
from .recognizer import EgoExoRecognizer
from .teachers import HandObjectTeacher

__all__ = ['EgoExoDataPreprocessor', 'EgoExoRecognizer', 'EgoExoSlowFast', 'HandObjectTeacher', 'InteractionMapHead',
           'InteractionMapLoss', 'ScoreDistillHead', 'SoftTargetLoss', 'VerbNounHead', 'ViewEnsembleHead']
