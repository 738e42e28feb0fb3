"""Statistics of few paired runs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scipy import stats


def deviation(values: Sequence[float]) -> float | None:
    """Sample standard deviation (n - 1), None for fewer than two values."""
    return statistics.stdev(values) if len(values) > 1 else None


@dataclass(frozen=True)
class Difference:
    """Mean paired difference, and the half width of its confidence interval.

    ``error`` is the standard error of the mean. It and the half width are None for fewer than two
    pairs.
    """

    mean: float
    half_width: float | None
    pairs: int
    error: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval."""
        if self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width

    @property
    def p(self) -> float | None:
        """Two-sided p-value of the paired t test of no difference."""
        if self.error is None:
            return None
        if self.error == 0:
            return float(self.mean == 0)
        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.pairs - 1))

    def width_at(self, level: float) -> float:
        """Half width of the interval of another level, for two pairs or more."""
        return t_quantile((1 + level) / 2, self.pairs - 1) * self.error


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float], level: float = 0.95
) -> Difference | None:
    """Difference over the seeds that both have, with the interval of the paired t statistic.

    The interval is mean ± t((1 + level) / 2, n - 1) s / √n. It assumes differences that are normal
    over seeds, and is about the seeds of this study's data, not about other data.

    Args:
        values: seed -> value.
        baseline: seed -> value.
        level: Of confidence.

    Returns:
        The difference, or None without a common seed.
    """
    pairs = [values[seed] - baseline[seed] for seed in sorted(values.keys() & baseline.keys())]
    if not pairs:
        return None
    spread, mean = deviation(pairs), statistics.fmean(pairs)
    if spread is None:
        return Difference(mean, None, len(pairs))
    error = spread / math.sqrt(len(pairs))
    half = t_quantile((1 + level) / 2, len(pairs) - 1) * error
    return Difference(mean, half, len(pairs), error)


def holm(p_values: Mapping[str, float], alpha: float = 0.05) -> dict[str, tuple[float, float]]:
    """Holm's correction of several tests (https://www.jstor.org/stable/4615733).

    With k tests in the order of their p-values, the i-th is rejected if it and all before it have
    p <= alpha / (k - i + 1). The level of a test's interval is 1 - alpha / (k - i + 1) of the last
    step that reached it, so that the interval excludes 0 exactly where Holm rejects. These
    intervals show Holm's decisions; they are no simultaneous ones.

    Args:
        p_values: Name of the test -> its p-value.
        alpha: Of all tests together.

    Returns:
        Name -> adjusted p-value, at most 1, and level of the interval.
    """
    found: dict[str, tuple[float, float]] = {}
    adjusted, steps, rejects = 0.0, len(p_values), True
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        adjusted = max(adjusted, min(1.0, (len(p_values) - rank) * p))
        if rejects:
            steps = len(p_values) - rank
            rejects = p <= alpha / steps
        found[name] = adjusted, 1 - alpha / steps
    return found


def t_quantile(p: float, df: int) -> float:
    """The ``p`` quantile of Student's t.

    Args:
        p: From 0.5 to below 1.
        df: Degrees of freedom.

    Raises:
        ValueError: ``p`` or ``df`` is out of range.
    """
    if not 0.5 <= p < 1 or df < 1 or df != int(df):
        raise ValueError(f'expected 0.5 <= p < 1 and a whole df from 1, got p={p} and df={df}')
    return float(stats.t.ppf(p, df))
