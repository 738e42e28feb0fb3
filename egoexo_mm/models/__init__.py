"""Recognizers, backbones, heads, losses and teachers; importing registers them."""

from .backbones import AvionTransformer, EgoExoSlowFast
from .data_preprocessor import EgoExoDataPreprocessor
from .heads import InteractionMapHead, ScoreDistillHead, VerbNounHead, ViewEnsembleHead
from .losses import InteractionMapLoss, SoftTargetLoss
from .recognizer import EgoExoRecognizer, EgoExoRecognizer2D
from .teacher_recognizer import TeacherRecognizer
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
    'MediaPipeHandTeacher',
    'ObjectScoreTeacher',
    'ScoreDistillHead',
    'SoftTargetLoss',
    'TeacherRecognizer',
    'VerbNounHead',
    'ViewEnsembleHead',
    'ZeroShotEgoTeacher',
    'ZeroShotObjectTeacher',
]
