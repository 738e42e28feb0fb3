"""What MMEngine puts into a checkpoint: ``HistoryBuffer`` and ``ConfigDict``.

A buffer has two arrays of numbers, and the names of four statistics. Its pickle also asks for
``getattr``, to name its statistics. A free ``getattr`` would let a pickle reach anything, so that
name is answered by a function that knows those four and refuses the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .pickle_parts import Pending, RefusedError, Standin
from .quoting import quote

MODULE = 'mmengine.logging.history_buffer'
STATISTICS = ('min', 'max', 'current', 'mean')
_NEEDED = {'_log_history', '_count_history'}
_STATE = {'max_length', 'statistics_methods', *_NEEDED}


class History(Pending):
    """A ``HistoryBuffer`` that still lacks its state."""

    __slots__ = ()
    title = 'a HistoryBuffer'

    def finish(self, state: Any) -> Any:
        """A buffer of the state, with every array and name checked."""
        from mmengine.logging import HistoryBuffer

        if type(state) is not dict or not _NEEDED <= set(state) <= _STATE:
            raise RefusedError(f'a HistoryBuffer with the state {quote(state)}')
        values, counts = (_numbers(state[name]) for name in ('_log_history', '_count_history'))
        most = state.get('max_length', 1000000)
        if type(most) is not int or not 0 < most < 2**31 or len(values) != len(counts):
            raise RefusedError('a HistoryBuffer whose lengths do not match')
        methods = state.get('statistics_methods', {})
        known = _Statistic.known
        if type(methods) is not dict or any(
            methods[name] is not known.get(name) for name in methods
        ):
            raise RefusedError(f'a HistoryBuffer with the statistics {quote(methods)}')
        buffer = HistoryBuffer(max_length=most)
        buffer._log_history, buffer._count_history = values, counts
        return buffer


class _Statistic:
    """Stands for a method of the buffer."""

    known: dict[str, _Statistic] = {}

    def __init__(self, name: str) -> None:
        self.name = name


_Statistic.known.update({name: _Statistic(name) for name in STATISTICS})


def history_getattr(owner: Any, name: Any) -> _Statistic:
    """The only ``getattr`` that a checkpoint gets, for the statistics of a ``HistoryBuffer``.

    Raises:
        RefusedError: for any other object or name.
    """
    if owner is History and type(name) is str and name in _Statistic.known:
        return _Statistic.known[name]
    raise RefusedError(
        f'attribute {quote(name)} of {quote(owner)}, but it may name only {", ".join(STATISTICS)} '
        "of MMEngine's HistoryBuffer"
    )


class _ConfigDict(Standin):
    """Gives a plain dict in place of a ``ConfigDict``.

    MMEngine 0.10 pickles a call with a dict. Older ones pickle an object with pairs for
    ``__new__``, which sets nothing; the items follow.
    """

    __slots__ = ()

    def __new__(cls, *content: Any) -> dict:  # type: ignore[misc]
        if all(type(pair) is tuple and len(pair) == 2 for pair in content):
            return {}
        if len(content) > 1 or type(content[0]) not in (dict, type(None)):
            raise RefusedError(f'a ConfigDict of {quote(content)}')
        return dict(content[0] or {})


NAMES = {
    ('mmengine.config.config', 'ConfigDict'): _ConfigDict,
    (MODULE, 'HistoryBuffer'): History,
    ('builtins', 'getattr'): history_getattr,
    **{(MODULE, f'HistoryBuffer.{name}'): method for name, method in _Statistic.known.items()},
}


def _numbers(array: Any) -> np.ndarray:
    if type(array) is not np.ndarray or array.ndim != 1 or array.dtype.kind not in 'biuf':
        raise RefusedError(f'a HistoryBuffer of {quote(array)}')
    return array
