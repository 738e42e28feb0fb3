"""A line of progress every few seconds, readable in a terminal and in a log file."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar('T')


def track(items: Iterable[T], total: int, label: str, every: float = 5.0) -> Iterator[T]:
    """Yield ``items`` and print how many of ``total`` are done.

    Unlike MMEngine's bar, the lines have a label and are readable in a log file.

    Args:
        items: What to go through.
        total: Their number.
        label: Begins each line.
        every: Seconds between lines; the last item has one in any case.
    """
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
