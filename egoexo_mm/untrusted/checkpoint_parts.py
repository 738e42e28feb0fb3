"""What training scripts put beside the weights.

That is ``argparse.Namespace`` (timm, VideoMAE, torchvision), paths and times.

Each is made of checked plain values: a namespace holds texts as names, a path becomes text, a time
is made of its numbers.
"""

from __future__ import annotations

import argparse
import datetime
from typing import Any

from .numpy_parts import Dtype
from .pickle_parts import Pending, RefusedError, Standin
from .quoting import quote

_DATE_BYTES, _TIME_BYTES = 4, 10  # year (2), month, day; hour, minute, second, microsecond (3)


class _RealDtype(Dtype):
    """Of arrays of real numbers, texts and objects."""

    __slots__ = ()

    def __init__(self, code: Any, *flags: Any) -> None:
        super().__init__(code, *flags)
        if self._dtype.kind == 'c':
            raise RefusedError('a numpy array of complex numbers, which checkpoints do not hold')


class NamespaceParts(Pending):
    """An ``argparse.Namespace`` that still lacks its state."""

    __slots__ = ()
    title = 'an argparse.Namespace'

    def finish(self, state: Any) -> argparse.Namespace:
        """A namespace of the state, whose names are texts."""
        if type(state) is not dict or any(type(name) is not str for name in state):
            raise RefusedError(f'an argparse.Namespace with the state {quote(state)}')
        if any(name.startswith('__') for name in state):
            raise RefusedError('an argparse.Namespace with a name of Python itself')
        found = argparse.Namespace()
        vars(found).update(state)
        return found


class _BuiltinType(Standin):
    """Names ``object`` where another type is made, or the type that a ``defaultdict`` holds."""


def _defaultdict(factory: Any = None) -> dict:
    """A plain dict."""
    if factory is not None and factory is not _BuiltinType:
        raise RefusedError(f'a defaultdict of {quote(factory)}')
    return {}


def _reconstructor(kind: Any, base: Any, state: Any) -> NamespaceParts:
    """``copyreg._reconstructor``."""
    if kind is not NamespaceParts or base is not _BuiltinType or state is not None:
        raise RefusedError(f'an object of type {quote(kind)}')
    return NamespaceParts()


def _path(*parts: Any) -> str:
    if any(type(part) is not str for part in parts):
        raise RefusedError(f'a path of {quote(parts)}')
    return '/'.join(parts).replace('//', '/') or '.'


def _datetime(raw: Any, zone: Any = None) -> datetime.datetime:
    raw = _bytes(raw, _TIME_BYTES)
    if zone is not None and type(zone) is not datetime.timezone:
        raise RefusedError(f'a time in the zone {quote(zone)}')
    hour, minute, second = raw[4:7]
    time = datetime.time(hour, minute, second, int.from_bytes(raw[7:], 'big'), zone)
    return datetime.datetime.combine(_date(raw[:_DATE_BYTES]), time)


def _date(raw: Any) -> datetime.date:
    raw = _bytes(raw, _DATE_BYTES)
    return datetime.date(raw[0] * 256 + raw[1], raw[2] & 0x7F, raw[3])


def _timedelta(*numbers: Any) -> datetime.timedelta:
    if any(type(number) is not int for number in numbers) or len(numbers) > 3:
        raise RefusedError(f'a time span of {quote(numbers)}')
    return datetime.timedelta(*numbers)


def _timezone(offset: Any, name: Any = None) -> datetime.timezone:
    if type(offset) is not datetime.timedelta or type(name) not in (str, type(None)):
        raise RefusedError(f'a time zone of {quote(offset)}')
    return datetime.timezone(offset) if name is None else datetime.timezone(offset, name)


def _bytes(raw: Any, size: int) -> bytes:
    raw = raw.encode('latin1') if type(raw) is str else raw  # of Python 2
    if type(raw) is not bytes or len(raw) != size:
        raise RefusedError(f'a time of {quote(raw)}')
    return raw


NAMES = {
    ('numpy', 'dtype'): _RealDtype,
    ('argparse', 'Namespace'): NamespaceParts,
    **{('builtins', name): _BuiltinType for name in ('object', 'dict', 'list', 'int', 'float')},
    ('collections', 'defaultdict'): _defaultdict,
    ('copyreg', '_reconstructor'): _reconstructor,
    ('copy_reg', '_reconstructor'): _reconstructor,
    ('datetime', 'datetime'): _datetime,
    ('datetime', 'date'): _date,
    ('datetime', 'timedelta'): _timedelta,
    ('datetime', 'timezone'): _timezone,
    **{
        (module, f'{pure}{system}Path'): _path
        for module in ('pathlib', 'pathlib._local')
        for pure in ('', 'Pure')
        for system in ('Posix', 'Windows')
    },
}
