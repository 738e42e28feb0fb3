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
        every: Seconds between lines; the last item has one in any case if ``total`` is known.
        file: Where to print, by default standard output.
    """
    begin = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= every or done == total:
            rate = done / max(now - begin, 1e-9)
            known = total is not None
            part, left = (
                (f'/{total}', f', {(total - done) / rate:.0f} s left') if known else ('', '')
            )
            print(
                f'{label}: {done}{part}, {rate:.{0 if rate >= 10 else 1}f}/s{left}',
                flush=True,
                file=file,
            )
            last = now
