"""Text columns of pandas 3 in pyarrow's layout, rebuilt from the bytes in a pickle without pyarrow.

An array of strings is a buffer of offsets into a buffer of UTF-8 bytes, and a bitmap of the entries
that have a value (https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-layout).
Every offset is checked. Each function stands for the pyarrow function that the pickle names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_OFFSETS = {'string': np.dtype('<i4'), 'large_string': np.dtype('<i8')}


def arrow_type(alias: Any) -> str:
    """Stands for ``pyarrow.lib.type_for_alias``."""
    if alias not in _OFFSETS:
        raise ValueError(f'an arrow column of type {alias!r}')
    return alias


def arrow_buffer(content: Any) -> bytes:
    """Stands for ``pyarrow.lib.py_buffer``."""
    if not isinstance(content, (bytes, bytearray)):
        raise ValueError(f'an arrow buffer made of a {type(content).__name__}')
    return bytes(content)


def arrow_strings(parts: Any) -> list[str | None]:
    """Stands for ``pyarrow.lib._restore_array``.

    Args:
        parts: (type, length, number of missing values, offset of the first entry, buffers,
            children, dictionary); the buffers are the bitmap or None, the offsets and the bytes.

    Returns:
        Texts, and None where there is no value.

    Raises:
        ValueError: For another array, or offsets beyond the bytes.
    """
    kind, length, _missing, first, (valid, offsets, content), children, dictionary = parts
    if children or dictionary is not None or min(length, first) < 0:
        raise ValueError('an arrow array that is not one of texts')
    if not length:
        return []
    ends = np.frombuffer(offsets, _OFFSETS[kind], count=first + length + 1)[first:].tolist()
    content = content or b''
    if not 0 <= ends[0] <= ends[-1] <= len(content) or any(a > b for a, b in zip(ends, ends[1:])):
        raise ValueError('an arrow array whose offsets lie beyond its bytes')
    texts: list[str | None] = [content[a:b].decode('utf-8') for a, b in zip(ends, ends[1:])]
    if valid is not None:
        bitmap = np.frombuffer(valid, np.uint8)
        bits = np.unpackbits(bitmap, bitorder='little', count=first + length)[first:]
        if len(bits) < length:
            raise ValueError('an arrow array whose bitmap is too short')
        texts = [text if bit else None for text, bit in zip(texts, bits)]
    return texts


def arrow_chunks(chunks: Any, _kind: Any = None) -> list[str | None]:
    """Stands for ``pyarrow.lib.chunked_array``."""
    return [text for chunk in chunks for text in chunk]
