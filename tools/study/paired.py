"""Statistics of few paired runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


def mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1), None for fewer than two values."""
    if len(values) < 2:
        return None
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


@dataclass(frozen=True)
class Difference:
    """Mean paired difference and the half width of its confidence interval (None for fewer than two pairs)."""

    mean: float
    half_width: float | None
    pairs: int

    @property
    def interval(self) -> tuple[float, float] | None:
        return (
            None
            if self.half_width is None
            else (self.mean - self.half_width, self.mean + self.half_width)
        )


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float], level: float = 0.95
) -> Difference | None:
    """Difference over the seeds that both have, with the interval of the paired t statistic.

    Args:
        values, baseline: seed -> value.
        level: of confidence.

    Returns:
        None without a common seed. The interval assumes differences that are normal over seeds; it speaks of the seeds of
        this study's data, not of other data.
    """
    pairs = [values[seed] - baseline[seed] for seed in sorted(values.keys() & baseline.keys())]
    if not pairs:
        return None
    spread = deviation(pairs)
    half = (
        None
        if spread is None
        else t_quantile((1 + level) / 2, len(pairs) - 1) * spread / math.sqrt(len(pairs))
    )
    return Difference(mean(pairs), half, len(pairs))


def t_two_sided(t: float, df: int) -> float:
    """P(\\|T\\| < t) of Student's t with ``df`` whole degrees of freedom, t >= 0.

    The finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4, in the angle ``atan(t / sqrt(df))``.
    """
    angle = math.atan(t / math.sqrt(df))
    sin, cos = math.sin(angle), math.cos(angle)
    odd = df % 2
    term, total = (cos if odd else 1.0), 0.0
    for power in range(odd, df - 1, 2):  # the terms cos^power
        total += term
        term *= cos * cos * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sin * total) if odd else sin * total


def t_quantile(p: float, df: int) -> float:
    """The ``p`` quantile (0.5 <= p < 1) of Student's t with ``df`` whole degrees of freedom.

    Raises:
        ValueError: p or df out of range.
    """
    if not 0.5 <= p < 1 or df < 1 or df != int(df):
        raise ValueError(f'expected 0.5 <= p < 1 and a whole df from 1, got p={p} and df={df}')
    low, high = 0.0, 1.0
    while t_two_sided(high, df) < 2 * p - 1:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_two_sided(middle, df) < 2 * p - 1 else (low, middle)
    return (low + high) / 2
