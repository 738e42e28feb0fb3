from .backbones import EgoExoSlowFast
from .heads import InteractionMapHead, ScoreDistillHead
from .losses import InteractionMapLoss, SoftTargetLoss
from .recognizer import EgoExoRecognizer

__all__ = ['EgoExoRecognizer', 'EgoExoSlowFast', 'InteractionMapHead', 'InteractionMapLoss', 'ScoreDistillHead',
           'SoftTargetLoss']
