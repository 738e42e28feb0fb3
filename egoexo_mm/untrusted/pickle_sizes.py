"""How large and how deep a pickled object is once every shared part is counted where it is used.

A list may hold another one ten times, and that one a third: ten levels of this, in a hundred bytes,
are ten billion items for whoever walks through them. So the size of each container counts its parts
as often as they occur, and is bounded by the size of the file. That works because here a container
cannot change any more once it is inside another one. Picklers change one there only where an object
contains itself; such objects are refused.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from .pickle_parts import PLAIN, Pending, RefusedError, Standin

DEEPEST = 100
_CHANGING = frozenset({list, dict, set, OrderedDict, Counter})  # of the containers
_CONTAINERS = _CHANGING | {tuple, frozenset}
_BYTES: dict[type, int] = {list: 72, dict: 80, set: 232, frozenset: 232}


class Sizes:
    """Sizes of the objects of one pickle.

    Args:
        file_size: bytes of the file.
    """

    def __init__(self, file_size: int) -> None:
        self._most_items = 1_000_000 + 4 * file_size
        self._memory_left = 50_000_000 + 48 * file_size
        self._copies_left = 10_000_000 + 4 * file_size
        # id -> object (kept, so that no other one gets the id), items, depth
        self._known: dict[int, tuple[Any, int, int]] = {}
        self._closed: dict[int, Any] = {}  # id -> object that is inside another one

    def made(self, kind: type) -> None:
        """Count a new container, which takes more memory than the opcode that makes it."""
        self._memory_left -= _BYTES[kind]
        if self._memory_left < 0:
            raise RefusedError('more lists, dicts and sets than a file of this size should hold')

    def of(self, parts: Sequence[Any]) -> tuple[int, int]:
        """Items in the parts of a new or growing object, and their depth (0: only plain values).

        What is among the parts is closed: it can change no more.

        Raises:
            RefusedError: a part is an object whose state is not known yet.
        """
        items, depth = len(parts), 0
        if items > 3 and PLAIN.issuperset(map(type, parts)):
            return items, depth
        for part in parts:
            kind = type(part)
            if kind in PLAIN:
                continue
            known = self._known.get(id(part))
            if known is not None:
                items += known[1]
                depth = max(depth, known[2])
            elif kind is np.ndarray:
                items += part.size
            elif kind in _CONTAINERS:
                items += len(part)
                depth = depth or 1
            elif isinstance(part, Pending):
                raise RefusedError('an object inside another one before its own state is given')
            if kind in _CHANGING or isinstance(part, Standin):
                self._closed[id(part)] = part
        return items, depth

    def copied(self, size: int) -> None:
        """Count bytes or items that are copied; each part of a file is copied about once."""
        self._copies_left -= size
        if self._copies_left < 0:
            raise RefusedError('more copies of its parts than a file of this size should hold')

    def check_room(self, items: int) -> None:
        """Refuse an array of so many items, before it is made."""
        if items > self._most_items:
            raise RefusedError('shared objects that would take far more room than the file')

    def check_open(self, container: Any) -> None:
        """Refuse to change what is inside another object."""
        if id(container) in self._closed:
            raise RefusedError('an object that contains itself')

    def add(self, container: Any, parts: Sequence[Any]) -> None:
        """Record that an open container is about to get these parts."""
        items, depth = self.of(parts)
        self.check_open(container)
        self.grow(container, items, depth)

    def grow(self, container: Any, items: int, depth: int) -> None:
        """Record that a container is about to get parts of these sizes."""
        _, old_items, old_depth = self._known.get(id(container), (None, len(container), 1))
        if old_items + items > len(container) or depth or old_depth > 1:
            self._record(container, old_items + items, max(old_depth, depth + 1))

    def made_of(self, result: Any, items: int, depth: int) -> None:
        """Record a new object that was made of parts of these sizes."""
        kind = type(result)
        if kind in PLAIN or isinstance(result, (np.generic, Pending)):
            return
        if kind is tuple and depth == 0 and items == len(result):
            return
        if kind is np.ndarray and not result.dtype.hasobject:
            self.check_room(result.size)
            return
        self._record(result, items, depth + 1)

    def _record(self, container: Any, items: int, depth: int) -> None:
        self.check_room(items)
        if depth > DEEPEST:
            raise RefusedError(f'objects nested deeper than {DEEPEST}')
        self._known[id(container)] = container, items, depth
