"""What an interpreted pickle holds meanwhile: the place in the file, stack, marks and memo.

Every length is compared with the bytes that follow, and items are set on dicts and lists alone.
"""

from __future__ import annotations

import codecs
import struct
from collections import OrderedDict
from typing import Any

import numpy as np

from .pickle_parts import PLAIN, DamagedError, Pending, RefusedError, Standin
from .pickle_sizes import DEEPEST, Sizes
from .quoting import quote

_MOST_MARKS = 1000
_MOST_UNMARKED = 10 * DEEPEST  # on the stack without a mark: a few for each level
# hashes of numbers are no secret: many keys of one hash would take quadratic time
_MOST_TUPLE_KEYS = 10_000
_MEMO_GAP = 16  # picklers number what they memoise one by one
_FLOATS = np.dtype([('opcode', 'u1'), ('value', '>f8')])
_FLOAT_RUN = 1000  # items that a pickler writes between MARK and APPENDS
NOTHING = object()
TOO_LONG = 'the pickle is truncated: a length exceeds the bytes that follow'
_U1, _U8, _F8 = map(struct.Struct, ('<B', '<Q', '>d'))


class PickleStack:
    """Base of :class:`PickleMachine`.

    Args:
        data: bytes with the pickle, and maybe more behind it.
        start: where it begins.
        file_size: of the file, which bounds what is made of it; that of ``data`` by default.
    """

    often: Any = NOTHING  # a constructor
    longest_integer = 128  # bytes; of text, digits: three times as many

    def __init__(self, data: bytes, start: int = 0, file_size: int | None = None) -> None:
        self.data, self.at, self._end = data, start, len(data)
        self._stack: list[Any] = []
        self._marks: list[list[Any]] = []
        self._memo: list[Any] = []
        self._sizes = Sizes(self._end if file_size is None else file_size)
        self._tuple_keys = 0

    # Bytes of the file

    def _take(self, size: int) -> bytes:
        begin, self.at = self.at, self.at + size
        if size < 0 or self.at > self._end:
            raise DamagedError(TOO_LONG)
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
            raise DamagedError('the pickle is truncated: a frame exceeds the bytes that follow')

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
        if size > self.longest_integer:
            raise RefusedError(f'an integer of {size} bytes')
        self._stack.append(int.from_bytes(self._take(size), 'little', signed=True))

    def _text_integer(self) -> None:
        line = self._line(3 * self.longest_integer)
        self._stack.append(int(line) if line not in (b'00', b'01') else line == b'01')

    def _text_string(self) -> None:
        line = self._line().strip()
        if len(line) < 2 or line[0] != line[-1] or line[:1] not in (b'"', b"'"):
            raise DamagedError('a string without quotes')
        self._stack.append(codecs.escape_decode(line[1:-1])[0].decode('latin1'))

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
        self._sizes.add(target, parts)
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
        self._sizes.add(target, parts)
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
        self._sizes.add(target, parts)
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
                    f'a key or set item {quote(key)}; texts, numbers and some short tuples can be '
                    'keys'
                )

    # Memo

    def _put(self, index: int) -> None:
        value = self._stack[-1]
        size = len(self._memo)
        if index < size:
            self._memo[index] = value
        elif index <= size + _MEMO_GAP:
            self._memo += [NOTHING] * (index - size)
            self._memo.append(value)
        else:
            raise RefusedError(f'memo entry {index}, where the next one is {size}')

    def _get(self, index: int) -> None:
        value = self._memo[index] if 0 <= index < len(self._memo) else NOTHING
        if isinstance(value, Pending) and value.finished:
            value = value.result
        if value is NOTHING:
            raise DamagedError(f'memo entry {index} was never written')
        if value is self.often and self.shortcut():
            return
        self._stack.append(value)

    def shortcut(self) -> bool:
        """Read what usually follows where ``often`` comes from the memo; False if it does not."""
        return False
