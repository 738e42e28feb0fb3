"""Teachers: frozen models that make the targets of Ego-Exo, for stores and in training."""

from .base import ScoreTeacher, Teacher
from .ego_score import EgoScoreTeacher
from .hand_object import HandObjectTeacher
from .object_score import ObjectScoreTeacher
from .online import OnlineTeachers

__all__ = [
    'EgoScoreTeacher',
    'HandObjectTeacher',
    'ObjectScoreTeacher',
    'OnlineTeachers',
    'ScoreTeacher',
    'Teacher',
]
