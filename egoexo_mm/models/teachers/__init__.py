"""Teachers: frozen models that make the targets of Ego-Exo, for stores and inside the training step."""
from .base import ScoreTeacher, Teacher
from .ego_score import EgoScoreTeacher
from .object_score import ObjectScoreTeacher

__all__ = ['EgoScoreTeacher', 'ObjectScoreTeacher', 'ScoreTeacher', 'Teacher']
