"""mmaction2 without its undeclared dependency ``importlib_metadata``.

Broken: ``mmaction/utils/dependency.py`` (on the way to ``import mmaction.models``) imports
``PackageNotFoundError`` and ``distribution`` from the backport ``importlib_metadata``, which
mmaction2 1.2.0 does not declare.
Workaround: a stand-in module with the standard library's ``importlib.metadata`` under that name.
Inactive: where ``importlib_metadata`` is installed.
Delete: once mmaction2 imports the standard library or declares the backport.
"""

from __future__ import annotations

import importlib.metadata
from types import ModuleType

from .standin import provide
from .workaround import Workaround, package_dir

NAME = 'importlib_metadata not installed'


def apply() -> Workaround:
    """Provide the alias where mmaction2 is installed without the backport."""
    if package_dir('mmaction') is None:
        return Workaround(NAME, False, 'mmaction2 is not installed')
    if package_dir('importlib_metadata') is not None:
        return Workaround(NAME, False, 'importlib_metadata is installed')
    provide('importlib_metadata', _fill)
    return Workaround(NAME, True, 'mmaction2 imports it undeclared; the standard library answers')


def _fill(module: ModuleType) -> None:
    public = importlib.metadata.__all__
    module.__dict__.update({name: getattr(importlib.metadata, name) for name in public})
    module.__all__ = list(public)
