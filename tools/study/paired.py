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
    """Mean paired difference and the half width of its confidence interval.

    The half width is None for fewer than two pairs.
    """

    mean: float
    half_width: float | None
    pairs: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval."""
        if self.half_width is None:
            return None
        return self.mean - self.half_width, self.mean + self.half_width


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
    spread = deviation(pairs)
    half = None
    if spread is not None:
        half = t_quantile((1 + level) / 2, len(pairs) - 1) * spread / math.sqrt(len(pairs))
    return Difference(statistics.fmean(pairs), half, len(pairs))


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
