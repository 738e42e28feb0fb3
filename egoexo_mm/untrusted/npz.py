"""``.npz`` files of plain arrays as ``numpy.savez`` writes them."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np

from .npy import read_npy_header, read_plain_npy
from .quoting import shorten
from .zip_archives import DAMAGE, unsafe_record


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Name -> array.

    Raises:
        ValueError: damaged, compressed, or with anything but arrays of numbers and texts.
        OSError: the file cannot be read.
    """
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            unsafe = unsafe_record(archive, os.path.getsize(path))
            if unsafe:
                raise ValueError(f'{unsafe} is compressed, comes twice or overlaps another')
            for info in archive.infolist():
                file = io.BytesIO(archive.read(info))
                name = info.filename[: -len('.npy')]
                arrays[name] = read_plain_npy(file, read_npy_header(file))
    except DAMAGE as error:
        raise ValueError(shorten(str(error))) from None
    return arrays
