"""Gathering items into full batches, whatever video they are from."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar('T')


class FullBatches(Generic[T]):
    """Items wait, by key, until there are enough for a batch.

    Where there are many keys (videos of many sizes), each with a few items that wait, the group
    that has waited longest is handed out as it is, so that no more than ``max_waiting`` items take
    up memory.

    Raises:
        ValueError: ``batch_size`` is below 1 or above ``max_waiting``.
    """

    def __init__(self, batch_size: int, max_waiting: int | None = None) -> None:
        self.batch_size = batch_size
        self.max_waiting = 4 * batch_size if max_waiting is None else max_waiting
        if not 1 <= batch_size <= self.max_waiting:
            raise ValueError(
                f'batch_size is {batch_size}, expected 1 or more and not above max_waiting '
                f'({self.max_waiting})'
            )
        self._groups: dict[Hashable, list[T]] = {}  # in the order of their oldest items
        self._waiting = 0

    def add(self, key: Hashable, item: T) -> list[T] | None:
        """Take an item; returns a batch if this makes one."""
        self._groups.setdefault(key, []).append(item)
        self._waiting += 1
        if len(self._groups[key]) == self.batch_size:
            return self._hand_out(key)
        if self._waiting > self.max_waiting:
            return self._hand_out(next(iter(self._groups)))
        return None

    def rest(self) -> Iterator[list[T]]:
        """Hand out all that still waits."""
        while self._groups:
            yield self._hand_out(next(iter(self._groups)))

    def _hand_out(self, key: Hashable) -> list[T]:
        batch = self._groups.pop(key)
        self._waiting -= len(batch)
        return batch
