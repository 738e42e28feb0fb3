"""Recognizers, backbones, heads, losses and teachers; importing registers them."""

from .backbones import AvionTransformer, EgoExoSlowFast
from .data_preprocessor import EgoExoDataPreprocessor
from .heads import InteractionMapHead, ScoreDistillHead, VerbNounHead, ViewEnsembleHead
from .losses import InteractionMapLoss, SoftTargetLoss
from .measured_teacher import MeasuredTeacher
from .recognizer import EgoExoRecognizer, EgoExoRecognizer2D
from .teachers import (
    BoxTeacher,
    EgoScoreTeacher,
    HandObjectTeacher,
    MediaPipeHandTeacher,
    ObjectScoreTeacher,
    ZeroShotEgoTeacher,
    ZeroShotObjectTeacher,
)

__all__ = [
    'AvionTransformer',
    'BoxTeacher',
    'EgoExoDataPreprocessor',
    'EgoExoRecognizer',
    'EgoExoRecognizer2D',
    'EgoExoSlowFast',
    'EgoScoreTeacher',
    'HandObjectTeacher',
    'InteractionMapHead',
    'InteractionMapLoss',
    'MeasuredTeacher',
    'MediaPipeHandTeacher',
    'ObjectScoreTeacher',
    'ScoreDistillHead',
    'SoftTargetLoss',
    'VerbNounHead',
    'ViewEnsembleHead',
    'ZeroShotEgoTeacher',
    'ZeroShotObjectTeacher',
]
