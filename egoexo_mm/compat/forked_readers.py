"""Video readers in forked processes.

Broken: a process forked from one with an open ``decord.VideoReader``, such as a data worker, has a
copy of the reader without its threads. Freeing such a copy never returns, and garbage collection
may do that at any time. MMAction2's ``DecordInit`` leaves readers to the collector. PyAV 17 and
newer convert colours on threads of their own, with the same end.
Workaround: a forked process does not collect what its parent left to the collector. It frees the
decord readers that it opened itself and leaves those of its parent alone. Neither package is
imported for that.
Inactive: where neither is imported before a fork, and in processes that are not forked.
Delete: once decord (or decord2) and libswscale free what they have without waiting for threads of
another process.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import Any

from .workaround import Workaround, wrap

NAME = 'video readers in forked processes'
_OWNER = '_egoexo_opened_by'  # process, of readers opened after a fork


def apply() -> Workaround:
    """Have forked processes leave the readers of their parent alone."""
    if not hasattr(os, 'register_at_fork'):
        return Workaround(NAME, False, 'processes are not forked here')
    os.register_at_fork(after_in_child=_leave_readers_to_parent)
    return Workaround(NAME, True, 'a forked process does not free readers of its parent')


def _leave_readers_to_parent() -> None:
    if 'av' in sys.modules or 'decord' in sys.modules:
        gc.freeze()
    kind = getattr(sys.modules.get('decord'), 'VideoReader', None)
    if kind is None or hasattr(kind, _OWNER):
        return
    setattr(kind, _OWNER, None)  # of readers opened before the fork
    wrap(kind, '__init__', _open)
    wrap(kind, '__del__', _free)


def _open(original: Callable, self: Any, *args: Any, **kwargs: Any) -> None:
    setattr(self, _OWNER, os.getpid())
    original(self, *args, **kwargs)


def _free(original: Callable, self: Any) -> None:
    if getattr(self, _OWNER) == os.getpid():
        original(self)
