"""Foreign data in messages, bounded in length and depth."""

from __future__ import annotations

import numbers
import reprlib
from collections.abc import Iterable
from typing import Any

_LONGEST_INTEGER = 4096  # bits


class _Quoting(reprlib.Repr):
    """``repr`` of the first few items of the outer two levels; other objects by their type."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 3
        self.maxstring = self.maxother = 80

    def repr_int(self, x: int, level: int) -> str:
        # as text an integer takes time that grows with the square of its length
        if x.bit_length() > _LONGEST_INTEGER:
            return f'<an integer of {x.bit_length()} bits>'
        return repr(int(x))

    def repr_bytes(self, x: bytes, level: int) -> str:
        return repr(bytes(x[: self.maxother // 2])) + ('...' if len(x) > self.maxother // 2 else '')

    repr_bytearray = repr_bytes

    def repr_instance(self, x: Any, level: int) -> str:
        if x is None or isinstance(x, numbers.Number):
            return shorten(repr(x), self.maxother)
        shape = getattr(x, 'shape', None)
        if isinstance(shape, tuple):
            return f'<{type(x).__name__} of shape {shorten(str(shape), 40)}>'
        return f'<{type(x).__name__}>'


_QUOTING = _Quoting()
# reprlib chooses by the name of the type; these would be shown as they like
for _name in ('array', 'deque'):
    setattr(_QUOTING, f'repr_{_name}', _QUOTING.repr_instance)


def quote(value: Any, most: int = 120) -> str:
    """A value out of a foreign file as a message shows it.

    Short texts and numbers look as ``repr`` gives them. Of containers two levels of three items are
    shown, of anything longer than ``most`` characters the beginning and the end.
    """
    try:
        text = _QUOTING.repr(value)
    except Exception:  # a message must not fail over what it is about
        text = f'<{type(value).__name__}>'
    return shorten(text, most)


def quote_names(names: Iterable[Any], most: int = 5) -> str:
    """The first ``most`` of some names without quotes, and how many more there are."""
    names = list(names)
    shown = [shorten(name if isinstance(name, str) else quote(name), 60) for name in names[:most]]
    more = len(names) - len(shown)
    return ', '.join(shown) + (f' and {more} more' if more > 0 else '')


def shorten(text: str, most: int = 200) -> str:
    """Text on one line of at most ``most`` characters, all of them printable."""
    text = str(text)
    if len(text) > 4 * most:
        text = text[: 2 * most] + text[-2 * most :]
    text = ' '.join(text.split())
    text = ''.join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    if len(text) <= most:
        return text
    head = most * 2 // 3
    return f'{text[:head]}...{text[-(most - head - 3) :]}'
