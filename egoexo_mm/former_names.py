"""Modules that moved: their former names still import, with one warning each."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

# former name: present name
MOVED: dict[str, str] = {
    'egoexo_mm.compat.cure': 'egoexo_mm.compat.workaround',
    'egoexo_mm.models.checkpoints': 'egoexo_mm.checkpoints.files',
    'egoexo_mm.models.hand_object_weights': 'egoexo_mm.checkpoints.hand_object',
    'egoexo_mm.models.pyslowfast': 'egoexo_mm.checkpoints.pyslowfast',
    'egoexo_mm.models.teachers.weights': 'egoexo_mm.checkpoints.filling',
}


class _FormerNames(MetaPathFinder, Loader):
    """Finds a module of ``MOVED`` under its former name; it is the same module object."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = MOVED[spec.name]
        warnings.warn(f'{spec.name} is now {new}; import that', FutureWarning, stacklevel=2)
        module = importlib.import_module(new)
        spec.loader_state = module.__spec__  # the import system puts ``spec`` in its place
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Make the former names importable; a second call changes nothing."""
    if not any(isinstance(finder, _FormerNames) for finder in sys.meta_path):
        sys.meta_path.append(_FormerNames())
