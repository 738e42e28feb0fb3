"""Timing sides in turns, and printing what came of it."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch


@dataclasses.dataclass
class Options:
    """Of all benchmarks.

    Attributes:
        device: ``'cpu'`` or ``'cuda'``, for those that compute.
        rounds: timings per side.
        quick: smallest sizes, to see that everything runs.
        videos: folder with videos to decode; made where None.
        workers: numbers of loading processes.
    """

    device: str = 'cpu'
    rounds: int = 9
    quick: bool = False
    videos: Path | None = None
    workers: tuple[int, ...] = (0, 1, 2)


def in_turns(
    sides: dict[str, Callable[[], object]], rounds: int, device: str = 'cpu'
) -> dict[str, list[float]]:
    """Seconds of every call, side by side, in rounds of alternating order after one warm-up call.

    On the CPU it is the time of this process (all threads), which other load on the machine
    disturbs less; on a GPU the wall clock until the device is done.
    """
    for call in sides.values():
        call()
    times = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            times[name].append(seconds(sides[name], device))
    return times


def seconds(call: Callable[[], object], device: str = 'cpu') -> float:
    """Of one call."""
    if device == 'cpu':
        start = time.process_time()
        call()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def ratio(times: dict[str, list[float]], name: str, base: str) -> float:
    """Median over rounds of the ratio of two sides; both sides of a round ran in a row."""
    return statistics.median(mine / other for mine, other in zip(times[name], times[base]))


def resident() -> float:
    """Megabytes of this process in memory now."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith('VmRSS'):
            return int(line.split()[1]) / 1024
    raise RuntimeError('/proc/self/status has no VmRSS; the memory figures need Linux')


def table(rows: list[dict]) -> str:
    """Markdown, a column per key of any row."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = ['| ' + ' | '.join(columns) + ' |', '|---' * len(columns) + '|']
    lines += [
        '| ' + ' | '.join(_cell(row.get(column, '-')) for column in columns) + ' |' for row in rows
    ]
    return '\n'.join(lines)


def _cell(value: object) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)
