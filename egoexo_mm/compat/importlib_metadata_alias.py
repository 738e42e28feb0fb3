"""mmaction2 without its undeclared dependency ``importlib_metadata``.

Broken: ``mmaction/utils/dependency.py`` (on the way to ``import mmaction.models``) imports
``PackageNotFoundError`` and ``distribution`` from the backport ``importlib_metadata``, which
mmaction2 1.2.0 does not declare.
Cure: a stand-in module with the standard library's ``importlib.metadata`` under that name.
Inert: where ``importlib_metadata`` is installed.
Delete: once mmaction2 imports the standard library or declares the backport.
"""

from __future__ import annotations

import importlib.metadata
from types import ModuleType

from .cure import Cure, package_dir
from .standin import provide

NAME = 'importlib_metadata not installed'


def apply() -> Cure:
    """Provide the alias where mmaction2 is installed without the backport."""
    if package_dir('mmaction') is None:
        return Cure(NAME, False, 'mmaction2 is not installed')
    if package_dir('importlib_metadata') is not None:
        return Cure(NAME, False, 'importlib_metadata is installed')
    provide('importlib_metadata', _fill)
    return Cure(NAME, True, 'mmaction2 imports it undeclared; the standard library answers')


def _fill(module: ModuleType) -> None:
    public = importlib.metadata.__all__
    module.__dict__.update({name: getattr(importlib.metadata, name) for name in public})
    module.__all__ = list(public)
