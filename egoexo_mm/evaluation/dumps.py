"""Reading the pickle of MMEngine's ``DumpResults`` without running what it asks for."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from egoexo_mm.untrusted import quote_names, shorten
from egoexo_mm.untrusted.npz import read_npz
from egoexo_mm.untrusted.pickle_parts import RefusedError
from egoexo_mm.untrusted.torch_files import load_legacy
from egoexo_mm.untrusted.torch_parts import Storage, TensorUnpickler

from .predictions import to_numpy


class _StorageUnpickler(TensorUnpickler):
    """``TensorUnpickler`` of a storage alone."""

    def _check_values(self, parts: list[Any]) -> None:
        if len(parts) != 1 or type(parts[0]) is not Storage:
            super()._check_values(parts)


class DumpUnpickler(TensorUnpickler):
    """``RestrictedUnpickler`` that also knows CPU tensors, and gives them as numpy arrays.

    A pickled tensor names two functions of torch. ``torch.storage._load_from_bytes`` is
    ``torch.load`` of the bytes inside, itself a pickle: this package's own reader of such files
    takes its place. ``torch._utils._rebuild_tensor_v2`` lays a shape over a storage: in its place
    an array is copied, after a check that it lies within the storage.

    Raises:
        pickle.UnpicklingError: the pickle names anything else.
    """

    def __init__(self, file: Any, **kwargs: Any) -> None:
        super().__init__(file, **kwargs)
        self._admitted['torch.storage', '_load_from_bytes'] = self._storage_in_bytes

    def find_class(self, module: str, name: str) -> Any:
        """Stand-in for a global; the error says that the pickle asks for another one."""
        try:
            return super().find_class(module, name)
        except RefusedError as error:
            raise RefusedError(f'it asks for {error}, which is refused', error.name) from None

    def _storage_in_bytes(self, raw: Any) -> Storage:
        if type(raw) is not bytes:
            raise RefusedError('a tensor storage that is not in bytes')
        storage = load_legacy(raw, 'cpu', _StorageUnpickler)
        if type(storage) is not Storage:
            raise RefusedError(f'a tensor storage that holds {type(storage).__name__}')
        return storage

    def tensor(self, *arguments: Any, dtype: Any = None) -> np.ndarray:
        """An array in place of a tensor."""
        tensor = super().tensor(*arguments, dtype=dtype)
        self._sizes.check_room(tensor.numel())  # a view of one number may have any shape
        self._sizes.copied(tensor.numel())
        return np.array(to_numpy(tensor))


def read_dump(path: str | os.PathLike) -> list[dict]:
    """Data samples of a test dump, with numpy arrays in place of tensors.

    Args:
        path: the pickle of MMEngine's ``DumpResults``, or by its ending the ``.npz`` of
            ``DumpScores``.

    Raises:
        ValueError: the file is no such dump, is damaged, or asks for something other than tensors,
            arrays and containers.
    """
    try:
        if str(path).endswith('.npz'):
            return _samples(read_npz(path))
        with open(path, 'rb') as file:
            samples = DumpUnpickler(file).load()
    except FileNotFoundError:
        raise ValueError(f'{path}: no such file; write it with tools/test.py --dump') from None
    except Exception as error:  # whatever a damaged or hostile byte stream leads to
        reason = shorten(str(error)) or type(error).__name__
        raise ValueError(
            f'{path}: not read as a test dump ({reason}); expected the pickle of tensors, arrays '
            'and plain containers that tools/test.py --dump writes'
        ) from None
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise ValueError(
            f'{path}: expected a list of data samples, got {type(samples).__name__}; write the '
            'file with tools/test.py --dump'
        )
    if not samples:
        raise ValueError(f'{path}: the dump is empty; test again with --dump')
    return samples


def _samples(columns: dict[str, np.ndarray]) -> list[dict]:
    """Rows of a file of ``DumpScores``."""
    scores = [name for name in columns if name.partition('.')[0] == 'pred_score']
    lengths = {column.shape[:1] for column in columns.values()}
    if not scores or lengths & {()} or len(lengths) > 1:
        raise ValueError(
            f'its arrays are {quote_names(columns)}, without scores or not of one length'
        )
    samples = []
    for row in range(len(columns[scores[0]])):
        sample: dict = {'pred_score': {}}
        for name, column in columns.items():
            part = name.partition('.')[2]
            if name in scores and part:
                sample['pred_score'][part] = column[row]
            else:
                sample[name] = str(column[row]) if column.dtype.kind == 'U' else column[row]
        samples.append(sample)
    return samples
