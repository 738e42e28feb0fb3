"""Videos to be prepared, their results, a progress bar and a final table."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

READY, SHORT, TO_DO, MISSING, BROKEN = 'ready', 'short', 'to do', 'missing', 'broken'
_ADVICE = {
    READY: 'nothing to do',
    SHORT: 'end before their annotations do; delete and get again, or have the data set drop the '
    'rows (missing="drop")',
    TO_DO: 'give OUT and no --check-only',
    MISSING: 'download them into the source folder and run again',
    BROKEN: 'damaged or unreadable; get again and run again',
}


class Found(NamedTuple):
    """Length of a target, and the settings that read it where the defaults do not."""

    length: float
    settings: str = ''


@dataclass(frozen=True)
class Item:
    """One video.

    Attributes:
        name: Id, as tables name it.
        source: File to make the target from, None where there is none.
        target: Folder of frames or video file.
        make: Writes a target of another name from ``source``.
        check: What a target holds, its length in ``unit``; raises MediaError for a bad one.
        check_source: Raises MediaError for a source that is seen to be bad without making the
            target.
        need: Length that the annotations reach to.
        unit: ``'frames'`` or ``'s'``.
    """

    name: str
    source: Path | None
    target: Path
    make: Callable[[Path, Path], None]
    check: Callable[[Path], Found]
    check_source: Callable[[Path], object]
    need: float = 0
    unit: str = 'frames'


@dataclass(frozen=True)
class Result:
    """Result for an item: state, reason, length of the target, and settings that read it."""

    item: Item
    state: str
    reason: str = ''
    length: float = 0
    settings: str = ''


class Progress:
    """A bar on a terminal, else a line every 10 seconds: how many are done, rate and time left."""

    def __init__(self, total: int, label: str) -> None:
        self.total, self.label, self.done = total, label, 0
        self.begin = time.monotonic()
        self.lock = threading.Lock()
        self.live = sys.stderr.isatty()
        self.last = self.begin if not self.live else 0.0

    def step(self) -> None:
        """Count one more video."""
        with self.lock:
            self._step()

    def _step(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.last >= (0.2 if self.live else 10) or self.done == self.total:
            self.last = now
            rate = self.done / max(now - self.begin, 1e-9)
            left = time.strftime('%H:%M:%S', time.gmtime((self.total - self.done) / rate))
            text = f'{self.label}: {self.done}/{self.total} videos, {rate:.3g}/s, {left} left'
            filled = 30 * self.done // self.total
            sys.stderr.write(
                f'\r[{"#" * filled}{"-" * (30 - filled)}] {text}\x1b[K'
                if self.live
                else text + '\n'
            )
            sys.stderr.flush()

    def end(self) -> None:
        """End the line on a terminal."""
        if self.live and self.total:
            sys.stderr.write('\n')


def table(results: Iterable[Result], where: Path) -> str:
    """What is usable, and what to do about the rest."""
    results = list(results)
    rows = [('state', 'videos', 'length', 'what to do')]
    for state, advice in _ADVICE.items():
        members = [result for result in results if result.state == state]
        if members:
            length = sum(result.length for result in members)
            total = (
                f'{length:.0f} frames'
                if members[0].item.unit == 'frames'
                else f'{length / 3600:.2f} h'
            )
            if state != READY:
                advice += (
                    ': '
                    + ', '.join(result.item.name for result in members[:3])
                    + ', ...' * (len(members) > 3)
                )
            rows.append((state, str(len(members)), total if length else '-', advice))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [
        f'{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}'
        for row in rows
    ]
    usable = sum(result.state == READY for result in results)
    return '\n'.join([*lines, f'{usable} of {len(results)} videos in {where} are usable'])


def settings_lines(results: Iterable[Result]) -> list[str]:
    """A line for each set of settings, other than the defaults, that usable targets need."""
    groups: dict[str, list[str]] = {}
    for result in results:
        if result.state in (READY, SHORT):
            groups.setdefault(result.settings, []).append(result.item.name)
    lines = [
        f'{len(names)} videos are read with {settings} in the data set: '
        + ', '.join(names[:3])
        + ', ...' * (len(names) > 3)
        for settings, names in groups.items()
        if settings
    ]
    if lines and len(groups) > 1:
        lines.append(
            'one data set takes one such setting: rename the frames of one kind, or use two data '
            'sets'
        )
    return lines
