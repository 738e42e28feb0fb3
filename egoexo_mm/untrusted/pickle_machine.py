"""An interpreter of pickles that knows the opcodes of plain data only, and bounds what each may take.

The machine of Python trusts a pickle: a length, an index or an item assignment in it reaches memory before anything is
checked. Here every length is compared with the bytes that are there, items are set on dicts and lists alone, and each call
is of a function of ours. Opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py
"""

from __future__ import annotations

import codecs
import gc
import struct
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from .pickle_parts import PLAIN, DamagedError, Pending, RefusedError, Standin
from .pickle_sizes import DEEPEST, Sizes
from .quoting import quote, shorten

_MOST_MARKS = 1000
_MOST_UNMARKED = 10 * DEEPEST  # on the stack without a mark: a few for each level
_MOST_TUPLE_KEYS = (
    10_000  # hashes of numbers are no secret: many keys of one hash would take quadratic time
)
_LONGEST_INTEGER = 128  # bytes; of text, digits: three times as many
_TEXTS = frozenset({str, bytes, bytearray})
_COPIED = _TEXTS | {list, tuple, dict}
_OF_A_SET, _OF_AN_ARRAY = 16, 4  # for an item, against the 4 for each byte of the file that may be copied
_MEMO_GAP = 16  # picklers number what they memoise one by one
_FLOATS = np.dtype([('opcode', 'u1'), ('value', '>f8')])
_FLOAT_RUN = 1000  # items that a pickler writes between MARK and APPENDS


class PickleMachine:
    """Reads one object from ``data``; subclasses say in ``find_class`` which names it may use.

    Args:
        data: bytes with the pickle, and maybe more behind it.
        start: where it begins.
        file_size: of the file, which bounds what is made of it; that of ``data`` by default.
    """

    def __init__(self, data: bytes, start: int = 0, file_size: int | None = None) -> None:
        self.data, self.at, self._end = data, start, len(data)
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: list[Any] = []
        self._constructors: dict[int, Any] = {}  # what find_class gave; nothing else is called
        self._sizes = Sizes(self._end if file_size is None else file_size)
        self._tuple_keys = 0

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a global: a callable of ours, or a plain value.

        Raises:
            RefusedError: it stands for nothing.
        """
        raise RefusedError(f'{module}.{name}', (module, name))

    def persistent_load(self, key: Any) -> Any:
        """What stands for an object outside the pickle.

        Raises:
            RefusedError: nothing does.
        """
        raise RefusedError('an object outside the file')

    def load(self) -> Any:
        """The object; ``at`` is then behind its pickle.

        Raises:
            pickle.UnpicklingError: the pickle is damaged, or asks for more than plain data.
        """
        if self.at >= self._end:
            raise DamagedError('Ran out of input')
        collecting = gc.isenabled()
        gc.disable()  # there is no garbage yet, and the collector would walk through all objects again and again
        try:
            return self._run()
        except (RefusedError, DamagedError):
            raise
        except (IndexError, struct.error):
            raise DamagedError('the pickle is truncated, or damaged') from None
        except Exception as error:  # of a constructor that was called with something else
            raise DamagedError(shorten(f'{type(error).__name__}: {error}')) from None
        finally:
            if collecting:
                gc.enable()

    def _run(self) -> Any:
        data, handlers, memo = self.data, _HANDLERS, self._memo
        while True:
            opcode = data[self.at]
            self.at += 1
            if opcode == 0x94:  # MEMOIZE, the most frequent
                memo.append(self._stack[-1])
                continue
            if opcode == 0x4B:  # BININT1
                self._stack.append(data[self.at])
                self.at += 1
                continue
            if opcode == 0x2E:  # STOP
                result = self._stack.pop()
                self._check_values([result])
                return result
            handler = handlers[opcode]
            if handler is None:
                if opcode in _REFUSED:
                    raise RefusedError(f'the opcode {opcode:#04x}, which plain data does not need')
                raise DamagedError(f'there is no opcode {opcode:#04x}')
            handler(self)

    # Bytes of the file

    def _take(self, size: int) -> bytes:
        begin, self.at = self.at, self.at + size
        if size < 0 or self.at > self._end:
            raise DamagedError('the pickle is truncated: a length exceeds the bytes that are there')
        return self.data[begin : self.at]

    def _unpack(self, layout: struct.Struct) -> int:
        value = layout.unpack_from(self.data, self.at)[0]
        self.at += layout.size
        return value

    def _line(self, most: int | None = None) -> bytes:
        begin = self.at
        end = self.data.find(b'\n', begin, None if most is None else begin + most)
        if end < 0:
            raise DamagedError('the pickle is truncated, or a number or name in it is too long')
        self.at = end + 1
        return self.data[begin:end]

    # Plain values

    def _proto(self) -> None:
        if self._unpack(_U1) > 5:
            raise DamagedError('unsupported pickle protocol')

    def _frame(self) -> None:
        if self._unpack(_U8) > self._end - self.at:
            raise DamagedError('the pickle is truncated: a frame exceeds the bytes that are there')

    def _float(self) -> None:
        data, at = self.data, self.at
        if at + 8 < self._end and data[at + 8] == 0x47:  # more than one: all at once
            count = min(_FLOAT_RUN, (self._end - at + 1) // 9)
            run = np.frombuffer(data, _FLOATS, count, at - 1)
            other = run['opcode'] != 0x47
            count = int(other.argmax()) if other.any() else count
            self._stack += run['value'][:count].tolist()
            self.at += 9 * count - 1
        else:
            self._stack.append(self._unpack(_F8))

    def _integer(self, size: int) -> None:
        if size > _LONGEST_INTEGER:
            raise RefusedError(f'an integer of {size} bytes')
        self._stack.append(int.from_bytes(self._take(size), 'little', signed=True))

    def _text_integer(self) -> None:
        line = self._line(3 * _LONGEST_INTEGER)
        self._stack.append(
            {b'00': False, b'01': True}[line] if line in (b'00', b'01') else int(line)
        )

    def _text_string(self) -> None:
        line = self._line().strip()
        if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b'"', b"'"):
            raise DamagedError('a string without quotes')
        self._stack.append(codecs.escape_decode(line[1:-1])[0].decode('latin1'))

    def _reserved_bytes(self, size: int) -> None:
        self._stack.append(bytearray(self._take(size)))

    # Containers

    def _mark(self) -> None:
        if len(self._marks) >= _MOST_MARKS:
            raise RefusedError(f'more than {_MOST_MARKS} open marks')
        self._marks.append(self._stack)
        self._stack = []

    def _to_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._marks.pop()
        return items

    def _new(self, container: Any) -> None:
        if len(self._stack) > _MOST_UNMARKED and not self._marks:
            raise RefusedError(f'objects nested deeper than {DEEPEST}')
        self._sizes.made(type(container))
        self._stack.append(container)

    def _list_of(self, parts: list[Any]) -> None:
        self._new([])
        self._append(parts)

    def _dict_of(self, parts: list[Any]) -> None:
        self._new({})
        self._set_items(parts)

    def _last_two(self) -> list[Any]:
        value, key = self._stack.pop(), self._stack.pop()
        return [key, value]

    def _tuple(self, parts: list[Any]) -> None:
        result = tuple(parts)
        for part in result:
            if type(part) not in PLAIN:
                self._sizes.made_of(result, *self._sizes.of(result))
                break
        self._stack.append(result)

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise IndexError
        parts = self._stack[-count:]
        del self._stack[-count:]
        self._tuple(parts)

    def _append(self, parts: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise RefusedError(f'items appended to a {type(target).__name__}')
        self._check_values(parts)
        items, depth = self._sizes.of(parts)
        self._sizes.check_open(target)
        self._sizes.grow(target, items, depth)
        target += parts

    def _set_items(self, parts: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) not in (dict, OrderedDict):
            raise RefusedError(f'items set on a {type(target).__name__}')
        keys, values = parts[::2], parts[1::2]
        if len(keys) != len(values):
            raise DamagedError('a dict with a key that has no value')
        self._check_keys(keys)
        self._check_values(values)
        items, depth = self._sizes.of(parts)
        self._sizes.check_open(target)
        self._sizes.grow(target, items, depth)
        target.update(zip(keys, values))

    def _check_values(self, parts: list[Any]) -> None:
        """Types and functions of ours are for calls only."""
        for part in () if PLAIN.issuperset(map(type, parts)) else parts:
            if callable(part) or isinstance(part, Standin) and not part.is_value:
                raise RefusedError(f'{quote(part)} as a value')

    def _add_items(self, parts: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not set:
            raise RefusedError(f'items added to a {type(target).__name__}')
        self._check_keys(parts)
        items, depth = self._sizes.of(parts)
        self._sizes.check_open(target)
        self._sizes.grow(target, items, depth)
        target.update(parts)

    def _frozenset(self, parts: list[Any]) -> None:
        self._sizes.made(frozenset)
        self._stack.append(self.frozen(parts))

    def frozen(self, parts: list[Any]) -> frozenset:
        """A frozenset of checked keys."""
        self._check_keys(parts)
        return frozenset(parts)

    def _check_keys(self, keys: list[Any]) -> None:
        """Keys whose hash is taken in no time: plain values, and short tuples of them."""
        if {str, bytes}.issuperset(map(type, keys)):
            return
        for key in keys:
            if type(key) is tuple and len(key) <= 20:
                self._tuple_keys += 1
                good = PLAIN.issuperset(map(type, key)) and self._tuple_keys <= _MOST_TUPLE_KEYS
            elif type(key) is int:
                good = key.bit_length() <= 64  # others can have one hash by the thousand
            else:
                good = type(key) in PLAIN or isinstance(key, np.integer)
            if not good:
                raise RefusedError(
                    f'a key or set item {quote(key)}; texts, numbers and some short tuples can be keys'
                )

    # Memo

    def _put(self, index: int) -> None:
        value = self._stack[-1]
        size = len(self._memo)
        if index < size:
            self._memo[index] = value
        elif index <= size + _MEMO_GAP:
            self._memo += [_NOTHING] * (index - size)
            self._memo.append(value)
        else:
            raise RefusedError(f'memo entry {index}, where the next one is {size}')

    def _get(self, index: int) -> None:
        value = self._memo[index] if 0 <= index < len(self._memo) else _NOTHING
        if isinstance(value, Pending) and value.finished:
            value = value.result
        if value is _NOTHING:
            raise DamagedError(f'memo entry {index} was never written')
        self._stack.append(value)

    # Names and calls

    def _global(self, module: str, name: str) -> None:
        found = self.find_class(module, name)
        if callable(found):
            self._constructors[id(found)] = found
        self._stack.append(found)

    def _text_global(self) -> None:
        self._global(self._line(400).decode(), self._line(400).decode())

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise DamagedError('a name that is no text')
        self._global(module, name)

    def _call(self, new: bool = False) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if type(arguments) is not tuple:
            raise DamagedError('arguments that are no tuple')
        known = self._constructors.get(id(function))
        if known is None or new and not (isinstance(known, type) and issubclass(known, Standin)):
            raise RefusedError(f'a call of {quote(function)}')
        items, depth = self._sizes.of(arguments)
        self._count_copies(arguments, _OF_A_SET)
        result = known(*arguments)
        self._sizes.made_of(result, items, depth)
        self._stack.append(result)

    def _count_copies(self, parts: tuple[Any, ...], item: int) -> None:
        """Count what a constructor may copy of its arguments: bytes, and so many for each item."""
        for part in parts:
            kind = type(part)
            if kind in _COPIED:
                self._sizes.copied(len(part) if kind in _TEXTS else item * len(part))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        items, depth = self._sizes.of((state,))
        self._sizes.check_open(target)
        if isinstance(target, Pending):
            if target.finished:
                raise RefusedError('a second state of one object')
            if type(state) is tuple:
                self._count_copies(state, _OF_AN_ARRAY)
            target.result, target.finished = target.finish(state), True
            self._stack[-1] = target.result
            self._sizes.made_of(target.result, items, depth)
        elif isinstance(target, Standin):
            target.__setstate__(state)
            self._sizes.made_of(target, items, depth)
        elif (
            type(target) is OrderedDict
            and type(state) is dict
            and list(state) == ['_metadata']
            and isinstance(state['_metadata'], dict)
        ):
            target._metadata = state[
                '_metadata'
            ]  # of torch: versions of the modules in a state dict
            self._sizes.grow(target, items, depth)
        else:
            raise RefusedError(f'a state for {quote(target)}')

    def _persistent(self, key: Any) -> None:
        items, depth = self._sizes.of((key,))
        result = self.persistent_load(key)
        self._sizes.made_of(result, items, depth)
        self._stack.append(result)


_NOTHING = object()
_U1, _U2, _I4, _U4, _U8, _F8 = map(struct.Struct, ('<B', '<H', '<i', '<I', '<Q', '>d'))
_REFUSED = b'io\x82\x83\x84\x92\x97\x98'  # INST, OBJ, EXT1 to EXT4, NEWOBJ_EX, NEXT_BUFFER, READONLY_BUFFER


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


def _push_text(machine: PickleMachine, size: int) -> None:
    machine._stack.append(machine._take(size).decode())


def _push_latin1(machine: PickleMachine, size: int) -> None:
    machine._stack.append(machine._take(size).decode('latin1'))  # str of Python 2


def _push_bytes(machine: PickleMachine, size: int) -> None:
    machine._stack.append(machine._take(size))


def _push_number(machine: PickleMachine, value: int) -> None:
    machine._stack.append(value)


def _pop(machine: PickleMachine) -> None:
    if machine._stack:
        machine._stack.pop()
    else:
        machine._to_mark()


_OPCODES: dict[bytes, Callable[[PickleMachine], None]] = {
    b'\x80': PickleMachine._proto,
    b'\x95': PickleMachine._frame,
    b'N': _push(None),
    b'\x88': _push(True),
    b'\x89': _push(False),
    b')': _push(()),
    b'G': PickleMachine._float,
    b'F': lambda m: m._stack.append(float(m._line(400))),
    b'K': _sized(_U1, _push_number),
    b'M': _sized(_U2, _push_number),
    b'J': _sized(_I4, _push_number),
    b'\x8a': _sized(_U1, PickleMachine._integer),
    b'\x8b': _sized(_U4, PickleMachine._integer),
    b'I': PickleMachine._text_integer,
    b'L': lambda m: m._stack.append(int(m._line(3 * _LONGEST_INTEGER).rstrip(b'L'))),
    b'S': PickleMachine._text_string,
    b'T': _sized(_I4, _push_latin1),
    b'U': _sized(_U1, _push_latin1),
    b'V': lambda m: m._stack.append(m._line().decode('raw-unicode-escape')),
    b'X': _sized(_U4, _push_text),
    b'\x8c': _sized(_U1, _push_text),
    b'\x8d': _sized(_U8, _push_text),
    b'B': _sized(_U4, _push_bytes),
    b'C': _sized(_U1, _push_bytes),
    b'\x8e': _sized(_U8, _push_bytes),
    b'\x96': _sized(_U8, PickleMachine._reserved_bytes),
    b'(': PickleMachine._mark,
    b'0': _pop,
    b'1': lambda m: m._to_mark(),
    b'2': lambda m: m._stack.append(m._stack[-1]),
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
    b'q': _sized(_U1, PickleMachine._put),
    b'r': _sized(_U4, PickleMachine._put),
    b'\x94': lambda m: m._put(len(m._memo)),
    b'g': lambda m: m._get(int(m._line(20))),
    b'h': _sized(_U1, PickleMachine._get),
    b'j': _sized(_U4, PickleMachine._get),
    b'c': PickleMachine._text_global,
    b'\x93': PickleMachine._stack_global,
    b'R': PickleMachine._call,
    b'\x81': lambda m: m._call(new=True),
    b'b': PickleMachine._build,
    b'P': lambda m: m._persistent(m._line(400).decode()),
    b'Q': lambda m: m._persistent(m._stack.pop()),
}
_HANDLERS = [_OPCODES.get(bytes([number])) for number in range(256)]
