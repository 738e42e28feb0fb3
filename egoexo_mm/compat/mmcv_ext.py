"""``mmcv._ext``, the compiled ops, where mmcv has none.

Broken: mmcv-lite (and an mmcv built without ops) has no ``mmcv._ext``, so ``import mmcv.ops`` and
with it ``import mmdet.models`` fail. Full mmcv has no wheel on PyPI and compiles for half an hour.
Workaround: a stand-in module with the two ops that a Faster R-CNN needs, ``nms`` and
``roi_align``, in mmcv's calling conventions. Every other op exists by name and raises
``NotImplementedError`` when it is called.
Inactive: where the compiled module exists.
Delete: once mmcv ships wheels for the torch versions we support, or mmdet runs without compiled
ops.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

from .standin import provide
from .workaround import FULL_MMCV, Workaround, package_dir

NAME = 'mmcv without compiled ops'
_STANDIN_VERSION = 'not available (mmcv has no compiled ops)'


def apply() -> Workaround:
    """Provide the stand-in where mmcv is installed without compiled ops."""
    if package_dir('mmcv') is None:
        return Workaround(NAME, False, 'mmcv is not installed')
    if compiled_ops_exist():
        return Workaround(NAME, False, 'mmcv has its compiled ops')
    provide('mmcv._ext', _fill)
    return Workaround(NAME, True, 'a stand-in for mmcv._ext has nms and roi_align, other ops raise')


def compiled_ops_exist() -> bool:
    """Whether mmcv is installed with its real extension module (a look at the disk only)."""
    mmcv = package_dir('mmcv')
    return mmcv is not None and PathFinder.find_spec('mmcv._ext', [str(mmcv)]) is not None


def _fill(module: ModuleType) -> None:
    from . import ops

    module.nms = ops.nms
    module.roi_align_forward = ops.roi_align_forward
    module.roi_align_backward = ops.roi_align_backward
    # mmcv's and mmdet's environment reports call these two.
    module.get_compiler_version = lambda: _STANDIN_VERSION
    module.get_compiling_cuda_version = lambda: _STANDIN_VERSION
    module.__getattr__ = _missing_op


def _missing_op(name: str) -> Callable:
    """Module ``__getattr__``: any other op name is a callable that says what is missing."""
    if name.startswith('__'):
        raise AttributeError(f'module mmcv._ext has no attribute {name!r}')

    def missing(*args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f'the mmcv op {name!r} needs compiled ops, which this mmcv lacks (egoexo_mm stands in '
            f'for nms and roi_align only); install full mmcv: {FULL_MMCV}'
        )

    missing.__name__ = name
    return missing
