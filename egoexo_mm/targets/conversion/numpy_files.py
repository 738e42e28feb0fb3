"""Pickles and ``.npy`` files with teachers' outputs, read without running what they ask for."""

from __future__ import annotations

import os
from typing import Any, BinaryIO

import numpy as np

from egoexo_mm.untrusted.npy import MAGIC, read_npy_header, read_plain_npy
from egoexo_mm.untrusted.pickle_parts import RefusedError
from egoexo_mm.untrusted.quoting import shorten
from egoexo_mm.untrusted.unpickler import RestrictedUnpickler

from ..store.errors import TargetStoreError

__all__ = ['RestrictedUnpickler', 'load_npy', 'load_pickle']
_ZIP_MAGIC = b'PK\x03\x04'


def load_pickle(path: str | os.PathLike) -> Any:
    """Object in a pickle file of numpy arrays and builtin containers.

    Raises:
        TargetStoreError: the file asks for anything else, is truncated, or is no pickle.
    """
    with open(path, 'rb') as file:
        return _load(file, path)


def load_npy(path: str | os.PathLike) -> Any:
    """Array in a ``.npy`` file; object arrays pass through the restricted unpickler.

    A file without npy header is read as a pickle, as ``np.load(allow_pickle=True)`` does.

    Raises:
        TargetStoreError: as in :func:`load_pickle`.
    """
    with open(path, 'rb') as file:
        head = file.read(len(MAGIC))
        file.seek(0)
        if head != MAGIC:
            return _load(file, path)
        try:
            header = read_npy_header(file)
            if not header.dtype.hasobject:
                return read_plain_npy(file, header)
        except ValueError as error:
            raise _damaged(path, 'npy file', error) from None
        array = _load(file, path)
    if (
        not isinstance(array, np.ndarray)
        or array.shape != header.shape
        or header.dtype != np.dtype('O')
    ):
        raise TargetStoreError(
            f'{path}: the array inside is not what the npy header says '
            f'({header.dtype}, shape {shorten(str(header.shape))}); get or make the file again'
        )
    return array


def _load(file: BinaryIO, path: str | os.PathLike) -> Any:
    head = file.read(len(_ZIP_MAGIC))
    file.seek(-len(head), 1)
    if head == _ZIP_MAGIC:
        raise TargetStoreError(
            f'{path}: a zip archive (torch.save or np.savez), not a pickle; '
            'save plain numpy arrays with pickle or np.save instead'
        )
    try:
        return RestrictedUnpickler(file).load()
    except RefusedError as error:
        extra = (
            'these are torch tensors, save them as numpy arrays (tensor.numpy()) instead'
            if str(error).startswith('torch')
            else 'do not open the file otherwise unless you trust who made it'
        )
        raise TargetStoreError(
            f'{path}: refused, the pickle asks for {error}, but only numpy '
            f'arrays and builtin containers are read; {extra}'
        ) from None
    except Exception as error:  # DamagedError; a file that cannot be read to its end
        raise _damaged(path, 'pickle', error) from None


def _damaged(path: str | os.PathLike, what: str, error: Exception) -> TargetStoreError:
    return TargetStoreError(
        f'{path}: truncated or not a {what} ({shorten(str(error)) or type(error).__name__}); '
        'get or make the file again'
    )
