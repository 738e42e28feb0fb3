"""Configs as text under mmengine before 0.8.5 beside a current yapf.

Broken: mmengine before 0.8.5 calls ``yapf``'s ``FormatCode`` with ``verify=True``. yapf 0.40.2
removed the argument, so every ``Config.pretty_text`` ends in "Failed to format the config file",
and with it every run, which writes its config at the start.
Workaround: the argument is left out.
Inactive: where yapf takes it, or mmengine asks for yapf's version first.
Delete: once the oldest mmengine that we support is 0.8.5.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .workaround import Workaround, wrap

NAME = "yapf's verify"


def apply() -> Workaround:
    """Leave out an argument of ``FormatCode`` that this yapf does not have."""
    from mmengine.config import config

    if hasattr(config, 'yapf') or not hasattr(config, 'FormatCode'):  # asks yapf for its version
        return Workaround(NAME, False, 'this mmengine fits every yapf')
    if 'verify' in inspect.signature(config.FormatCode).parameters:
        return Workaround(NAME, False, 'this yapf takes it')
    wrap(config, 'FormatCode', _format)
    return Workaround(NAME, True, 'this yapf does not take it and this mmengine asks for it')


def _format(original: Callable, *args: Any, verify: bool = True, **options: Any) -> Any:
    return original(*args, **options)
