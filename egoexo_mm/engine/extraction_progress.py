"""The progress of an extraction, in one line."""

from __future__ import annotations

import datetime
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar('T')


class ExtractionProgress:
    """Counts videos and frames, and reports them now and then.

    The report is a line in the log, or one that is rewritten in a terminal.

    Args:
        total: Videos to do.
        say: Takes a line of the log.
        every: Seconds between lines of the log.
        label: What the figures are about.
        clock: Gives seconds.
        terminal: Stream for the rewritten line; None for none. By default standard error, if it is
            a terminal.
    """

    def __init__(
        self,
        total: int,
        say: Callable[[str], None],
        *,
        every: float = 30.0,
        label: str = 'extract',
        clock: Callable[[], float] = time.monotonic,
        terminal: TextIO | None | bool = True,
    ) -> None:
        self.total, self.say, self.every, self.label, self.clock = total, say, every, label, clock
        self.terminal = (
            (sys.stderr if sys.stderr.isatty() else None) if terminal is True else terminal
        )
        self.videos = self.failed = self.frames = 0
        self.waited = 0.0
        self.begin = self._logged = self._shown = clock()

    def waiting(self, chunks: Iterable[T]) -> Iterator[T]:
        """Hand chunks on and add up how long they were waited for."""
        chunks = iter(chunks)
        while True:
            asked = self.clock()
            try:
                chunk = next(chunks)
            except StopIteration:
                return
            finally:
                self.waited += self.clock() - asked
            yield chunk

    def line(self) -> str:
        """Videos done, frames per second, share of time spent waiting for frames, time left."""
        seconds = max(self.clock() - self.begin, 1e-9)
        left = (
            _clock_time((self.total - self.videos) * seconds / self.videos)
            if self.videos
            else 'unknown'
        )
        failed = f' ({self.failed} failed)' if self.failed else ''
        return (
            f'{self.label}: {self.videos}/{self.total} videos{failed}, '
            f'{self.frames / seconds:.1f} frames/s, '
            f'{self.waited / seconds:.0%} waiting for frames, time left {left}'
        )

    def update(self) -> None:
        """Report if it is time to."""
        now = self.clock()
        if self.terminal and now - self._shown >= 0.5:
            self.terminal.write(f'\r{self.line()}\x1b[K')
            self.terminal.flush()
            self._shown = now
        elif not self.terminal and now - self._logged >= self.every:
            self.say(self.line())
            self._logged = now

    def close(self) -> None:
        """End the line of the terminal."""
        if self.terminal:
            self.terminal.write('\r\x1b[K')
            self.terminal.flush()


def _clock_time(seconds: float) -> str:
    return str(datetime.timedelta(seconds=round(seconds)))
