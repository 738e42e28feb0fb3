"""Recognizers, backbones, heads, losses and teachers; importing registers them."""

from .backbones import AvionTransformer, EgoExoSlowFast
from .data_preprocessor import EgoExoDataPreprocessor
from .heads import (
    EmbeddingDistillHead,
    InteractionMapHead,
    ScoreDistillHead,
    VerbNounHead,
    ViewEnsembleHead,
)
from .losses import (
    CosineLoss,
    InteractionMapLoss,
    ScoreMSELoss,
    SmoothL1EmbeddingLoss,
    SoftTargetLoss,
)
from .measured_teacher import MeasuredTeacher
from .recognizer import EgoExoRecognizer, EgoExoRecognizer2D
from .teachers import (
    BoxTeacher,
    EgoScoreTeacher,
    HandObjectTeacher,
    ImageEmbeddingTeacher,
    MediaPipeHandTeacher,
    ObjectScoreTeacher,
    RecognizerTeacher,
    ZeroShotEgoTeacher,
    ZeroShotObjectTeacher,
)

__all__ = [
    'AvionTransformer',
    'BoxTeacher',
    'CosineLoss',
    'EgoExoDataPreprocessor',
    'EgoExoRecognizer',
    'EgoExoRecognizer2D',
    'EgoExoSlowFast',
    'EgoScoreTeacher',
    'HandObjectTeacher',
    'EmbeddingDistillHead',
    'ImageEmbeddingTeacher',
    'InteractionMapHead',
    'InteractionMapLoss',
    'MeasuredTeacher',
    'MediaPipeHandTeacher',
    'ObjectScoreTeacher',
    'RecognizerTeacher',
    'ScoreDistillHead',
    'ScoreMSELoss',
    'SmoothL1EmbeddingLoss',
    'SoftTargetLoss',
    'VerbNounHead',
    'ViewEnsembleHead',
    'ZeroShotEgoTeacher',
    'ZeroShotObjectTeacher',
]
