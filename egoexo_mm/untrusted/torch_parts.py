"""Tensors and their storages made of what a pickle says.

torch does not check a shape against what its storage holds, so that is done here.
"""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO

import torch

from .numpy_parts import are_sizes
from .pickle_parts import RefusedError, Standin
from .quoting import quote
from .unpickler import RestrictedUnpickler

_OLD = 'float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool complex128 complex64'
_NEW = 'uint16 uint32 uint64 float8_e4m3fn float8_e5m2'  # which have no storage type of their own
_NAMED_DTYPES = {
    name: getattr(torch, name) for name in f'{_OLD} {_NEW}'.split() if hasattr(torch, name)
}
_STORAGES = 'Double Float Half BFloat16 Long Int Short Char Byte Bool ComplexDouble ComplexFloat'
DTYPES = {
    f'{storage}Storage': _NAMED_DTYPES[name]
    for storage, name in zip(_STORAGES.split(), _OLD.split())
}
_UNTYPED = ('torch.storage', 'UntypedStorage')
_LOCATION = re.compile(r'[a-z]{1,20}(:\d{1,3})?')


class Storage(Standin):
    """Bytes of tensors, on their device, and their type."""

    __slots__ = ('untyped', 'dtype')

    def __init__(self, untyped: torch.UntypedStorage, dtype: torch.dtype) -> None:
        self.untyped, self.dtype = untyped, dtype


class StorageType(Standin):
    """Names the type of a storage; it cannot be made of a pickle."""

    __slots__ = ('dtype',)

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype

    def __setstate__(self, state: Any) -> None:
        raise RefusedError('a state for a type')


class TensorUnpickler(RestrictedUnpickler):
    """``RestrictedUnpickler`` that also knows plain tensors, parameters and ``OrderedDict``.

    Args:
        data: bytes with the pickle.
        storage: ``storage(key, dtype, numel, location)`` gives a :class:`Storage`.
        **kwargs: of :class:`PickleMachine`.
    """

    def __init__(
        self,
        data: bytes | BinaryIO,
        storage: Callable[[str, torch.dtype, int, str], Storage] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data, **kwargs)
        self._storage = storage
        self._types = {name: StorageType(dtype) for name, dtype in DTYPES.items()}
        self._untyped = StorageType(torch.uint8)
        self._admitted.update(
            {
                ('collections', 'OrderedDict'): self._ordered_dict,
                ('collections', 'Counter'): self._counter,
                ('torch', 'Size'): _size,
                ('torch', 'device'): _device,
                ('torch._utils', '_rebuild_tensor'): self.tensor,
                ('torch._utils', '_rebuild_tensor_v2'): self.tensor,
                ('torch._utils', '_rebuild_tensor_v3'): self._tensor_v3,
                ('torch._utils', '_rebuild_parameter'): _parameter,
                ('torch.nn.parameter', 'Parameter'): _no_call,
                **{('torch', name): dtype for name, dtype in _NAMED_DTYPES.items()},
                **{('torch', name): kind for name, kind in self._types.items()},
                **{('torch.cuda', name): kind for name, kind in self._types.items()},
                _UNTYPED: self._untyped,
            }
        )

    def persistent_load(self, key: Any) -> Storage:
        """The storage of a tensor, which is kept outside the pickle."""
        # ('storage', type, name, location, elements), before torch 1.6 with a sixth: None
        good = type(key) is tuple and len(key) in (5, 6) and key[0] == 'storage'
        good = good and (len(key) == 5 or key[5] is None)
        if not good or self._storage is None or type(key[1]) is not StorageType:
            raise RefusedError(
                f'the object {quote(key)} outside the pickle, which is no storage of a tensor'
            )
        _, kind, name, location, numel = key[:5]
        if type(numel) is not int or numel < 0 or not _is_location(location):
            raise RefusedError(f'the storage {quote(key)}')
        name = name if type(name) is str else quote(name)
        return self._storage(name, kind.dtype, numel, location)

    def tensor(
        self,
        storage: Any,
        offset: Any,
        size: Any,
        stride: Any,
        requires_grad: Any = False,
        hooks: Any = None,
        metadata: Any = None,
        *,
        dtype: Any = None,
    ) -> Any:
        """``torch._utils._rebuild_tensor_v2``; ``dtype`` is by default that of the storage."""
        if type(storage) is not Storage:
            raise RefusedError(f'a tensor on {quote(storage)}')
        dtype = storage.dtype if dtype is None else dtype
        check_within(storage.untyped.nbytes() // item_size(dtype), offset, size, stride)
        if hooks or metadata is not None or type(requires_grad) is not bool:
            raise RefusedError('a tensor with hooks or other state')
        tensor = torch.empty(0, dtype=dtype, device=storage.untyped.device)
        tensor.set_(storage.untyped, offset, tuple(size), tuple(stride))
        return tensor.requires_grad_() if requires_grad else tensor

    def _tensor_v3(self, *arguments: Any) -> Any:
        """``torch._utils._rebuild_tensor_v3``, whose seventh argument is the type."""
        dtype = arguments[6]
        if type(dtype) is not torch.dtype:
            raise RefusedError(f'a tensor of type {quote(dtype)} on {quote(arguments[0])}')
        return self.tensor(*arguments[:6], *arguments[7:], dtype=dtype)

    def _ordered_dict(self, pairs: Any = ()) -> OrderedDict:
        if type(pairs) not in (list, tuple) or any(
            type(pair) not in (list, tuple) or len(pair) != 2 for pair in pairs
        ):
            raise RefusedError(f'an OrderedDict of {quote(pairs)}')
        self._check_keys([key for key, _ in pairs])
        return OrderedDict(pairs)

    def _counter(self, counts: Any = None) -> Counter:
        counts = {} if counts is None else counts
        if type(counts) is not dict or not {int, float}.issuperset(map(type, counts.values())):
            raise RefusedError(f'a Counter of {quote(counts)}')
        return Counter(counts)


def item_size(dtype: torch.dtype) -> int:
    """Bytes of an element."""
    return torch.empty((), dtype=dtype).element_size()


def check_within(numel: int, offset: Any, size: Any, stride: Any) -> None:
    """Refuse a tensor that does not lie within a storage of ``numel`` elements."""
    listed = type(size) in (tuple, list, torch.Size) and type(stride) in (tuple, list)
    good = listed and len(size) == len(stride) <= 64 and are_sizes(size)
    if good and all(type(number) is int and 0 <= number < 2**48 for number in (offset, *stride)):
        last = offset + sum((side - 1) * step for side, step in zip(size, stride))
        if offset <= numel and (0 in size or last < numel):
            return
    raise RefusedError('a tensor that does not lie within its storage')


def _is_location(name: Any) -> bool:
    return type(name) is str and _LOCATION.fullmatch(name) is not None


def _parameter(data: Any, requires_grad: Any, _hooks: Any = None) -> torch.nn.Parameter:
    if not isinstance(data, torch.Tensor) or type(requires_grad) is not bool:
        raise RefusedError(f'a parameter of {quote(data)}')
    return torch.nn.Parameter(data, requires_grad)


def _size(sides: Any = ()) -> tuple:
    if type(sides) not in (tuple, list) or not are_sizes(sides):
        raise RefusedError(f'a torch.Size of {quote(sides)}')
    return torch.Size(sides)


def _device(kind: Any, index: Any = 0) -> torch.device:
    if not _is_location(kind) or type(index) is not int or not 0 <= index < 1000:
        raise RefusedError(f'a torch.device of {quote(kind)}')
    return torch.device(kind) if ':' in kind or kind == 'cpu' else torch.device(kind, index)


def _no_call(*_arguments: Any) -> None:
    raise RefusedError('a call of torch.nn.Parameter')
