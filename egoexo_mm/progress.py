"""A line of progress every few seconds, readable in a terminal and in a log file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TextIO, TypeVar

T = TypeVar('T')


def track(
    items: Iterable[T],
    total: int | None,
    label: str,
    every: float = 5.0,
    file: TextIO | None = None,
) -> Iterator[T]:
    """Yield ``items`` and print how many of ``total`` are done.

    Unlike MMEngine's bar, the lines have a label and are readable in a log file.

    Args:
        items: What to go through.
        total: Their number; None where nobody knows it.
        label: Begins each line.
        every: Seconds between lines; the end has one in any case.
        file: Where to print, by default standard output.
    """
    begin = last = time.monotonic()
    done = said = 0

    def say(ended: bool) -> None:
        rate = done / max(time.monotonic() - begin, 1e-9)
        of = '' if total is None else f'/{total}'
        left = ', 0 s left' if ended else f', {(total - done) / rate:.0f} s left' if total else ''
        speed = f'{rate:.0f}' if rate >= 10 else f'{rate:.1f}'
        print(f'{label}: {done}{of}, {speed}/s{left}', flush=True, file=file)

    for done, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last >= every:
            last, said = time.monotonic(), done
            say(done == total)
    if done > said:
        say(True)
