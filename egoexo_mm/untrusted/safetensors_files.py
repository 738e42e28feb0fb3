"""Safetensors files: named tensors, and texts about them.

Eight bytes with the length of a header, the header in JSON, and the bytes of the tensors one after
the other. Every size in the header is compared with the file before anything is allocated.
Format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Union

import torch
from torch import Tensor

from .json_text import parse_json
from .pickle_parts import DamagedError
from .quoting import quote, shorten
from .torch_files import load_torch, restore_location

SUFFIX = '.safetensors'
META = 'meta'  # of __metadata__: what MMEngine has as `meta` beside weights, in JSON
LONGEST_HEADER = 4 << 20  # some 30,000 tensors
_LARGEST = 2**62
_MOST_DIMENSIONS = 64
_NAMES = {
    'BOOL': 'bool',
    'U8': 'uint8',
    'I8': 'int8',
    'U16': 'uint16',
    'I16': 'int16',
    'F16': 'float16',
    'BF16': 'bfloat16',
    'U32': 'uint32',
    'I32': 'int32',
    'F32': 'float32',
    'U64': 'uint64',
    'I64': 'int64',
    'F64': 'float64',
    'F8_E4M3': 'float8_e4m3fn',
    'F8_E5M2': 'float8_e5m2',
}
DTYPES = {  # older torch lacks some
    name: getattr(torch, theirs) for name, theirs in _NAMES.items() if hasattr(torch, theirs)
}
File = Union[str, os.PathLike, BinaryIO]


class _Entry(NamedTuple):
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


def load_checkpoint(file: File, map_location: Any = None) -> Any:
    """What a checkpoint of either format holds, see ``load_torch`` and :func:`load_safetensors`."""
    load = load_safetensors if is_safetensors(file) else load_torch
    return load(file, map_location)


def is_safetensors(file: File) -> bool:
    """By its name, or by a header in JSON at its start; an open file stays where it is."""
    if isinstance(file, (str, os.PathLike)) and Path(file).suffix == SUFFIX:
        return True
    with _opened(file) as opened:
        at = opened.tell()
        head = opened.read(9)
        opened.seek(at)
    return len(head) == 9 and head[8:] == b'{' and _number(head[:8]) <= LONGEST_HEADER


def load_safetensors(file: File, map_location: Any = None) -> dict[str, dict]:
    """Tensors and metadata, as a checkpoint of MMEngine has them.

    Args:
        file: Path, or an open binary file.
        map_location: As of ``torch.load``.

    Returns:
        ``state_dict`` (name -> tensor), and ``meta``: what :func:`encode` got, or the texts that
        other code wrote.

    Raises:
        pickle.UnpicklingError: The file is damaged or of another format.
        OSError: It cannot be read.
    """
    with _opened(file) as opened:
        start = opened.tell()
        size = opened.seek(0, os.SEEK_END) - start
        opened.seek(start)
        try:
            entries, texts = _read_header(opened, size)
        except ValueError as error:
            raise DamagedError(shorten(str(error))) from None
        restore = restore_location(map_location)
        weights = {}
        for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
            content = torch.empty(entry.end - entry.begin, dtype=torch.uint8)
            if opened.readinto(content.numpy().data) != len(content):  # type: ignore[attr-defined]
                raise DamagedError(f'the file ends inside the tensor {quote(entry.name)}')
            untyped = restore(content.untyped_storage(), 'cpu')
            tensor = torch.empty(0, dtype=entry.dtype, device=untyped.device)
            weights[entry.name] = tensor.set_(untyped, 0, (prod(entry.shape),), (1,))
        weights = {e.name: weights[e.name].reshape(e.shape) for e in entries}
    return dict(state_dict=weights, meta=_meta(texts))


def encode(weights: dict[str, Tensor], meta: dict[str, Any]) -> Iterator[bytes | memoryview]:
    """The parts of a file with these tensors.

    Args:
        weights: Of the types in ``DTYPES``. Tensors that share memory are written once each.
        meta: What JSON can hold.

    Raises:
        ValueError: Something among the weights is no tensor, or of another type.
    """
    import json

    names = {dtype: name for name, dtype in DTYPES.items()}
    for name, value in weights.items():
        if not isinstance(value, Tensor) or value.dtype not in names:
            found = value.dtype if isinstance(value, Tensor) else quote(value)
            raise ValueError(f'{SUFFIX} holds tensors of {", ".join(DTYPES)}; {name} is {found}')
    # Wide types first, as the library of that name writes, so that every tensor is aligned.
    order = sorted(weights, key=lambda name: (-weights[name].element_size(), name))
    header: dict[str, Any] = {'__metadata__': {'format': 'pt', META: json.dumps(meta)}}
    at = 0
    for name in order:
        tensor = weights[name]
        end = at + tensor.numel() * tensor.element_size()
        header[name] = dict(
            dtype=names[tensor.dtype], shape=list(tensor.shape), data_offsets=[at, end]
        )
        at = end
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    if len(text) > LONGEST_HEADER:
        raise ValueError(f'{SUFFIX}: {len(weights)} tensors are more than a header can name')
    yield len(text).to_bytes(8, 'little')
    yield text
    for name in order:
        flat = weights[name].detach().cpu().contiguous().reshape(-1)
        yield flat.view(torch.uint8).numpy().data


@contextmanager
def _opened(file: File) -> Iterator[BinaryIO]:
    if isinstance(file, (str, os.PathLike)):
        with open(file, 'rb') as opened:
            yield opened
    else:
        yield file


def _number(data: bytes) -> int:
    return int.from_bytes(data, 'little')


def _read_header(file: BinaryIO, size: int) -> tuple[list[_Entry], dict[str, str]]:
    length = _number(file.read(8))
    if size < 8 or length > size - 8:
        raise ValueError(f'a header of {length} bytes in a file of {size}')
    if length > LONGEST_HEADER:
        raise ValueError(f'a header of {length} bytes; expected up to {LONGEST_HEADER}')
    header = parse_json(file.read(length))
    if not isinstance(header, dict):
        raise ValueError('its header is no JSON object')
    texts = header.pop('__metadata__', {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError('__metadata__ does not map names to texts')
    entries = [_entry(name, fields) for name, fields in header.items()]
    at = 0
    for entry in sorted(entries, key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != at:
            raise ValueError(
                f'tensor {quote(entry.name)} begins at byte {entry.begin}, and what precedes it '
                f'ends at {at}'
            )
        at = entry.end
    behind = size - 8 - length
    if at != behind:
        raise ValueError(f'its tensors are {at} bytes, and the file has {behind} behind its header')
    return entries, texts


def _entry(name: str, fields: Any) -> _Entry:
    where = f'tensor {quote(name)}'
    if not isinstance(fields, dict) or set(fields) != {'dtype', 'shape', 'data_offsets'}:
        raise ValueError(f'{where} has no dtype, shape and data_offsets, or more than these')
    dtype = DTYPES.get(fields['dtype']) if isinstance(fields['dtype'], str) else None
    if dtype is None:
        raise ValueError(f'{where} is of type {quote(fields["dtype"])}; known: {", ".join(DTYPES)}')
    shape, offsets = fields['shape'], fields['data_offsets']
    for numbers in (shape, offsets):
        if not isinstance(numbers, list) or len(numbers) > _MOST_DIMENSIONS:
            raise ValueError(f'{where}: {quote(numbers)} is no list of sizes')
        if not all(type(number) is int and 0 <= number < _LARGEST for number in numbers):
            raise ValueError(f'{where}: {quote(numbers)} are no sizes')
    if prod(filter(None, shape)) >= _LARGEST:
        raise ValueError(f'{where}: its shape {quote(shape)} is too large')
    if len(offsets) != 2:
        raise ValueError(f'{where}: data_offsets {quote(offsets)} are not two numbers')
    needed = prod(shape) * torch.empty(0, dtype=dtype).element_size()
    if offsets[1] - offsets[0] != needed:
        raise ValueError(
            f'{where} of shape {quote(shape)} and type {fields["dtype"]} needs {needed} bytes, and '
            f'its data_offsets are {quote(offsets)}'
        )
    return _Entry(name, dtype, tuple(shape), *offsets)


def _meta(texts: dict[str, str]) -> dict[str, Any]:
    try:
        meta = parse_json(texts[META])
    except (KeyError, ValueError):  # of other code
        return dict(texts)
    return meta if isinstance(meta, dict) else dict(texts)
