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

import functools
from pathlib import Path
from typing import Any

from .workaround import Workaround

NAME = 'egoexo_mm:: configs'
PREFIX = 'egoexo_mm::'


def apply() -> Workaround:
    """Teach ``Config`` and ``mmengine.hub.get_config`` the name of this package."""
    from mmengine.config import Config
    from mmengine.config.utils import MODULE2PACKAGE
    from mmengine.hub import hub

    MODULE2PACKAGE.setdefault('egoexo_mm', 'egoexo-mm')
    Config._get_cfg_path = staticmethod(_base_path(Config._get_cfg_path))
    hub._get_package_and_cfg_path = _package_and_path(hub._get_package_and_cfg_path)
    hub._get_cfg_metainfo = _metainfo(hub._get_cfg_metainfo)
    return Workaround(NAME, True, 'MMEngine knows a fixed list of packages; this one was added')


def _base_path(original: Any) -> Any:

    @functools.wraps(original)
    def get_cfg_path(cfg_path: str, filename: str) -> tuple:
        if cfg_path.startswith(PREFIX):
            return _path(cfg_path), None  # no _scope_: as if the base lay beside the config
        return original(cfg_path, filename)

    return get_cfg_path


def _package_and_path(original: Any) -> Any:

    @functools.wraps(original)
    def get_package_and_cfg_path(cfg_path: str) -> tuple:
        return ('egoexo_mm', _path(cfg_path)) if cfg_path.startswith(PREFIX) else original(cfg_path)

    return get_package_and_cfg_path


def _metainfo(original: Any) -> Any:

    @functools.wraps(original)
    def get_cfg_metainfo(package_path: str, cfg_path: str) -> dict:
        # Only our names are absolute here. There are no weights to name.
        return (
            {'Config': cfg_path}
            if Path(cfg_path).is_absolute()
            else original(package_path, cfg_path)
        )

    return get_cfg_metainfo


def _path(name: str) -> str:
    from egoexo_mm.shipped import config_path

    return str(config_path(name))
