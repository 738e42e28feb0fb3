"""Calibration of predicted probabilities: reliability, calibration error, likelihood, temperature.

Shape legend: ``N`` samples, ``B`` bins, ``C`` classes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

TEMPERATURES = (1e-2, 1e2)  # of fit_temperature


class Reliability(NamedTuple):
    """Samples sorted into bins by a predicted probability; means of empty bins are NaN."""

    edges: np.ndarray  # (B + 1,)
    count: np.ndarray  # type: ignore[assignment]  # (B,) samples; tuple has a method of this name
    predicted: np.ndarray  # (B,) mean predicted probability
    observed: np.ndarray  # (B,) share of samples for which it came true


def reliability(probability: ArrayLike, outcome: ArrayLike, num_bins: int = 15) -> Reliability:
    """Predicted against observed, in ``num_bins`` bins of equal width over [0, 1].

    A bin holds its lower edge, the last one also 1 (Guo et al., https://arxiv.org/abs/1706.04599,
    have it the other way round; it matters for values on an edge alone).

    Args:
        probability: (N,) in [0, 1].
        outcome: (N,) of 0 and 1.
        num_bins: ``B``.

    Raises:
        ValueError: shapes differ, nothing to score, a value that is no probability, or no bin.
    """
    probability, outcome = np.asarray(probability, np.float64), np.asarray(outcome)
    if probability.ndim != 1 or probability.shape != outcome.shape or not len(probability):
        raise ValueError(
            f'expected probabilities and outcomes of one shape (N,), got {probability.shape} and '
            f'{outcome.shape}'
        )
    if not (probability >= 0).all() or not (probability <= 1).all():  # also of NaN
        raise ValueError(
            f'probabilities must lie in [0, 1], got {probability.min():.4g} to '
            f'{probability.max():.4g}'
        )
    if not np.isin(outcome, (0, 1)).all():
        raise ValueError(f'outcomes must be 0 or 1, got {outcome.min()} to {outcome.max()}')
    check_num_bins(num_bins)
    bins = np.minimum((probability * num_bins).astype(int), num_bins - 1)
    count = np.bincount(bins, minlength=num_bins)
    with np.errstate(invalid='ignore'):
        predicted, observed = (
            np.bincount(bins, weights=values, minlength=num_bins) / count
            for values in (probability, outcome.astype(np.float64))
        )
    return Reliability(np.linspace(0, 1, num_bins + 1), count, predicted, observed)


def check_num_bins(num_bins: int) -> None:
    """Refuse fewer than one bin."""
    if num_bins < 1:
        raise ValueError(f'num_bins must be at least 1, got {num_bins}')


def expected_calibration_error(table: Reliability) -> float:
    """Mean gap between predicted and observed, each bin weighted by its samples; in [0, 1]."""
    filled = table.count > 0
    gap = np.abs(table.predicted[filled] - table.observed[filled])
    return float(np.average(gap, weights=table.count[filled]))


def negative_log_likelihood(
    logits: ArrayLike, labels: ArrayLike, temperature: float = 1.0
) -> float:
    """Mean of ``-log softmax(logits / temperature)[label]``, in nats.

    Args:
        logits: (N, C) raw scores or log-probabilities.
        labels: (N,) classes.
        temperature: above 0; large ones flatten.
    """
    scaled, own = _shifted(np.asarray(logits, np.float64) / temperature, labels)
    return float(np.mean(np.log(np.exp(scaled).sum(axis=1)) - own))


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Temperature that minimises the likelihood's loss on these samples, between 0.01 and 100.

    The loss is convex in ``b = 1 / T`` and its slope is the mean over samples of (expected logit
    under ``softmax(b * logits)``) - (logit of the label), which bisection brings to zero. Where
    every label has the highest logit there is no minimum: the result is the lower bound. Where
    logits are no better than chance it is the upper one.

    Args:
        logits: (N, C) raw scores or log-probabilities.
        labels: (N,) classes.
    """
    scores, own = _shifted(np.asarray(logits, np.float64), labels)

    def slope(temperature: float) -> float:
        weights = np.exp(scores / temperature)
        return float(np.mean((weights * scores).sum(axis=1) / weights.sum(axis=1) - own))

    low, high = TEMPERATURES
    if slope(low) <= 0:  # the colder the better
        return low
    if slope(high) >= 0:
        return high
    for _ in range(60):  # a factor of 1e4, halved to float precision
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if slope(middle) <= 0 else (middle, high)
    return float(np.sqrt(low * high))


def _shifted(logits: np.ndarray, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) logits less the highest of their row, so that no exponential overflows.

    Also returns those of the labels, (N,).
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits, np.take_along_axis(logits, np.asarray(labels)[:, None], axis=1)[:, 0]
