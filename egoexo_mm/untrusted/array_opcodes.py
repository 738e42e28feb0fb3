"""The usual opcodes of a numpy array in a pickle, read at once.

Behind the first array of a file, picklers of protocols 3 and 4 write the same two dozen opcodes for
each: one search instead of as many turns of the machine. What looks otherwise in any way is left to
the machine.
"""

from __future__ import annotations

import re
from typing import Any

_GET, _PUT = rb'(h.|j....)', rb'(\x94|q.|r....)'
# ndarray, (0,), b'b' -> arguments, call; (1, shape, dtype, False, bytes
_HEAD = re.compile(
    _GET + rb'K\x00\x85' + _PUT + _GET + rb'\x87' + _PUT + rb'R' + _PUT
    + rb'\(K\x01((?:K.|M..|J....){1,3})([\x85-\x87])' + _PUT + _GET + rb'\x89(C.|B....)',
    re.DOTALL,
)  # fmt: skip
_TAIL = re.compile(_PUT + b't' + _PUT + b'b', re.DOTALL)
_SIDE_BYTES = {0x4B: 1, 0x4D: 2, 0x4A: 4}
_MEMOIZED = {b'\x94'}


def match_array(data: bytes, at: int, memo: list[Any]) -> Any:
    """What is written behind the opcode that gets ``_reconstruct`` out of the memo.

    Returns:
        ``(type, code, dtype, shape, begin, end of its bytes, end of the opcodes)``, of which the
        first three are memo entries to be checked; or None where it is not written as usual.
    """
    head = _HEAD.match(data, at)
    if head is None:
        return None
    kind, put_1, code, put_2, put_3, sides, count, put_4, spec, size = head.groups()
    begin = head.end()
    end = begin + int.from_bytes(size[1:], 'little')
    tail = _TAIL.match(data, end)
    if tail is None:
        return None
    puts = (put_1, put_2, put_3, put_4, *tail.groups())
    if not _MEMOIZED.issuperset(puts) and any(
        put != b'\x94' and int.from_bytes(put[1:], 'little') != number
        for number, put in enumerate(puts, len(memo))
    ):
        return None
    shape = _shape(sides)
    if len(shape) != count[0] - 0x84:
        return None
    entries = [int.from_bytes(entry[1:], 'little') for entry in (kind, code, spec)]
    if max(entries) >= len(memo):
        return None
    return (*(memo[entry] for entry in entries), shape, begin, end, tail.end())


def _shape(sides: bytes) -> tuple[int, ...]:
    if len(sides) == 2:
        return (sides[1],)
    shape, at = [], 0
    while at < len(sides):
        end = at + 1 + _SIDE_BYTES[sides[at]]
        shape.append(int.from_bytes(sides[at + 1 : end], 'little', signed=sides[at] == 0x4A))
        at = end
    return tuple(shape)
