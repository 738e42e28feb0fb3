"""The opcodes of plain data, and what a :class:`PickleMachine` does at each.

https://github.com/python/cpython/blob/main/Lib/pickletools.py describes them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pickle_machine import PickleMachine

# DUP, INST, OBJ, EXT1, EXT2, EXT4, NEWOBJ_EX, NEXT_BUFFER, READONLY_BUFFER
REFUSED = b'2io\x82\x83\x84\x92\x97\x98'
_U1, _U2, _I4, _U4, _U8 = map(struct.Struct, ('<B', '<H', '<i', '<I', '<Q'))


def _push(value: Any) -> Callable[[PickleMachine], None]:
    return lambda machine: machine._stack.append(value)


def _sized(
    layout: struct.Struct, use: Callable[[PickleMachine, int], None]
) -> Callable[[PickleMachine], None]:
    """The opcode reads a number and hands it on."""

    def handler(machine: PickleMachine) -> None:
        value = layout.unpack_from(machine.data, machine.at)[0]
        machine.at += layout.size
        use(machine, value)

    return handler


def _taken(layout: struct.Struct, make: Callable[[bytes], Any]) -> Callable[[PickleMachine], None]:
    """The opcode reads a length and so many bytes, of which ``make`` makes a value."""
    return _sized(layout, lambda m, size: m._stack.append(make(m._take(size))))


def _latin1(text: bytes) -> str:
    return text.decode('latin1')  # str of Python 2


def _push_number(machine: PickleMachine, value: int) -> None:
    machine._stack.append(value)


def _pop(machine: PickleMachine) -> None:
    if machine._stack:
        machine._stack.pop()
    else:
        machine._to_mark()


_OPCODES: dict[bytes, Callable[[PickleMachine], Any]] = {
    b'\x80': lambda m: m._proto(),
    b'\x95': lambda m: m._frame(),
    b'N': _push(None),
    b'\x88': _push(True),
    b'\x89': _push(False),
    b')': _push(()),
    b'G': lambda m: m._float(),
    b'F': lambda m: m._stack.append(float(m._line(400))),
    b'K': _sized(_U1, _push_number),
    b'M': _sized(_U2, _push_number),
    b'J': _sized(_I4, _push_number),
    b'\x8a': _sized(_U1, lambda m, size: m._integer(size)),
    b'\x8b': _sized(_U4, lambda m, size: m._integer(size)),
    b'I': lambda m: m._text_integer(),
    b'L': lambda m: m._stack.append(int(m._line(3 * m.longest_integer).rstrip(b'L'))),
    b'S': lambda m: m._text_string(),
    b'T': _taken(_I4, _latin1),
    b'U': _taken(_U1, _latin1),
    b'V': lambda m: m._stack.append(m._line().decode('raw-unicode-escape')),
    b'X': _taken(_U4, bytes.decode),
    b'\x8c': _taken(_U1, bytes.decode),
    b'\x8d': _taken(_U8, bytes.decode),
    b'B': _taken(_U4, bytes),
    b'C': _taken(_U1, bytes),
    b'\x8e': _taken(_U8, bytes),
    b'\x96': _taken(_U8, bytearray),
    b'(': lambda m: m._mark(),
    b'0': _pop,
    b'1': lambda m: m._to_mark(),
    b']': lambda m: m._new([]),
    b'}': lambda m: m._new({}),
    b'\x8f': lambda m: m._new(set()),
    b'l': lambda m: m._list_of(m._to_mark()),
    b'd': lambda m: m._dict_of(m._to_mark()),
    b't': lambda m: m._tuple(m._to_mark()),
    b'\x85': lambda m: m._tuple_of(1),
    b'\x86': lambda m: m._tuple_of(2),
    b'\x87': lambda m: m._tuple_of(3),
    b'\x91': lambda m: m._frozenset(m._to_mark()),
    b'a': lambda m: m._append([m._stack.pop()]),
    b'e': lambda m: m._append(m._to_mark()),
    b's': lambda m: m._set_items(m._last_two()),
    b'u': lambda m: m._set_items(m._to_mark()),
    b'\x90': lambda m: m._add_items(m._to_mark()),
    b'p': lambda m: m._put(int(m._line(20))),
    b'q': _sized(_U1, lambda m, size: m._put(size)),
    b'r': _sized(_U4, lambda m, size: m._put(size)),
    b'\x94': lambda m: m._put(len(m._memo)),
    b'g': lambda m: m._get(int(m._line(20))),
    b'h': _sized(_U1, lambda m, size: m._get(size)),
    b'j': _sized(_U4, lambda m, size: m._get(size)),
    b'c': lambda m: m._text_global(),
    b'\x93': lambda m: m._stack_global(),
    b'R': lambda m: m._call(),
    b'\x81': lambda m: m._call(new=True),
    b'b': lambda m: m._build(),
    b'P': lambda m: m._persistent(m._line(400).decode()),
    b'Q': lambda m: m._persistent(m._stack.pop()),
}
HANDLERS = [_OPCODES.get(bytes([number])) for number in range(256)]
