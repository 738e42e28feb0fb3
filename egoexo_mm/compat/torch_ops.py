"""Greedy NMS and average RoIAlign in plain, vectorised torch, for every float type and device.

Shape legend: N images, C channels, H x W cells, R RoIs, PH x PW bins, B boxes.

RoIAlign (Mask R-CNN, https://arxiv.org/abs/1703.06870, section 3) is a mean of bilinear samples,
hence linear in the feature map, and its weights are a product of a row weight and a column weight.
So one sparse matrix M of (R * PH * PW) x (N * H * W) holds it all: forward is ``M @ F``, backward
is ``M.T @ g``.
"""

from __future__ import annotations

import torch
from torch import Tensor

_ROW_BLOCK = 256  # rows of the B x B overlaps computed at a time, to bound memory


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Greedy non-maximum suppression.

    Args:
        boxes: (B, 4) as x1, y1, x2, y2.
        scores: (B,).
        iou_threshold: A box is dropped if its IoU with a kept box of higher score is greater.
        offset: A side is ``x2 - x1 + offset`` long.

    Returns:
        int64 indices of the kept boxes, best score first (equal scores: lower index first).
    """
    order = scores.argsort(descending=True, stable=True)
    better, worse = _overlapping_pairs(_at_least_float32(boxes[order]), iou_threshold, offset)
    # Fixed point of "kept = overlaps no better kept box": each round settles at least one more
    # box, best first, and in practice a few rounds settle all of them.
    keep = torch.ones_like(order, dtype=torch.bool)
    while True:
        settled = torch.ones_like(keep)
        settled[worse[keep[better]]] = False
        if torch.equal(settled, keep):
            return order[keep]
        keep = settled


def _overlapping_pairs(boxes: Tensor, threshold: float, offset: int) -> tuple[Tensor, Tensor]:
    """Index pairs i < j of boxes (B, 4) with IoU above the threshold (0 / 0 is not above it)."""
    x1, y1, x2, y2 = boxes.unbind(1)
    area = (x2 - x1 + offset) * (y2 - y1 + offset)
    better, worse = [], []
    for start in range(0, len(boxes), _ROW_BLOCK):
        row = slice(start, start + _ROW_BLOCK)
        wide = torch.min(x2[row, None], x2[start:]) - torch.max(x1[row, None], x1[start:])
        high = torch.min(y2[row, None], y2[start:]) - torch.max(y1[row, None], y1[start:])
        inter = wide.add_(offset).clamp_(min=0).mul_(high.add_(offset).clamp_(min=0))
        iou = inter / (area[row, None] + area[start:] - inter)
        i, j = (iou > threshold).triu_(1).nonzero(as_tuple=True)
        better.append(i + start)
        worse.append(j + start)
    none = torch.zeros(0, dtype=torch.long, device=boxes.device)
    return torch.cat(better or [none]), torch.cat(worse or [none])


def roi_align(
    features: Tensor,
    rois: Tensor,
    size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Average RoIAlign.

    Args:
        features: (N, C, H, W).
        rois: (R, 5) as image index, x1, y1, x2, y2 in input pixels.
        size: Bins (PH, PW).
        spatial_scale: Cells per input pixel.
        sampling_ratio: Samples per bin and axis; 0 takes ``ceil(RoI side / bins)`` of each RoI.
        aligned: Shift by half a cell and allow any RoI size; else sides are at least one cell.

    Returns:
        (R, C, PH, PW) in the type of ``features``.
    """
    n, c, h, w = features.shape
    work = _at_least_float32(features)
    edges = _cell_edges(rois.to(work.dtype), spatial_scale, aligned)
    matrix = _bin_matrix(rois[:, 0].long(), edges, (n, h, w), size, sampling_ratio)
    cells = work.permute(0, 2, 3, 1).reshape(n * h * w, c)
    pooled = torch.sparse.mm(matrix, cells).reshape(len(rois), *size, c)
    return pooled.permute(0, 3, 1, 2).to(features.dtype)


def roi_align_grad(
    grad: Tensor,
    rois: Tensor,
    shape: tuple[int, ...],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Tensor:
    """Gradient for features of ``shape`` (N, C, H, W), given that of the bins (R, C, PH, PW)."""
    n, c, h, w = shape
    work = _at_least_float32(grad)
    edges = _cell_edges(rois.to(work.dtype), spatial_scale, aligned)
    size = (grad.shape[2], grad.shape[3])
    matrix = _bin_matrix(rois[:, 0].long(), edges, (n, h, w), size, sampling_ratio)
    bins = work.permute(0, 2, 3, 1).reshape(-1, c)
    cells = torch.sparse.mm(matrix.t(), bins).reshape(n, h, w, c)
    return cells.permute(0, 3, 1, 2).to(grad.dtype)


def _cell_edges(rois: Tensor, spatial_scale: float, aligned: bool) -> tuple[Tensor, Tensor]:
    """RoI starts (R, 2) and sides (R, 2) as x, y in cells."""
    shift = 0.5 if aligned else 0.0
    start = rois[:, 1:3] * spatial_scale - shift
    side = rois[:, 3:5] * spatial_scale - shift - start
    return start, side if aligned else side.clamp(min=1)


def _bin_matrix(
    image: Tensor,
    edges: tuple[Tensor, Tensor],
    cells: tuple[int, int, int],
    size: tuple[int, int],
    sampling_ratio: int,
) -> Tensor:
    """Sparse matrix (R * PH * PW, N * H * W) that turns cells into bins; ``image`` is (R,)."""
    (start, side), (n, h, w), (ph, pw) = edges, cells, size
    rows = _axis_weights(start[:, 1], side[:, 1], h, ph, sampling_ratio)
    cols = _axis_weights(start[:, 0], side[:, 0], w, pw, sampling_ratio)
    roi_r, bin_r, y = rows.nonzero(as_tuple=True)
    roi_c, bin_c, x = cols.nonzero(as_tuple=True)

    # Pair every row entry of a RoI (a) with every column entry of the same RoI (b); their number
    # differs from RoI to RoI.
    cols_of_roi = torch.bincount(roi_c, minlength=len(image))
    first_col = cols_of_roi.cumsum(0) - cols_of_roi
    repeats = cols_of_roi[roi_r]
    a = torch.arange(len(roi_r), device=image.device).repeat_interleave(repeats)
    first_pair = repeats.cumsum(0) - repeats
    b = torch.arange(len(a), device=image.device) - first_pair[a] + first_col[roi_r[a]]

    out = (roi_r[a] * ph + bin_r[a]) * pw + bin_c[b]
    cell = (image[roi_r[a]] * h + y[a]) * w + x[b]
    weight = rows[roi_r, bin_r, y][a] * cols[roi_c, bin_c, x][b]
    return torch.sparse_coo_tensor(
        torch.stack([out, cell]), weight, (len(image) * ph * pw, n * h * w), check_invariants=True
    )


def _axis_weights(
    start: Tensor, side: Tensor, length: int, bins: int, sampling_ratio: int
) -> Tensor:
    """(R, bins, length) weights along one axis: each bin is the mean of its linear samples."""
    step = side / bins
    grid = torch.full_like(step, sampling_ratio) if sampling_ratio > 0 else step.ceil()
    grid = grid.clamp(min=0)[:, None, None]

    # Positions are (R, bins, samples), padded to the finest grid of all RoIs.
    sample = torch.arange(int(grid.max()) if len(grid) else 0, device=start.device)
    edge = start[:, None] + torch.arange(bins, device=start.device) * step[:, None]
    position = edge[..., None] + (sample + 0.5) * (step[:, None, None] / grid.clamp(min=1))
    # A sample more than one cell outside the map counts as zero, a nearer one as the border cell.
    counts = (sample < grid) & (position >= -1) & (position <= length)
    position = position.clamp(min=0, max=length - 1)
    cell = position.floor().clamp(max=max(length - 2, 0))
    far = position - cell
    share = counts / grid.clamp(min=1)

    weights = start.new_zeros((len(start), bins, length))
    cell = cell.long()
    weights.scatter_add_(2, cell, (1 - far) * share)
    return weights.scatter_add_(2, (cell + 1).clamp(max=length - 1), far * share)


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
