"""Teachers: frozen models that make the targets of Ego-Exo, for stores and inside the training step."""
from .base import ScoreTeacher, Teacher
from .hand_object import HandObjectTeacher
from .online import OnlineTeachers

__all__ = ['HandObjectTeacher', 'OnlineTeachers', 'ScoreTeacher', 'Teacher']
