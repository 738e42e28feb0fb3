"""An interpreter of pickles that knows the opcodes of plain data only.

The machine of Python trusts a pickle: a length, an index or an item assignment in it reaches memory
before anything is checked. Here :mod:`.pickle_stack` checks them, and each call is of a function of
ours.
"""

from __future__ import annotations

import gc
import struct
from collections import OrderedDict
from typing import Any

from .pickle_opcodes import HANDLERS, REFUSED
from .pickle_parts import DamagedError, Pending, RefusedError, Standin
from .pickle_stack import TOO_LONG, PickleStack
from .quoting import quote, shorten

_TEXTS = frozenset({str, bytes, bytearray})
_COPIED = _TEXTS | {list, tuple, dict}
# for an item, against the 4 for each byte of the file that may be copied
_OF_A_SET, _OF_AN_ARRAY = 16, 4


class PickleMachine(PickleStack):
    """Reads one object from ``data``; subclasses say in ``find_class`` which names it may use.

    Args:
        *args: of :class:`PickleStack`.
        **kwargs: of :class:`PickleStack`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._constructors: dict[int, Any] = {}  # what find_class gave; nothing else is called

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a global: a callable of ours, or a plain value.

        Raises:
            RefusedError: it stands for nothing.
        """
        raise RefusedError(f'{module}.{name}', (module, name))

    def persistent_load(self, key: Any) -> Any:
        """What stands for an object outside the pickle.

        Raises:
            RefusedError: nothing does.
        """
        raise RefusedError('an object outside the file')

    def load(self) -> Any:
        """The object; ``at`` is then behind its pickle.

        Raises:
            pickle.UnpicklingError: the pickle is damaged, or asks for more than plain data.
        """
        if self.at >= self._end:
            raise DamagedError('Ran out of input')
        collecting = gc.isenabled()
        # there is no garbage yet, and the collector would walk through all objects again and again
        gc.disable()
        try:
            return self._run()
        except (RefusedError, DamagedError):
            raise
        except (IndexError, struct.error):
            raise DamagedError('the pickle is truncated, or damaged') from None
        except Exception as error:  # of a constructor that was called with something else
            raise DamagedError(shorten(f'{type(error).__name__}: {error}')) from None
        finally:
            if collecting:
                gc.enable()

    def _run(self) -> Any:
        data, handlers, memo = self.data, HANDLERS, self._memo
        while True:
            opcode = data[self.at]
            self.at += 1
            if opcode == 0x94:  # MEMOIZE, the most frequent
                memo.append(self._stack[-1])
                continue
            if opcode == 0x4B:  # BININT1
                self._stack.append(data[self.at])
                self.at += 1
                continue
            if opcode == 0x2E:  # STOP
                result = self._stack.pop()
                if self._stack or self._marks:
                    raise DamagedError('more than one object at the end')
                self._check_values([result])
                return result
            if opcode == 0x8C:  # SHORT_BINUNICODE
                begin = self.at + 1
                self.at = end = begin + data[self.at]
                if end > self._end:
                    raise DamagedError(TOO_LONG)
                self._stack.append(data[begin:end].decode())
                continue
            handler = handlers[opcode]
            if handler is None:
                if opcode in REFUSED:
                    raise RefusedError(f'the opcode {opcode:#04x}, which plain data does not need')
                raise DamagedError(f'there is no opcode {opcode:#04x}')
            handler(self)

    # Names and calls

    def _global(self, module: str, name: str) -> None:
        found = self.find_class(module, name)
        if callable(found):
            self._constructors[id(found)] = found
        self._stack.append(found)

    def _text_global(self) -> None:
        self._global(self._line(400).decode(), self._line(400).decode())

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise DamagedError('a name that is no text')
        self._global(module, name)

    def _call(self, new: bool = False) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        if type(arguments) is not tuple:
            raise DamagedError('arguments that are no tuple')
        known = self._constructors.get(id(function))
        if known is None or new and not (isinstance(known, type) and issubclass(known, Standin)):
            raise RefusedError(f'a call of {quote(function)}')
        items, depth = self._sizes.of(arguments)
        self._count_copies(arguments, _OF_A_SET)
        result = known(*arguments)
        self._sizes.made_of(result, items, depth)
        self._stack.append(result)

    def _count_copies(self, parts: tuple[Any, ...], item: int) -> None:
        """Count what a constructor may copy of its arguments: bytes, and so many for each item."""
        for part in parts:
            kind = type(part)
            if kind in _COPIED:
                self._sizes.copied(len(part) if kind in _TEXTS else item * len(part))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if state is target and type(target) is dict:
            return  # a ConfigDict of MMEngine 0.8 and 0.9 names itself as its state
        items, depth = self._sizes.of((state,))
        self._sizes.check_open(target)
        if isinstance(target, Pending):
            if target.finished:
                raise RefusedError('a second state of one object')
            if type(state) is tuple:
                self._count_copies(state, _OF_AN_ARRAY)
            target.result, target.finished = target.finish(state), True
            self._stack[-1] = target.result
            self._sizes.made_of(target.result, items, depth)
        elif isinstance(target, Standin):
            target.__setstate__(state)
            self._sizes.made_of(target, items, depth)
        elif type(target) is OrderedDict and _is_metadata(state):
            vars(target).update(state)
            self._sizes.grow(target, items, depth)
        else:
            raise RefusedError(f'a state for {quote(target)}')

    def _persistent(self, key: Any) -> None:
        items, depth = self._sizes.of((key,))
        result = self.persistent_load(key)
        self._sizes.made_of(result, items, depth)
        self._stack.append(result)


def _is_metadata(state: Any) -> bool:
    """Whether this is what torch adds to a state dict: the versions of its modules."""
    return (
        type(state) is dict
        and list(state) == ['_metadata']
        and isinstance(state['_metadata'], dict)
    )
