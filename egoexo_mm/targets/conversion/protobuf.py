"""Fields of a serialised protobuf message, read without ``protobuf`` and generated code.

Format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_NAMES = {VARINT: 'a varint', FIXED64: '8 bytes', LENGTH: 'a string or message', FIXED32: 'a float'}
_FLOAT = struct.Struct('<f')


def fields(data: bytes) -> Iterator[tuple[int, int, int | float | bytes]]:
    """Field number, wire type and value of each field, in the order written.

    Varints are unsigned, ``FIXED32`` is read as a float, ``LENGTH`` and ``FIXED64`` give their
    bytes.

    Raises:
        ValueError: truncated data, or bytes that are no protobuf message.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0 or wire not in _NAMES:
            raise ValueError(
                f'byte {at} is no field of a message (number {number}, wire type {wire})'
            )
        if wire == VARINT:
            value, at = _varint(data, at)
        else:
            size = 4 if wire == FIXED32 else 8
            if wire == LENGTH:
                size, at = _varint(data, at)
            if at + size > end:
                raise ValueError(f'ends inside field {number}')
            value = _FLOAT.unpack_from(data, at)[0] if wire == FIXED32 else data[at : at + size]
            at += size
        yield number, wire, value


def wrong_type(number: int, wire: int, expected: int) -> NoReturn:
    """Refuse field ``number`` for its type."""
    raise ValueError(f'field {number} is {_NAMES[wire]}, expected {_NAMES[expected]}')


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Base-128 number at ``at``, lowest seven bits first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError('ends inside a number')
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f'byte {at} goes on a number beyond 64 bits')
