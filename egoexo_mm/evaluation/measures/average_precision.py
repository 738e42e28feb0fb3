"""Average precision of multi-label scores.

Legend: N videos, C classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

VARIANTS = ('reference', 'official')


def average_precision(scores: ArrayLike, labels: ArrayLike, *, ties: str = 'joint') -> float:
    """Average precision of one class.

    Args:
        scores: (N,), may hold -inf.
        labels: (N,) booleans.
        ties: videos with equal scores enter the precision-recall curve together (``'joint'``, which
            does not depend on the order of the videos: ``sklearn.metrics.average_precision_score``)
            or one after the other in the order given (``'ordered'``).

    Returns:
        sum over thresholds of (recall gained) x precision, in [0, 1]; NaN without a positive.
    """
    scores, labels = np.asarray(scores), np.asarray(labels, bool)
    order = np.argsort(-scores, kind='stable')
    ranked, hits = scores[order], np.cumsum(labels[order])
    if not len(hits) or not hits[-1]:
        return float('nan')
    ends = np.arange(len(hits))
    if ties == 'joint':  # a threshold lies only where the score changes
        ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(hits) - 1)
    gained = np.diff(hits[ends], prepend=0)
    return float(np.sum(gained * (hits[ends] / (ends + 1))) / hits[-1])


def check_variant(variant: str) -> None:
    """Refuse a name that is not in :data:`VARIANTS`."""
    if variant not in VARIANTS:
        raise ValueError(f'variant must be one of {", ".join(VARIANTS)}, got {variant!r}')


def class_average_precision(
    scores: ArrayLike, labels: ArrayLike, *, variant: str = 'reference'
) -> np.ndarray:
    """Average precision of each class.

    Args:
        scores: (N, C) finite.
        labels: (N, C) of 0 and 1.
        variant: ``'reference'`` as in the Ego-Exo code, which is scikit-learn's; ``'official'`` as
            in the Python version of the Charades script that LaViLa and others use: videos without
            any label come last in every ranking (score -inf), and equal scores are ranked one after
            the other.

    Returns:
        (C,) in [0, 1]; NaN for classes without a positive.

    Raises:
        ValueError: shapes differ, nothing to score, a score that is no finite number, or a label
            other than 0 and 1.
    """
    check_variant(variant)
    scores, labels = _checked(scores, labels)
    if variant == 'official':
        scores = np.where(labels.any(axis=1, keepdims=True), scores, -np.inf)
    ties = 'ordered' if variant == 'official' else 'joint'
    return np.array(
        [average_precision(score, label, ties=ties) for score, label in zip(scores.T, labels.T)]
    )


def mean_average_precision(
    scores: ArrayLike, labels: ArrayLike, *, variant: str = 'reference'
) -> float:
    """Unweighted mean of :func:`class_average_precision` over classes with a positive, in [0, 1].

    Raises:
        ValueError: as there, or no class has a positive.
    """
    return mean_of_classes(class_average_precision(scores, labels, variant=variant))


def mean_of_classes(values: np.ndarray) -> float:
    """Mean of (C,) values without the NaN of absent classes.

    Raises:
        ValueError: no class is present.
    """
    if np.isnan(values).all():
        raise ValueError(
            f'mAP is undefined: none of the {len(values)} classes has a positive label; check that '
            'the annotation file holds labels and that the data set passes them on as gt_label'
        )
    return float(np.nanmean(values))


def _checked(scores: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or scores.shape != labels.shape:
        raise ValueError(
            f'expected scores and multi-hot labels of one shape (videos, classes), got '
            f'{scores.shape} and {labels.shape}; num_classes of the head and of the data set must '
            'agree'
        )
    if not scores.size:
        raise ValueError(f'no scores to evaluate: shape {scores.shape}; the test set is empty')
    bad = np.argwhere(~np.isfinite(scores))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f'score of video {row}, class {column} is {scores[row, column]} ({len(bad)} such '
            'scores); the model diverged or the dump is damaged'
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f'labels must be multi-hot (0 or 1), got values from {labels.min()} to {labels.max()}'
        )
    return scores, labels.astype(bool)
