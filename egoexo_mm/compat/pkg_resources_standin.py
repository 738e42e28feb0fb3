"""``pkg_resources`` where setuptools has none.

Broken: setuptools 82 dropped ``pkg_resources``, and a fresh Python 3.12 or newer has no setuptools.
mmengine's ``is_installed`` and ``get_installed_path`` import it, and with them ``_base_ =
'mmdet::...'``, ``get_config`` and mmengine's inferencers fail.
Workaround: a stand-in with ``get_distribution`` and ``DistributionNotFound`` over
``importlib.metadata``, and with what pytest and old namespace packages call once such a module is
there. Importing any other name from it raises ``ImportError``, as where there is none.
Inactive: where ``pkg_resources`` is installed.
Delete: once the oldest mmengine that we support asks ``importlib.metadata``.
"""

from __future__ import annotations

import importlib.metadata
import pkgutil
import sys
from types import ModuleType
from typing import Any

from .standin import ORIGIN, provide
from .workaround import Workaround, package_dir

NAME = 'setuptools without pkg_resources'


def apply() -> Workaround:
    """Provide the stand-in where there is no real module."""
    if package_dir('mmengine') is None:
        return Workaround(NAME, False, 'mmengine is not installed')
    if package_dir('pkg_resources') is not None:
        return Workaround(NAME, False, 'pkg_resources is installed')
    provide('pkg_resources', _fill)
    return Workaround(NAME, True, 'mmengine imports it; importlib.metadata answers')


class DistributionNotFound(Exception):
    """As ``pkg_resources`` names it."""


class Distribution:
    """What mmengine asks of a distribution."""

    def __init__(self, name: str) -> None:
        try:
            self._found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError as error:
            raise DistributionNotFound(name) from error
        self.project_name = self._found.metadata['Name']
        self.version = self._found.version
        self.location = str(self._found.locate_file(''))

    def has_metadata(self, name: str) -> bool:
        """Whether its metadata folder holds a file."""
        return self._found.read_text(name) is not None

    def get_metadata(self, name: str) -> str:
        """The text of a file of the metadata folder.

        Raises:
            FileNotFoundError: There is none.
        """
        text = self._found.read_text(name)
        if text is None:
            raise FileNotFoundError(f'{self.project_name} has no metadata file {name}')
        return text


def declare_namespace(name: str) -> None:
    """For a package that calls it in its ``__init__``: its parts in all folders of ``sys.path``."""
    package = sys.modules[name]
    package.__path__ = pkgutil.extend_path(package.__path__, name)


def fixup_namespace_packages(path_item: str, parent: Any = None) -> None:
    """Nothing to do; pytest calls it after a change of ``sys.path``."""


def _fill(module: ModuleType) -> None:
    module.DistributionNotFound = DistributionNotFound
    module.Distribution = Distribution
    module.get_distribution = Distribution
    module.declare_namespace = declare_namespace
    module.fixup_namespace_packages = fixup_namespace_packages
    module.__file__ = ORIGIN
