"""An unpickler for numpy arrays and builtin containers."""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from .array_opcodes import match_array
from .numpy_parts import ARRAY_TYPE, Array, Dtype, from_buffer, plain_array, scalar
from .pickle_machine import PickleMachine
from .pickle_parts import RefusedError
from .pickle_stack import NOTHING
from .quoting import quote

_CALL = 17  # what the arguments of a call of _reconstruct count among the copies


class RestrictedUnpickler(PickleMachine):
    """Unpickler for numpy arrays, dtypes and scalars and builtin containers, nothing else.

    Reads pickle protocols 0 to 5, of Python 2 and 3, of numpy 1 and 2. Arrays are copies of their
    own.

    Args:
        file: read from where it stands to its end.

    Raises:
        pickle.UnpicklingError: the pickle names anything else, or is damaged.
    """

    often = Array

    def __init__(self, file: bytes | BinaryIO, **kwargs: Any) -> None:
        super().__init__(file if isinstance(file, bytes) else file.read(), **kwargs)
        self._admitted = {
            ('numpy', 'ndarray'): ARRAY_TYPE,
            ('numpy', 'dtype'): Dtype,
            ('numpy._core.multiarray', '_reconstruct'): Array,
            ('numpy._core.multiarray', 'scalar'): scalar,
            ('numpy._core.numeric', '_frombuffer'): from_buffer,
            ('_codecs', 'encode'): _encode,
            ('builtins', 'bytes'): _bytes,
            ('builtins', 'bytearray'): _bytearray,
            ('builtins', 'set'): self._set,
            ('builtins', 'frozenset'): self._frozenset_of,
        }

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name of numpy or of the builtins."""
        known = re.sub(r'^numpy\.core\.', 'numpy._core.', module)
        known = 'builtins' if known == '__builtin__' else known
        try:
            return self._admitted[known, name]
        except KeyError:
            raise RefusedError(f'{module}.{name}', (module, name)) from None

    def shortcut(self) -> bool:
        """Read an array at once where it is written as usual."""
        found = match_array(self.data, self.at, self._memo)
        if found is None:
            return False
        kind, code, spec, shape, begin, end, at = found
        usual = kind is ARRAY_TYPE and type(code) in (str, bytes) and code in ('b', b'b')
        if not usual or not isinstance(spec, Dtype) or spec.has_objects:
            return False
        self._sizes.copied(_CALL + end - begin)
        array = plain_array(memoryview(self.data)[begin:end], Dtype.of(spec), shape)
        self._sizes.check_room(array.size)
        self.at = at
        self._stack.append(array)
        # The arguments and the state are nobody else's, so no pickler asks for them again; nor for
        # the bytes, except that Python has one object for each of up to one byte.
        raw = self.data[begin:end] if end - begin <= 1 else NOTHING
        self._memo += [(0,), NOTHING, array, shape, raw, NOTHING]
        return True

    def _frozenset_of(self, items: Any = ()) -> frozenset:
        if type(items) not in (list, tuple):
            raise RefusedError(f'a set of {quote(items)}')
        return self.frozen(list(items))

    def _set(self, items: Any = ()) -> set:
        return set(self._frozenset_of(items))


def _encode(text: Any, encoding: Any = 'utf-8') -> bytes:
    """Protocols 0 to 2 spell bytes as text in Latin-1."""
    if type(encoding) is not str or encoding not in ('latin1', 'latin-1'):
        raise RefusedError(f'_codecs.encode to {quote(encoding)}')
    if type(text) is not str:
        raise RefusedError(f'_codecs.encode of {quote(text)}')
    return text.encode('latin1')


def _bytes(*arguments: Any) -> bytes:
    if arguments:
        raise RefusedError(f'bytes of {quote(arguments[0])}')
    return b''


def _bytearray(content: Any = b'', encoding: Any = None) -> bytearray:
    if encoding is not None:
        content = _encode(content, encoding)
    if type(content) is not bytes:  # of a number, it would be that many zeros
        raise RefusedError(f'bytearray of {quote(content)}')
    return bytearray(content)
