"""How much data a method saves: curves of a measure over the share of training clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .paired import paired_difference

Values = Mapping[int, float]  # seed -> value
_POINTS = 400  # at which the curve between two shares is looked at


@dataclass(frozen=True)
class EqualShare:
    """The share (percent) at which a curve equals a reference, with its interval.

    None of ``estimate``: the curves do not meet between the smallest and the largest share, or
    meet more than once. None of ``low`` or ``high``: the interval is open on that side.
    """

    estimate: float | None
    low: float | None
    high: float | None
    smallest: float
    largest: float
    pairs: int
    side: str  # 'above' or 'below' the reference everywhere, 'meets' or 'unclear'


def equal_share(
    curve: Mapping[float, Values], reference: Values, level: float = 0.95
) -> EqualShare | None:
    """Where a curve over shares meets the value that a reference has with all data.

    Between two shares a seed's curve is a straight line over the logarithm of the share. The
    interval holds the shares at which the paired t test of the difference does not reject
    equality: it is open where that is so at the smallest or the largest share.

    Args:
        curve: Share in percent -> seed -> value.
        reference: Seed -> value.
        level: Of confidence.

    Returns:
        None for fewer than two shares, or fewer than two seeds that have all of them.
    """
    shares = sorted(curve)
    seeds = sorted(set(reference).intersection(*(set(curve[share]) for share in shares)))
    if len(shares) < 2 or len(seeds) < 2:
        return None
    grid = np.linspace(np.log(shares[0]), np.log(shares[-1]), _POINTS)
    lines = {
        seed: np.interp(grid, np.log(shares), [curve[share][seed] for share in shares])
        for seed in seeds
    }
    means, equal = np.empty(_POINTS), np.empty(_POINTS, bool)
    for i in range(_POINTS):
        found = paired_difference({seed: lines[seed][i] for seed in seeds}, reference, level)
        means[i], equal[i] = found.mean, abs(found.mean) <= found.half_width
    crossings = np.flatnonzero(np.diff(np.sign(means)) != 0)
    estimate = None
    if len(crossings) == 1:
        i = crossings[0]
        part = means[i] / (means[i] - means[i + 1])
        estimate = float(np.exp(grid[i] + part * (grid[i + 1] - grid[i])))
    inside = np.flatnonzero(equal)
    ends = (estimate, estimate)  # of equal differences, whose interval has no width
    if len(inside):
        ends = tuple(
            None if equal[edge] else float(np.exp(grid[i]))
            for edge, i in ((0, inside[0]), (-1, inside[-1]))
        )
    return EqualShare(
        estimate, *ends, shares[0], shares[-1], len(seeds), _side(means, equal, estimate)
    )


def _side(means: np.ndarray, equal: np.ndarray, estimate: float | None) -> str:
    if not equal.any() and estimate is None:
        return 'above' if means[0] > 0 else 'below'
    return 'unclear' if estimate is None else 'meets'


def describe(found: EqualShare | None, curve: str, reference: str) -> str:
    """The result as a sentence.

    Args:
        found: What :func:`equal_share` returned.
        curve: Name of the curve.
        reference: Name of what it is compared to.
    """
    what = f'the share of the clips with which {curve} equals {reference} with all'
    if found is None:
        return f'{what} is not determinable: too few seeds or shares'
    bounds = f'{found.smallest:g} and {found.largest:g} %'
    if found.side == 'above':
        return f'{what} is below {found.smallest:g} %: it is better at every share measured'
    if found.side == 'below':
        return f'{what} is above {found.largest:g} %: it is worse at every share measured'
    if found.side == 'unclear':
        return f'{what} is not determinable between {bounds}'
    low = f'below {found.smallest:g}' if found.low is None else f'{found.low:.0f}'
    high = f'above {found.largest:g}' if found.high is None else f'{found.high:.0f}'
    return (
        f'{what} is {found.estimate:.0f} % (95 % interval: {low} to {high} %, {found.pairs} seeds)'
    )


def points(curve: Mapping[float, Values]) -> Sequence[tuple[float, int, float, float | None]]:
    """Share, number of seeds, mean and half width of the mean's 95 % interval, by share."""
    zero = dict.fromkeys(seed for values in curve.values() for seed in values)
    found = []
    for share in sorted(curve):
        mean = paired_difference(curve[share], dict.fromkeys(zero, 0.0))
        if mean is not None:
            found.append((share, mean.pairs, mean.mean, mean.half_width))
    return found
