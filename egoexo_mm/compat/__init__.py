"""Workarounds for faults of the hosts (torch, mmengine, mmcv, mmaction2).

``apply()`` switches every workaround on; ``import egoexo_mm`` calls it before anything else is
imported. A workaround that the installed hosts do not need leaves them untouched, and says so in
``active_workarounds()``. The docstring of each module names the fault, the workaround, when it is
inactive and when it can be deleted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from . import (
    checkpoint_files,
    checkpoints,
    color_jitter,
    cpu_dist,
    data_samples,
    drn,
    find_loader,
    forked_readers,
    fused_sgd,
    importlib_metadata_alias,
    mmcv_ext,
    mmcv_ext_types,
    mmengine_configs,
    multimodal,
    numpy_names,
    pkg_resources_standin,
    raw_frames,
    resume,
    yapf_verify,
)
from .mmaction_models import import_mmaction_models
from .workaround import Workaround

__all__ = ['Workaround', 'active_workarounds', 'apply', 'import_mmaction_models']

# In this order: color_jitter, data_samples and raw_frames import parts of mmaction2, which need
# those before.
_MODULES = (
    find_loader,
    numpy_names,
    pkg_resources_standin,
    drn,
    importlib_metadata_alias,
    checkpoints,
    cpu_dist,
    mmcv_ext,
    mmcv_ext_types,
    mmengine_configs,
    yapf_verify,
    multimodal,
    color_jitter,
    data_samples,
    raw_frames,
    forked_readers,
    checkpoint_files,
    resume,
    fused_sgd,
)
_applied: list[Workaround] = []


def apply() -> None:
    """Switch on every workaround that the installed hosts need; calling it again does nothing.

    A host that is missing or does not import never makes this fail: its workaround reports the
    reason instead.
    """
    if _applied:
        return
    for module in _MODULES:
        try:
            done = module.apply()
        except ModuleNotFoundError as error:
            done = Workaround(module.NAME, False, f'{error.name} is not installed')
        except Exception as error:  # a host that is broken says so itself where it is needed
            done = Workaround(module.NAME, False, f'not applied, a host does not import: {error}')
        _applied.append(done)


def active_workarounds() -> list[Workaround]:
    """What ``apply()`` did, one entry for each workaround; calls it first if it was not yet."""
    apply()
    return list(_applied)


def started_as_command() -> bool:
    """Whether this interpreter was started as ``python -m egoexo_mm`` or ``-m egoexo_mm.doctor``.

    Both have to work where a host is missing, and the first hands over to another process.
    """
    command = getattr(sys, 'orig_argv', None) or _command_line()
    return any(
        flag == '-m' and module in ('egoexo_mm', 'egoexo_mm.doctor')
        for flag, module in zip(command, command[1:])
    )


def _command_line() -> list[str]:
    """``sys.orig_argv`` for Python 3.9, on Linux."""
    try:
        return Path('/proc/self/cmdline').read_text().split('\0')
    except OSError:
        return []


# former names
Cure = Workaround
active_cures = active_workarounds
