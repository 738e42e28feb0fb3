"""Measures: the maths of the metrics, as functions of numpy arrays."""

from .average_precision import average_precision, class_average_precision, mean_average_precision
from .calibration import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)
from .hand_object_ap import Detections, Truth, hand_object_aps
from .verb_noun import tail_rows, top_actions, top_classes, unseen_rows, verb_noun_hits

__all__ = [
    'Detections',
    'Truth',
    'average_precision',
    'class_average_precision',
    'expected_calibration_error',
    'fit_temperature',
    'hand_object_aps',
    'mean_average_precision',
    'negative_log_likelihood',
    'reliability',
    'tail_rows',
    'top_actions',
    'top_classes',
    'unseen_rows',
    'verb_noun_hits',
]
