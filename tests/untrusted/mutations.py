"""Seeded mutations of a good file."""

import random
import struct

_INTERESTING = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0xFFFFFFFF,
    2**63 - 1,
    2**64 - 1,
]
_PIECES = [
    b'\x00',
    b'\xff' * 4,
    b'[',
    b'{',
    b'"',
    b'<',
    b'&',
    b'<!ENTITY a "b">',
    b'NaN',
    b'1e999',
    b'-',
    b'9' * 400,
    b'\n',
    b',',
    b'e',
    b'.',
    b'(',
    b'R',
    b'b',
    b'\x94',
    b'\x85',
    b'h\x00',
    b'\xed\xa0\x80',
]


def mutants(goods, count, seed):
    """``count`` files, each a good one with one to eight changes."""
    rng = random.Random(seed)
    for _ in range(count):
        data = bytearray(rng.choice(goods))
        for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
            _change(data, goods, rng)
        yield bytes(data)


def _change(data, goods, rng):
    at = rng.randrange(len(data) + 1)
    size = min(rng.choice((1, 2, 4, 8, 64)), len(data) - at)
    kind = rng.randrange(9)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and at < len(data):
        data[at] = rng.randrange(256)
    elif kind == 2:
        del data[at : at + size]
    elif kind == 3:
        data[at:at] = data[at : at + size] * rng.choice((1, 1, 50))
    elif kind == 4:
        data[at:at] = rng.choice(_PIECES)
    elif kind == 5:  # a length, an offset or a count
        layout = rng.choice(('<B', '<H', '<I', '<Q', '>I'))
        raw = struct.pack(layout, rng.choice(_INTERESTING) & (256 ** struct.calcsize(layout) - 1))
        data[at : at + len(raw)] = raw
    elif kind == 6:
        del data[at:]
    elif kind == 7:
        other = rng.choice(goods)
        start = rng.randrange(len(other))
        data[at : at + size] = other[start : start + size]
    else:
        data[at : at + size] = bytes(rng.randrange(256) for _ in range(size))
