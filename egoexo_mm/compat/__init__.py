"""Cures for what is broken in the hosts (torch, mmengine, mmcv, mmaction2) out of the box.

``apply()`` switches every cure on; ``import egoexo_mm`` calls it before anything else is imported.
A cure that the installed hosts do not need leaves them untouched, and says so in
``active_cures()``. Each module of this package names what it cures, when it is inert and when it
can be deleted.
"""
from __future__ import annotations

import itertools
import sys

from . import (
    checkpoint_files,
    checkpoints,
    cpu_dist,
    drn,
    fused_sgd,
    importlib_metadata_alias,
    mmcv_ext,
    resume,
)
from .cure import Cure
from .mmaction_models import import_mmaction_models

__all__ = ['Cure', 'active_cures', 'apply', 'doctor_is_running', 'import_mmaction_models']

_CURES = (drn, importlib_metadata_alias, checkpoints, cpu_dist, mmcv_ext,
          checkpoint_files, resume, fused_sgd)
_applied: list[Cure] = []


def apply() -> None:
    """Switch on every cure that the installed hosts need; calling it again does nothing.

    A host that is missing or does not import never makes this fail: its cure reports the reason
    instead.
    """
    if _applied:
        return
    for module in _CURES:
        try:
            cure = module.apply()
        except Exception as error:  # a host that is broken says so itself where it is needed
            cure = Cure(module.NAME, False, f'not applied, a host does not import: {error}')
        _applied.append(cure)


def active_cures() -> list[Cure]:
    """What ``apply()`` did, one entry per cure; it is called first if it was not yet."""
    apply()
    return list(_applied)


def doctor_is_running() -> bool:
    """Whether this interpreter was started as ``python -m egoexo_mm.doctor``.

    The doctor has to work where a host is missing, so the package imports nothing but the cures for
    it.
    """
    command = getattr(sys, 'orig_argv', [])
    return any(flag == '-m' and module == 'egoexo_mm.doctor'
               for flag, module in itertools.pairwise(command))
