"""``egoexo_mm::`` configs for MMEngine.

Broken: MMEngine reads ``_base_ = 'package::config.py'`` and ``get_config('package::config.py')`` of
the packages in a fixed list only, not of one without a folder (``package::config.py``), and not
from an editable install, whose files are not beside its metadata. A base read so gets the
package's name as ``_scope_``, and we have no registries of our own.
Workaround: both ask this package for its own configs. Any other name is left to MMEngine.
Inactive: where mmengine is not installed.
Delete: never; MMEngine has no other way to add a package.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .workaround import Workaround, wrap

NAME = 'egoexo_mm:: configs'
PREFIX = 'egoexo_mm::'


def apply() -> Workaround:
    """Teach ``Config`` and ``mmengine.hub.get_config`` the name of this package."""
    from mmengine.config import Config
    from mmengine.config.utils import MODULE2PACKAGE
    from mmengine.hub import hub

    MODULE2PACKAGE.setdefault('egoexo_mm', 'egoexo-mm')
    wrap(Config, '_get_cfg_path', _base_path)
    wrap(hub, '_get_package_and_cfg_path', _package_and_path)
    wrap(hub, '_get_cfg_metainfo', _metainfo)
    return Workaround(NAME, True, 'MMEngine knows a fixed list of packages; this one was added')


def _base_path(original: Callable, cfg_path: str, filename: str) -> tuple:
    if cfg_path.startswith(PREFIX):
        return _path(cfg_path), None  # no _scope_: as if the base lay beside the config
    return original(cfg_path, filename)


def _package_and_path(original: Callable, cfg_path: str) -> tuple:
    return ('egoexo_mm', _path(cfg_path)) if cfg_path.startswith(PREFIX) else original(cfg_path)


def _metainfo(original: Callable, package_path: str, cfg_path: str) -> dict:
    # Only our names are absolute here. There are no weights to name.
    if Path(cfg_path).is_absolute():
        return {'Config': cfg_path}
    return original(package_path, cfg_path)


def _path(name: str) -> str:
    from egoexo_mm.shipped import config_path

    return str(config_path(name))
