"""Reading the pickle of MMEngine's ``DumpResults`` without running what it asks for."""
from __future__ import annotations

import io
import os
import pickle
from collections import OrderedDict
from typing import Any, BinaryIO

import numpy as np
import torch

from egoexo_mm.targets.unpickle import RestrictedUnpickler

from .predictions import to_numpy


class DumpUnpickler(RestrictedUnpickler):
    """``RestrictedUnpickler`` that also knows CPU tensors, and gives them as numpy arrays.

    A pickled tensor names two functions of torch. ``torch.storage._load_from_bytes`` is ``torch.load`` of the bytes inside,
    itself a pickle: it is answered by ``torch.load(weights_only=True)`` here. ``torch._utils._rebuild_tensor_v2`` lays a
    shape over a storage: it is answered by a view that is checked to lie within the storage.

    Raises:
        pickle.UnpicklingError: the pickle names anything else.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._admitted.update({
            ('collections', 'OrderedDict'): OrderedDict,  # the backward hooks of a tensor, always empty
            ('torch._utils', '_rebuild_tensor_v2'): self._tensor,
            ('torch.storage', '_load_from_bytes'): self._storage,
        })

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except pickle.UnpicklingError:
            raise pickle.UnpicklingError(f'it asks for {module}.{name}, which is refused') from None

    def _storage(self, raw: Any) -> torch.Tensor:
        storage = torch.load(io.BytesIO(raw), map_location='cpu', weights_only=True)
        if not isinstance(storage, torch.storage.TypedStorage):
            raise pickle.UnpicklingError(f'a tensor storage that holds {type(storage).__name__}')
        return torch.tensor([], dtype=storage.dtype).set_(storage._untyped_storage)  # the public name warns

    def _tensor(self, flat: Any, offset: int, size: tuple, stride: tuple, *_unused: Any) -> np.ndarray:
        good = isinstance(flat, torch.Tensor) and len(size) == len(stride) and min((offset, *size, *stride)) >= 0
        last = offset + sum((length - 1) * step for length, step in zip(size, stride))
        if not good or (0 not in size and last >= flat.numel()):
            raise pickle.UnpicklingError('a tensor that does not lie within its storage')
        return to_numpy(flat.as_strided(tuple(size), tuple(stride), offset))


def read_dump(path: str | os.PathLike) -> list[dict]:
    """Data samples of a test dump, with numpy arrays in place of tensors.

    Raises:
        ValueError: the file is no such dump, is damaged, or asks for something other than tensors, arrays and containers.
    """
    try:
        with open(path, 'rb') as file:
            samples = DumpUnpickler(file).load()
    except FileNotFoundError:
        raise ValueError(f'{path}: no such file; write it with tools/test.py --dump') from None
    except Exception as error:  # whatever a damaged or hostile byte stream leads to
        reason = ' '.join(f'{error}'.split())[:200] or type(error).__name__
        raise ValueError(f'{path}: not read as a test dump ({reason}); expected the pickle of tensors, arrays and plain '
                         'containers that tools/test.py --dump writes') from None
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise ValueError(f'{path}: expected a list of data samples, got {type(samples).__name__}; write the file with '
                         'tools/test.py --dump')
    if not samples:
        raise ValueError(f'{path}: the dump is empty; test again with --dump')
    return samples
