"""Arrays, scalars and dtypes of numpy made of what a pickle says, with every number in it checked.

numpy itself trusts the state of an array in a pickle: the length of its list, the flags of its
dtype. So it never sees one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from .pickle_parts import Pending, RefusedError, Standin
from .quoting import quote

# bool, integers, floats, complex, bytes, str and object, with an optional byte order; no long
# doubles
PLAIN_DTYPE = re.compile(
    r'[<>=|]?(?:[?bBhHiIlLqQefdFDO]|[biu][1248]|f[248]|c8|c16|[SU]\d{1,6}|O[48])'
)
_MOST_DIMENSIONS = 32
_MOST_ALONG_A_DIMENSION = 2**40
_OBJECT_FLAGS = 0x07  # reference counted, list-like pickle, pointer
_MISMATCH = 'a numpy array whose dtype, shape and data do not match'


class Dtype(Standin):
    """A dtype: type code and byte order, nothing else."""

    __slots__ = ('_dtype',)

    def __init__(self, code: Any, *_flags: Any) -> None:
        if type(code) is not str or not PLAIN_DTYPE.fullmatch(code):
            raise RefusedError(f'numpy dtype {quote(code)}')
        self._dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subarray, names, fields, itemsize, alignment, flags)
        plain = type(state) is tuple and len(state) == 8
        if not plain or any(part is not None for part in state[2:5]):
            raise RefusedError('a structured or dated numpy dtype')
        order, size, flags = state[1], state[5], state[7]
        known = order in ('<', '>', '=', '|') and size in (-1, self._dtype.itemsize)
        if not known or type(flags) is not int:
            raise RefusedError(f'numpy dtype {self._dtype} with the forged state {quote(state)}')
        if flags & _OBJECT_FLAGS and self._dtype.kind != 'O':
            raise RefusedError(f'numpy dtype {self._dtype} with the flags of objects')
        if order != '|':
            self._dtype = self._dtype.newbyteorder(order)

    @property
    def has_objects(self) -> bool:
        """Whether an array of it holds Python objects."""
        return self._dtype.kind == 'O'

    @staticmethod
    def of(value: Any) -> np.dtype:
        """The dtype that a stand-in stands for."""
        if not isinstance(value, Dtype):
            raise RefusedError(f'a numpy array with dtype {quote(value)}')
        return value._dtype


class Array(Pending):
    """An array of ``numpy.core.multiarray._reconstruct``; its state has shape, dtype and data."""

    __slots__ = ()

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        super().__init__()
        if kind is not ARRAY_TYPE:
            raise RefusedError(f'a numpy array of type {quote(kind)}')
        if shape != (0,) or code not in ('b', b'b'):  # what numpy always writes
            start = f'shape {quote(shape)} and type {quote(code)}'
            raise RefusedError(f'a numpy array that starts with {start}')

    def finish(self, state: Any) -> np.ndarray:
        """An array of the state, if that fills it exactly."""
        if type(state) is not tuple or len(state) != 5:
            raise RefusedError(f'a numpy array with the state {quote(state)}')
        _, shape, spec, fortran, raw = state
        dtype = Dtype.of(spec)
        if dtype.kind == 'O':
            return _object_array(shape, fortran, raw)
        return plain_array(raw, dtype, shape, 'F' if fortran else 'C')


class ARRAY_TYPE:  # noqa: N801 (stands for numpy.ndarray)
    """Names the type of an array; it cannot be called."""

    def __init__(self, *_arguments: Any) -> None:
        raise RefusedError('a call of numpy.ndarray')


def plain_array(raw: Any, dtype: np.dtype, shape: Any, order: Any = 'C') -> np.ndarray:
    """A copy of the numbers or texts in ``raw``, in native byte order, that nothing else can write.

    Raises:
        RefusedError: the bytes do not fill the shape exactly, are of objects, or no texts or
            booleans.
    """
    raw, count, native = _bytes(raw), _count(shape), dtype.newbyteorder('=')
    fills = len(raw) == count * dtype.itemsize and (dtype.itemsize or not count)
    if not fills or dtype.kind == 'O' or order not in ('C', 'F'):
        raise RefusedError(_MISMATCH)
    if dtype.kind == 'U' and count:
        points = np.frombuffer(raw, f'{dtype.str[0]}u4')
        if points.max() > 0x10FFFF or ((points >= 0xD800) & (points < 0xE000)).any():
            raise RefusedError('a numpy array of texts with characters that do not exist')
    if dtype.kind == 'b' and count and np.frombuffer(raw, 'u1').max() > 1:
        raise RefusedError('a numpy array of booleans other than 0 and 1')
    if not count:
        return np.zeros(shape, native, order)
    return np.frombuffer(raw, dtype).reshape(shape, order=order).astype(native, order=order)


def _object_array(shape: Any, fortran: Any, parts: Any) -> np.ndarray:
    count = _count(shape)
    if type(parts) is not list or len(parts) != count:
        raise RefusedError(_MISMATCH)
    array = np.empty(count, dtype=object)
    for position, part in enumerate(parts):
        array[position] = part
    return array.reshape(shape, order='F' if fortran else 'C')


def scalar(spec: Any, raw: Any) -> Any:
    """``numpy.core.multiarray.scalar``."""
    dtype = Dtype.of(spec)
    if dtype.itemsize == 0 and raw in (b'', ''):
        return dtype.type()
    return plain_array(raw, dtype, (1,))[0]


def from_buffer(raw: Any, spec: Any, shape: Any, order: Any) -> np.ndarray:
    """``numpy.core.numeric._frombuffer``, which protocol 5 calls."""
    return plain_array(raw, Dtype.of(spec), shape, order)


def _bytes(raw: Any) -> Any:
    if type(raw) is str:
        return raw.encode('latin1')  # of Python 2
    if type(raw) not in (bytes, bytearray, memoryview):
        raise RefusedError(_MISMATCH)
    return raw


def _count(shape: Any) -> int:
    if type(shape) is not tuple or len(shape) > _MOST_DIMENSIONS or not are_sizes(shape):
        raise RefusedError(_MISMATCH)
    return math.prod(shape)


def are_sizes(sides: Iterable[Any]) -> bool:
    """Whether these are integers, and sides of an array of fewer than 2**56 numbers."""
    product = 1
    for side in sides:
        if type(side) is not int or not 0 <= side <= _MOST_ALONG_A_DIMENSION:
            return False
        product *= side or 1  # numpy counts the others even where one is 0
        if product >= 2**56:
            return False
    return True
