"""``.npy`` files of plain arrays.

The header is compared with the bytes behind it before anything is allocated. Format:
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import re
from typing import BinaryIO, NamedTuple

import numpy as np

from .numpy_parts import PLAIN_DTYPE, plain_array
from .quoting import quote

MAGIC = b'\x93NUMPY'
_LONGEST_HEADER = 10_000
_HEADER = re.compile(
    r"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,13}L?, ?)*(?:\d{1,13}L?)?)\),? ?\}\s*"
)


class NpyHeader(NamedTuple):
    """Shape, type and order of the array."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool


def read_npy_header(file: BinaryIO) -> NpyHeader:
    """Header of a file that stands at its start, and then at the data.

    Raises:
        ValueError: no such file, or of an array with fields or dates.
    """
    start = file.read(8)
    sizes = {b'\x01': 2, b'\x02': 4, b'\x03': 4}
    if start[:6] != MAGIC or start[6:7] not in sizes:
        raise ValueError('no npy file of version 1 to 3')
    width = sizes[start[6:7]]
    length = int.from_bytes(file.read(width), 'little')
    text = file.read(min(length, _LONGEST_HEADER + 1))
    if length > _LONGEST_HEADER or len(text) < length:
        raise ValueError(
            f'ends inside its header, or the header is longer than {_LONGEST_HEADER} bytes'
        )
    found = _HEADER.fullmatch(text.decode('latin1'))
    if found is None or not PLAIN_DTYPE.fullmatch(found[1]):
        raise ValueError(f'its header is not of a plain array: {quote(text.decode("latin1"))}')
    shape = tuple(int(side.strip('L ')) for side in found[3].split(',') if side.strip())
    return NpyHeader(shape, np.dtype(found[1]), found[2] == 'True')


def read_plain_npy(file: BinaryIO, header: NpyHeader) -> np.ndarray:
    """The array behind the header.

    Raises:
        ValueError: there are fewer bytes than its shape needs, or more.
    """
    try:
        return plain_array(file.read(), header.dtype, header.shape, 'F' if header.fortran else 'C')
    except Exception:  # refused, or numpy's word on it
        raise ValueError(
            'the data do not fill the shape in the header, or are no values of its type'
        ) from None
