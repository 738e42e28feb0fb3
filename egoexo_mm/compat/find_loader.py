"""``pkgutil.find_loader`` on Python 3.14.

Broken: Python 3.14 removed ``pkgutil.find_loader``. mmengine's ``mmcv_full_available`` and mmcv's
``check_ops_exist``, which mmcv calls when a layer with compiled ops is built, still call it.
Workaround: a function of that name that asks ``importlib.util.find_spec``.
Inactive: where ``pkgutil`` has it (Python < 3.14).
Delete: once the oldest mmengine and mmcv that we support ask ``importlib``.
"""

from __future__ import annotations

import importlib.util
import pkgutil
from typing import Any

from .workaround import Workaround

NAME = 'pkgutil.find_loader'


def apply() -> Workaround:
    """Set the function where the standard library lacks it."""
    if getattr(pkgutil, 'find_loader', find_loader) is not find_loader:
        return Workaround(NAME, False, 'this Python has it')
    pkgutil.find_loader = find_loader
    return Workaround(NAME, True, 'this Python lacks it and mmengine and mmcv call it')


def find_loader(fullname: str) -> Any:
    """The loader of a module, None where there is no such module."""
    spec = importlib.util.find_spec(fullname)
    return None if spec is None else spec.loader
