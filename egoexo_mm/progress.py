"""A line of progress every few seconds, readable in a terminal and in a log file."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')


def track(items: Iterable[T], total: int, label: str, every: float = 5.0) -> Iterator[T]:
    """Yield ``items`` and print how many of ``total`` are done, every ``every`` seconds and at
    the end."""
    begin = last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - last >= every or done == total:
            rate = done / max(now - begin, 1e-9)
            print(
                f'{label}: {done}/{total}, {rate:.0f}/s, {(total - done) / rate:.0f} s left',
                flush=True,
            )
            last = now
