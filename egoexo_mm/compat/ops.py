"""``nms`` and ``roi_align`` in the calling conventions of ``mmcv._ext``.

Work is done by torchvision's ops where torchvision imports and runs, else by ``torch_ops`` (plain
torch). Outputs are written in place, as mmcv's callers expect. Shape legend: N images, C channels,
H x W cells, R RoIs, PH x PW bins.
"""

from __future__ import annotations

import functools
from types import ModuleType

import torch
from torch import Tensor

from . import torch_ops
from .workaround import FULL_MMCV


@functools.cache
def torchvision_ops() -> ModuleType | None:
    """``torchvision.ops`` where it really runs, else None.

    PyPI's torchvision raises RuntimeError (``operator torchvision::nms does not exist``) beside a
    CPU-only torch. The answer is kept for the life of the process.
    """
    try:
        import torchvision.ops as tv_ops

        # A build without CUDA kernels beside a torch with CUDA is of no use either.
        device = 'cuda' if torch.cuda.is_available() else 'cpu'
        tv_ops.nms(torch.zeros(1, 4, device=device), torch.zeros(1, device=device), 0.5)
        _ = torch.ops.torchvision._roi_align_backward
    except (ImportError, RuntimeError, AttributeError, OSError):
        return None
    return tv_ops


def backend_name() -> str:
    """``'torchvision'`` or ``'torch'``: who does the work."""
    return 'torch' if torchvision_ops() is None else 'torchvision'


def nms(bboxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Indices (int64) of the boxes that greedy suppression keeps; see ``torch_ops.nms``."""
    tv_ops = torchvision_ops()
    if tv_ops is None:
        return torch_ops.nms(bboxes, scores, iou_threshold, offset)
    # A side is x2 - x1 + offset long: moving the far corner by the offset says the same.
    shift = bboxes.new_tensor([0, 0, offset, offset])
    return tv_ops.nms(bboxes + shift, scores.to(bboxes.dtype), float(iou_threshold))


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Pool ``input`` (N, C, H, W) over ``rois`` into ``output`` (R, C, PH, PW).

    ``rois`` are (R, 5): image index, x1, y1, x2, y2. The argmax arguments belong to max pooling.
    """
    _only_average(pool_mode)
    tv_ops = torchvision_ops()
    pool = torch_ops.roi_align if tv_ops is None else tv_ops.roi_align
    output.copy_(
        pool(
            input,
            _boxes_for(input, rois),
            (aligned_height, aligned_width),
            spatial_scale,
            sampling_ratio,
            aligned,
        )
    )


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient of ``roi_align_forward`` into ``grad_input`` (N, C, H, W)."""
    _only_average(pool_mode)
    rois = _boxes_for(grad_output, rois)
    if torchvision_ops() is None:
        grad = torch_ops.roi_align_grad(
            grad_output, rois, grad_input.shape, spatial_scale, sampling_ratio, aligned
        )
    else:
        grad = torch.ops.torchvision._roi_align_backward(
            grad_output,
            rois,
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            sampling_ratio,
            aligned,
        )
    grad_input.add_(grad)


def _boxes_for(features: Tensor, rois: Tensor) -> Tensor:
    """``rois`` in the type of the features for torchvision, which insists; else as they are."""
    return rois if torchvision_ops() is None else rois.to(features.dtype)


def _only_average(pool_mode: int) -> None:
    if pool_mode != 1:
        raise NotImplementedError(
            "roi_align with pool_mode='max' needs mmcv's compiled ops; use pool_mode='avg' or "
            f'install full mmcv: {FULL_MMCV}'
        )
