"""A last-resort import finder: it answers for names that no real module on this machine has.

It sits at the END of ``sys.meta_path``, so whatever is really installed always wins, also when it
is installed later. A second one at the front answers for the few real modules that cannot import.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

ORIGIN = 'egoexo_mm.compat stand-in'
Fill = Callable[[ModuleType], None]


class _StandInLoader(Loader):
    def __init__(self, fill: Fill) -> None:
        self.fill = fill

    def create_module(self, spec: ModuleSpec) -> None:
        return None  # the default module object

    def exec_module(self, module: ModuleType) -> None:
        self.fill(module)


class _StandInFinder(MetaPathFinder):
    def __init__(self) -> None:
        self.entries: dict[str, tuple[Fill, bool]] = {}

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        if fullname not in self.entries:
            return None
        fill, is_package = self.entries[fullname]
        return ModuleSpec(fullname, _StandInLoader(fill), origin=ORIGIN, is_package=is_package)


_FINDER = _StandInFinder()
_FIRST = _StandInFinder()


def provide(name: str, fill: Fill, *, is_package: bool = False, replace: bool = False) -> None:
    """Answer ``import name`` with a module that ``fill`` populates, where no real one exists.

    With ``replace`` it answers also where there is a real one.
    """
    finder = _FIRST if replace else _FINDER
    finder.entries[name] = (fill, is_package)
    if finder not in sys.meta_path:
        sys.meta_path.insert(0 if replace else len(sys.meta_path), finder)


def is_standin(module: ModuleType) -> bool:
    """Whether an imported module came from this finder."""
    return getattr(getattr(module, '__spec__', None), 'origin', None) == ORIGIN
