"""Locks between processes; standard library only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

try:
    import fcntl
except ImportError:  # not on Windows; there nothing is locked
    fcntl = None

_held: set[int] = set()  # file handles that this process holds


def _let_go() -> None:
    """Drop the parent's locks in a forked process, which may outlive a killed run."""
    while _held:
        os.close(_held.pop())


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_let_go)


@contextmanager
def file_lock(path: str | os.PathLike, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file, which is made when missing.

    Nothing is locked on a file system without locks.

    Args:
        path: The file.
        wait: Wait for another process that holds it.

    Raises:
        BlockingIOError: Another process holds it, and ``wait`` is False.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o644)
    _held.add(handle)
    try:
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:  # a network file system without locks
            pass
        yield
    finally:
        if handle in _held:  # not in a forked process
            _held.remove(handle)
            os.close(handle)
