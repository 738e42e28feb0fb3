"""Teachers: frozen models that make the targets of Ego-Exo, for stores and inside the training step."""
from .base import ScoreTeacher, Teacher

__all__ = ['ScoreTeacher', 'Teacher']
