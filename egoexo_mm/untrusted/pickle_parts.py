"""What the pickle reader shares with the constructors that it calls."""

from __future__ import annotations

import pickle
from typing import Any

from .quoting import quote, shorten

PLAIN = frozenset({bool, int, float, str, bytes, type(None)})


class RefusedError(pickle.UnpicklingError):
    """The pickle asks for something that is not on the short list.

    Args:
        asked: what it asks for.
        name: ``(module, name)`` where it is a global.
    """

    def __init__(self, asked: str, name: tuple[str, str] | None = None) -> None:
        super().__init__(shorten(asked))
        self.name = name


class DamagedError(pickle.UnpicklingError):
    """The bytes are truncated or are no pickle."""


class Standin:
    """Base of what stands for a foreign object; BUILD hands its state to ``__setstate__``.

    Only where ``is_value`` is true may it be inside a list or dict, and be the object that the
    pickle is of.
    """

    __slots__ = ()
    is_value = False

    def __setstate__(self, state: Any) -> None:
        raise RefusedError(f'a state for {quote(self)}')


class Pending(Standin):
    """An object of which only the type is known.

    BUILD gives its state, of which ``finish`` makes the object.
    """

    __slots__ = ('result', 'finished')
    title = 'an object'

    def __init__(self, *arguments: Any) -> None:
        self.result: Any = None
        self.finished = False
        if arguments:
            raise RefusedError(f'{self.title} of {quote(arguments)}')

    def finish(self, state: Any) -> Any:
        """The object.

        Raises:
            RefusedError: it cannot be made of this state.
        """
        raise NotImplementedError
