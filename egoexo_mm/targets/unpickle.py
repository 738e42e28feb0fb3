"""Reading pickles and ``.npy`` object arrays of unknown origin without running what they ask for.

A pickle is a program: it names functions and calls them. Here it can name the few constructors of
numpy arrays and builtin containers, and even these are our own stand-ins, because numpy itself
trusts the state in a pickle (a forged dtype turns bytes into object pointers).
"""
import math
import pickle
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import TargetStoreError

_NPY_MAGIC = b'\x93NUMPY'
_ZIP_MAGIC = b'PK\x03\x04'
# bool, integers, floats, complex, bytes, str and object, with an optional byte order
_PLAIN_DTYPE = re.compile(r'[<>=|]?(?:[?bBhHiIlLqQefdgFDG]|[biufc]\d{1,2}|[SU]\d{1,6}|O8?)')


class _RefusedError(pickle.UnpicklingError):
    """The pickle names something outside the short list."""


class _DtypeSpec:
    """Stand-in for a dtype while it is being unpickled: type code and byte order, nothing else."""
    __slots__ = ('_code', '_order')

    def __init__(self, code: str) -> None:
        self._code, self._order = code, '='

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, subarray, names, fields, itemsize, alignment, flags)
        if not isinstance(state, tuple) or len(state) != 8 or state[2:5] != (None, ) * 3:
            raise _RefusedError('a structured or dated numpy dtype')
        self._order = state[1]

    @property
    def dtype(self) -> np.dtype:
        dtype = np.dtype(self._code)
        return dtype if self._order == '|' else dtype.newbyteorder(self._order)


class _Array(np.ndarray):
    """An array that checks the state in the pickle before numpy sees it."""

    def __setstate__(self, state: Any) -> None:
        _, shape, spec, fortran, raw = state
        dtype = _dtype_of(spec)
        if dtype.kind == 'O':  # numpy takes list and length on trust
            good = isinstance(raw, list) and len(raw) == math.prod(shape)
        else:
            good = isinstance(raw, (bytes, bytearray, str))
        if not good or min(shape, default=0) < 0:
            raise _RefusedError('a numpy array whose dtype, shape and data do not match')
        super().__setstate__((1, shape, dtype, bool(fortran), raw))


class RestrictedUnpickler(pickle.Unpickler):
    """Unpickler for numpy arrays, dtypes and scalars and builtin containers, nothing else.

    Reads pickle protocols 0 to 5, of Python 2 and 3, of numpy 1 and 2.

    Raises:
        pickle.UnpicklingError: the pickle names anything else.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding='latin1')  # what numpy needs for pickles of Python 2
        # Bound methods: a pickle cannot set attributes on them.
        self._admitted = {
            ('numpy', 'ndarray'): _Array.__name__,
            ('numpy', 'dtype'): self._dtype,
            ('numpy._core.multiarray', '_reconstruct'): self._reconstruct,
            ('numpy._core.multiarray', 'scalar'): self._scalar,
            ('numpy._core.numeric', '_frombuffer'): self._frombuffer,
            ('_codecs', 'encode'): self._encode,
            **{('builtins', kind.__name__): kind for kind in (bytearray, bytes, frozenset, set)}
        }

    def find_class(self, module: str, name: str) -> Any:
        known = re.sub(r'^numpy\.core\.', 'numpy._core.', module)
        known = 'builtins' if known == '__builtin__' else known
        try:
            return self._admitted[known, name]
        except KeyError:
            raise _RefusedError(f'{module}.{name}') from None

    def _dtype(self, code: Any, *_flags: Any) -> _DtypeSpec:
        if not isinstance(code, str) or not _PLAIN_DTYPE.fullmatch(code):
            raise _RefusedError(f'numpy dtype {code!r}')
        return _DtypeSpec(code)

    def _reconstruct(self, kind: Any, _shape: Any, _code: Any) -> _Array:
        if kind != _Array.__name__:
            raise _RefusedError(f'a numpy array of type {kind!r}')
        return np.ndarray.__new__(_Array, (0, ), 'b')  # the real shape comes with the state

    def _scalar(self, spec: Any, raw: Any) -> Any:
        raw = raw.encode('latin1') if isinstance(raw, str) else raw
        return np.frombuffer(raw, _dtype_of(spec), count=1)[0]

    def _frombuffer(self, raw: Any, spec: Any, shape: Any, order: str) -> np.ndarray:
        return np.frombuffer(raw, _dtype_of(spec)).reshape(shape, order=order)

    def _encode(self, text: str, encoding: str = 'utf-8') -> bytes:
        if encoding not in ('latin1', 'latin-1'):  # how protocols 0 to 2 spell bytes
            raise _RefusedError(f'_codecs.encode to {encoding!r}')
        return text.encode('latin1')


def load_pickle(path: str | Path) -> Any:
    """Object in a pickle file of numpy arrays and builtin containers.

    Raises:
        TargetStoreError: the file asks for anything else, is truncated, or is no pickle.
    """
    with open(path, 'rb') as file:
        return _load(file, path)


def load_npy(path: str | Path) -> Any:
    """Array in a ``.npy`` file; object arrays pass through the restricted unpickler.

    A file without npy header is read as a pickle, as ``np.load(allow_pickle=True)`` does.

    Raises:
        TargetStoreError: as in :func:`load_pickle`.
    """
    with open(path, 'rb') as file:
        head = file.read(len(_NPY_MAGIC))
        file.seek(0)
        if head != _NPY_MAGIC:
            return _load(file, path)
        try:
            shape, dtype = _read_npy_header(file)
            if not dtype.hasobject:
                file.seek(0)
                return np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:  # numpy raises many kinds on damaged bytes
            raise _damaged(path, 'npy file', error) from None
        array = _load(file, path)
    if not isinstance(array, np.ndarray) or array.shape != shape or dtype != np.dtype('O'):
        raise TargetStoreError(f'{path}: the array inside is not what the npy header says '
                               f'({dtype}, shape {shape}); get or make the file again')
    return np.asarray(array)


def _read_npy_header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0,
               (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f'npy version {version} is for structured arrays')
    shape, _, dtype = readers[version](file)
    return shape, dtype


def _load(file: BinaryIO, path: str | Path) -> Any:
    head = file.read(len(_ZIP_MAGIC))
    file.seek(-len(head), 1)
    if head == _ZIP_MAGIC:
        raise TargetStoreError(f'{path}: a zip archive (torch.save or np.savez), not a pickle; '
                               'save plain numpy arrays with pickle or np.save instead')
    try:
        return RestrictedUnpickler(file).load()
    except _RefusedError as error:
        extra = ('these are torch tensors, save them as numpy arrays (tensor.numpy()) instead'
                 if str(error).startswith('torch') else
                 'do not open the file otherwise unless you trust who made it')
        raise TargetStoreError(f'{path}: refused, the pickle asks for {error}, but only numpy '
                               f'arrays and builtin containers are read; {extra}') from None
    except Exception as error:  # whatever a damaged or hostile byte stream leads to
        raise _damaged(path, 'pickle', error) from None


def _damaged(path: str | Path, what: str, error: Exception) -> TargetStoreError:
    reason = ' '.join(f'{type(error).__name__}: {error}'.split())
    return TargetStoreError(f'{path}: truncated or not a {what} ({reason}); '
                            'get or make the file again')


def _dtype_of(spec: Any) -> np.dtype:
    if not isinstance(spec, _DtypeSpec):
        raise _RefusedError(f'a numpy array with dtype {spec!r}')
    return spec.dtype
