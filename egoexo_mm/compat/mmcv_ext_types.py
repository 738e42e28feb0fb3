"""Compiled ``nms`` and ``roi_align`` of mmcv and the types that they refuse.

Broken: the compiled ``nms`` takes float32 alone (``expected scalar type Float but found
BFloat16``), and ``roi_align`` no bfloat16. A detector in bfloat16 (``teacher_amp='bfloat16'``) or
float64 fails, which mmcv-lite with our stand-in can run.
Workaround: both get float32, and what ``roi_align`` writes is converted back.
Inactive: without compiled ops, and where ``nms`` takes bfloat16.
Delete: once the oldest mmcv that we support takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from .mmcv_ext import compiled_ops_exist
from .workaround import Workaround

NAME = 'compiled ops of mmcv in other types'


def apply() -> Workaround:
    """Convert the arguments where ``nms`` refuses bfloat16; it is tried on one box."""
    if not compiled_ops_exist():
        return Workaround(NAME, False, 'mmcv has no compiled ops')
    import torch
    from mmcv import _ext

    box = torch.tensor([[0, 0, 1, 1]], dtype=torch.bfloat16)
    try:
        _ext.nms(box, box[:, 3], iou_threshold=0.5, offset=0)
    except RuntimeError:
        _ext.nms = in_float32(_ext.nms)
        _ext.roi_align_forward = in_float32(_ext.roi_align_forward)
        return Workaround(NAME, True, 'nms takes float32 alone; it and roi_align get float32')
    return Workaround(NAME, False, 'nms takes bfloat16')


def in_float32(op: Callable) -> Callable:
    """``op`` with its tensors in float32, written back where the op fills them."""
    import torch

    @wraps(op)
    def converted(*args: Any, **kwargs: Any) -> Any:
        kept = [x if not isinstance(x, torch.Tensor) or _fits(x) else x.float() for x in args]
        result = op(*kept, **kwargs)
        for given, used in zip(args, kept):
            if given is not used:
                given.copy_(used)
        return result

    def _fits(tensor: torch.Tensor) -> bool:
        return tensor.dtype is torch.float32 or not tensor.is_floating_point()

    return converted
