"""``.npz`` files of plain arrays as ``numpy.savez`` writes them."""

from __future__ import annotations

import io
import os
import zipfile

import numpy as np

from .npy import read_npy_header, read_plain_npy
from .quoting import quote, shorten


def read_npz(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Name -> array.

    Raises:
        ValueError: damaged, compressed, or with anything but arrays of numbers and texts.
        OSError: the file cannot be read.
    """
    arrays: dict[str, np.ndarray] = {}
    left = os.path.getsize(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                left -= info.file_size
                name = info.filename[: -len('.npy')]
                if left < 0 or info.compress_type != zipfile.ZIP_STORED or name in arrays:
                    raise ValueError(
                        f'{quote(info.filename)} is compressed, comes twice or overlaps another'
                    )
                file = io.BytesIO(archive.read(info))
                header = read_npy_header(file)
                arrays[name] = read_plain_npy(file, header)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, IndexError) as error:
        raise ValueError(shorten(str(error))) from None
    return arrays
