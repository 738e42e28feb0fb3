"""What a linear map can read from frozen features: ridge regression in closed form.

Legend: ``n`` rows, ``p`` features, ``k`` targets. Nothing is tuned: features are standardised on
the training rows, and the penalty follows from their number.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

PENALTY = 0.004  # a feature; chosen in an old world (docs/study_diary.md)


def ridge(train: np.ndarray, targets: np.ndarray, test: np.ndarray) -> np.ndarray:
    r"""Predictions (m, k) for ``test`` (m, p) of a ridge regression.

    Weights are :math:`(X^T X / n + \lambda I)^{-1} X^T Y / n` of standardised features X and
    centred targets Y, with :math:`\lambda` = ``PENALTY`` p.

    Args:
        train: (n, p).
        targets: (n, k) of the rows of ``train``.
        test: (m, p).
    """
    train, test, targets = (np.asarray(x, np.float64) for x in (train, test, targets))
    mean, scale = train.mean(0), train.std(0)
    scale[scale < 1e-8] = np.inf  # a constant feature says nothing
    x, centre = (train - mean) / scale, targets.mean(0)
    n, p = x.shape
    penalty = PENALTY * p
    if p <= n:
        weights = np.linalg.solve(x.T @ x / n + penalty * np.eye(p), x.T @ (targets - centre) / n)
    else:  # the same weights, by a system of n equations
        weights = x.T @ np.linalg.solve(x @ x.T / n + penalty * np.eye(n), targets - centre) / n
    return (test - mean) / scale @ weights + centre


def explained(targets: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variance of targets (n, k) that predictions explain (R²), in percent."""
    error = np.square(targets - predicted).sum()
    return float(100 * (1 - error / np.square(targets - targets.mean(0)).sum()))


def classify(train: np.ndarray, classes: np.ndarray, test: np.ndarray, count: int) -> np.ndarray:
    """Classes (m,) of ``test``, by a ridge regression of one-hot vectors of ``count`` classes."""
    return ridge(train, np.eye(count)[classes], test).argmax(1)


def area_under_curve(scores: np.ndarray, positive: np.ndarray) -> float:
    """Chance in percent that a positive row has a higher score than a negative one; ties half."""
    ranks, positive = stats.rankdata(scores), np.asarray(positive, bool)
    hits, misses = positive.sum(), (~positive).sum()
    return float(100 * (ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))
