"""Files of ``torch.save`` read without ``torch.load``: the zip format and the one before torch 1.6.

What ``torch.load`` refuses differs from version to version, and where numpy arrays are admitted it
takes their state on trust. Here both formats are taken apart in Python, and every size is compared
with the bytes of the file, the same with every torch. Not read: the tar format before torch 0.4,
TorchScript, big-endian files, sparse and quantised tensors.
"""

from __future__ import annotations

import errno
import os
import pickle
import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import torch

from .checkpoint_parts import NAMES as PLAIN_NAMES
from .mmengine_parts import NAMES as MMENGINE_NAMES
from .pickle_parts import DamagedError, RefusedError
from .quoting import quote, shorten
from .torch_parts import Storage, TensorUnpickler, item_size
from .zip_archives import DAMAGE, unsafe_record

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_PROTOCOL_VERSION = 1001
_CHUNK = 1 << 24


class _CheckpointUnpickler(TensorUnpickler):
    """Also knows MMEngine's history buffers and what training scripts save beside weights."""

    longest_integer = 17  # states of random generators have 128 bits and nothing has more

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._admitted.update(MMENGINE_NAMES)
        self._admitted.update(PLAIN_NAMES)


def load_torch(file: str | os.PathLike | BinaryIO, map_location: Any = None) -> Any:
    """What ``torch.save`` wrote: tensors, plain values, numpy arrays and MMEngine's buffers.

    Args:
        file: path, or an open binary file.
        map_location: as of ``torch.load``.

    Raises:
        pickle.UnpicklingError: the file is damaged, of another format, or asks for anything else.
        OSError: it cannot be read.
    """
    if isinstance(file, (str, os.PathLike)):
        with open(file, 'rb') as opened:
            return load_torch(opened, map_location)
    head = file.read(4)
    file.seek(-len(head), 1)
    if head == b'PK\x03\x04':
        return _load_zip(file, map_location)
    return load_legacy(file.read(), map_location, _CheckpointUnpickler)


def _load_zip(file: BinaryIO, map_location: Any) -> Any:
    try:
        with zipfile.ZipFile(file) as archive:
            return _Archive(archive, _length(file), map_location).load()
    except pickle.UnpicklingError:
        raise
    except (*DAMAGE, ValueError, OSError) as error:
        if isinstance(error, RuntimeError) and 'deserialize' in str(error):
            raise  # torch's message on a missing device, with the remedy
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # the disk, not a position before the start of the file
        raise DamagedError(f'the zip archive is damaged: {shorten(str(error))}') from None


def _length(file: BinaryIO) -> int:
    at = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(at)
    return end


class _Archive:
    """One zip file of ``torch.save``: a pickle, and a record for each storage."""

    def __init__(self, archive: zipfile.ZipFile, size: int, map_location: Any) -> None:
        self._archive, self._size = archive, size
        self._restore = restore_location(map_location)
        unsafe = unsafe_record(archive, size)
        if unsafe:
            raise RefusedError(
                f'the zip record {unsafe} that is compressed, comes twice or overlaps another'
            )
        self._records = {info.filename: info for info in archive.infolist()}
        parts = [name.split('/') for name in self._records]
        roots = [part[0] for part in parts if part[1:] == ['data.pkl']]
        if len(roots) != 1:
            raise DamagedError('a zip archive without data.pkl in its folder, so not of torch.save')
        self._root = roots[0]
        if any(not name.startswith(f'{self._root}/') or '..' in name for name in self._records):
            raise RefusedError('zip records outside its folder')
        if f'{self._root}/constants.pkl' in self._records:
            raise RefusedError('TorchScript, which is a program')
        if self._read('byteorder', b'little') != b'little':
            raise RefusedError('bytes in big-endian order')
        self._storages: dict[str, torch.UntypedStorage] = {}

    def load(self) -> Any:
        """The object that the archive is of."""
        data = self._read('data.pkl')
        return _CheckpointUnpickler(data, self._storage, file_size=self._size).load()

    def _read(self, name: str, default: bytes | None = None) -> bytes:
        name = f'{self._root}/{name}'
        if default is not None and name not in self._records:
            return default
        return self._archive.read(self._records[name])

    def _storage(self, key: str, dtype: torch.dtype, numel: int, location: str) -> Storage:
        if key not in self._storages:
            info = self._records.get(f'{self._root}/data/{key}')
            if info is None:
                raise DamagedError(f'there is no record {quote(key)} for a tensor')
            self._storages[key] = self._restore(self._read_storage(info), location)
        untyped = self._storages[key]
        if untyped.nbytes() != numel * item_size(dtype):
            raise DamagedError(
                f'a tensor storage of {quote(numel)} elements, whose record has {untyped.nbytes()} '
                'bytes'
            )
        return Storage(untyped, dtype)

    def _read_storage(self, info: zipfile.ZipInfo) -> torch.UntypedStorage:
        content = torch.empty(info.file_size, dtype=torch.uint8)
        if info.file_size:
            view, at = content.numpy().data, 0
            with self._archive.open(info) as member:
                while at < len(view):
                    chunk = member.read(_CHUNK)
                    if not chunk:
                        raise DamagedError(f'the zip record {quote(info.filename)} is cut off')
                    view[at : at + len(chunk)] = chunk
                    at += len(chunk)
        return content.untyped_storage()


def load_legacy(data: bytes, map_location: Any, unpickler: type[TensorUnpickler]) -> Any:
    """What ``torch.save(_use_new_zipfile_serialization=False)`` wrote.

    Three small pickles, that of the object, that of the keys of its storages, and these: element
    count and bytes.

    Args:
        data: of the file.
        map_location: as of ``torch.load``.
        unpickler: reads the object.

    Raises:
        pickle.UnpicklingError: damaged, another format, or in need of anything else.
    """
    at = 0
    for expected in (MAGIC_NUMBER, _PROTOCOL_VERSION, dict):
        found, at = _next(unpickler(data, start=at))
        if found != expected and type(found) is not expected:
            raise DamagedError('not a file of torch.save: it begins with other numbers')
    if found.get('little_endian') is not True:
        raise RefusedError('bytes in big-endian order')
    sizes = _StorageSizes(len(data))
    # only to learn what it needs and where it ends
    _, behind = _next(unpickler(data, sizes.note, start=at))
    storages = sizes.read(data, behind, map_location, unpickler)

    def storage(key: str, dtype: torch.dtype, _numel: int, _location: str) -> Storage:
        return Storage(storages[key], dtype)

    return unpickler(data, storage, start=at).load()


def _next(unpickler: TensorUnpickler) -> tuple[Any, int]:
    found = unpickler.load()
    return found, unpickler.at


class _StorageSizes:
    """What the pickle of an older file says of its storages."""

    def __init__(self, file_size: int) -> None:
        self._left = file_size
        self._found: dict[str, tuple[torch.dtype, int, str]] = {}
        self._empty: dict[str, Storage] = {}

    def note(self, key: str, dtype: torch.dtype, numel: int, location: str) -> Storage:
        """Remember a storage, and give an empty one of its size."""
        if self._found.setdefault(key, (dtype, numel, location))[:2] != (dtype, numel):
            raise RefusedError(f'two sizes or types of the tensor storage {quote(key)}')
        if key not in self._empty:
            size = numel * item_size(dtype)
            self._left -= size
            if self._left < 0:
                raise DamagedError(
                    f'a tensor storage of {quote(numel)} elements, more than the file holds'
                )
            content = torch.empty(size, dtype=torch.uint8)
            self._empty[key] = Storage(content.untyped_storage(), dtype)
        return self._empty[key]

    def read(
        self, data: bytes, at: int, map_location: Any, unpickler: type[TensorUnpickler]
    ) -> dict[str, torch.UntypedStorage]:
        """Fill the storages from the bytes behind the pickle."""
        keys, at = _next(unpickler(data, start=at))
        if type(keys) is not list or set(keys) != set(self._found) or len(keys) != len(self._found):
            raise DamagedError('the storages behind the pickle are not those that it names')
        restore, storages = restore_location(map_location), {}
        for key in keys:
            dtype, numel, location = self._found[key]
            size = numel * item_size(dtype)
            if int.from_bytes(data[at : at + 8], 'little') != numel or at + 8 + size > len(data):
                raise DamagedError(f'the tensor storage {quote(key)} is cut off or of another size')
            untyped = self._empty[key].untyped
            if size:
                content = torch.empty(0, dtype=torch.uint8).set_(untyped, 0, (size,), (1,))
                content.numpy().data[:] = memoryview(data)[at + 8 : at + 8 + size]
            storages[key] = restore(untyped, location)
            at += 8 + size
        return storages


def restore_location(
    map_location: Any,
) -> Callable[[torch.UntypedStorage, str], torch.UntypedStorage]:
    """What moves a storage to its device, as in ``torch.load``."""
    return torch.serialization._get_restore_location(map_location)
