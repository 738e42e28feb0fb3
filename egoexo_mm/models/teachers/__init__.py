"""Teachers: frozen models that make the targets of Ego-Exo, for stores and in training."""

from .base import ScoreTeacher, Teacher
from .boxes import BoxTeacher
from .detection import DetectionTeacher
from .ego_score import EgoScoreTeacher
from .frame_score import FrameScoreTeacher
from .hand_object import HandObjectTeacher
from .image_embedding import ImageEmbeddingTeacher
from .mediapipe_hands import MediaPipeHandTeacher
from .object_score import ObjectScoreTeacher
from .online import OnlineTeachers
from .recognizer_scores import RecognizerTeacher
from .zero_shot import ZeroShotEgoTeacher, ZeroShotObjectTeacher

__all__ = [
    'BoxTeacher',
    'DetectionTeacher',
    'EgoScoreTeacher',
    'FrameScoreTeacher',
    'HandObjectTeacher',
    'ImageEmbeddingTeacher',
    'MediaPipeHandTeacher',
    'ObjectScoreTeacher',
    'OnlineTeachers',
    'RecognizerTeacher',
    'ScoreTeacher',
    'Teacher',
    'ZeroShotEgoTeacher',
    'ZeroShotObjectTeacher',
]
