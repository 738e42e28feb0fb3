"""Interaction-Maps: where hands and held objects are, as grids over a clip's frames.

The maths of targets (https://arxiv.org/abs/2104.07905) that data sets, teachers and the model share.

Shape legend: ``B`` boxes, ``T`` frames of a map, ``H x W`` cells of a map, ``K`` = 2 kinds of map
(hand, object).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

FRAME_SAMPLINGS = ('linspace', 'stride', 'middle')
_TOUCH = 1e-5  # a box that reaches less of the crop than this only touches it; the host's scale factors are float32


@dataclass(frozen=True)
class MapGeometry:
    """Which frames and cells an Interaction-Map has; targets and model must agree on it.

    Args:
        time_stride: Frames of the clip per frame of the map: 4 for SlowFast with alpha 4, 1 for
            SlowOnly.
        frame_sampling: Which frames those are, ``'linspace'``, ``'stride'`` or ``'middle'``, see
            :func:`slow_frame_index`.
        cell_size: Pixels per cell, the spatial stride of the backbone.
        soft: Cells hold detection scores (True) or ones (False).
        join_clips: The clips of a sample are one clip, as 2D recognizers see their frames.

    Raises:
        ValueError: For a number below 1 or an unknown sampling.
    """

    time_stride: int = 4
    frame_sampling: str = 'linspace'
    cell_size: int = 32
    soft: bool = True
    join_clips: bool = False

    def __post_init__(self) -> None:
        if self.time_stride < 1 or self.cell_size < 1:
            raise ValueError(
                'time_stride and cell_size must be 1 or more, got '
                f'{self.time_stride} and {self.cell_size}'
            )
        if self.frame_sampling not in FRAME_SAMPLINGS:
            raise ValueError(
                f"frame_sampling must be 'linspace', 'stride' or 'middle', got {self.frame_sampling!r}"
            )

    def frames(self, clip_len: int) -> Tensor:
        """Positions in a clip of ``clip_len`` frames that the map shows, (T,) int64.

        Raises:
            ValueError: If ``time_stride`` does not divide ``clip_len``.
        """
        if clip_len % self.time_stride:
            raise ValueError(
                f'time_stride {self.time_stride} does not divide the clip length {clip_len}'
            )
        return slow_frame_index(clip_len, clip_len // self.time_stride, self.frame_sampling)

    def grid(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of the map of a crop of (height, width) pixels."""
        return tuple(-(-side // self.cell_size) for side in size)


def slow_frame_index(num_frames: int, num_slow: int, sampling: str = 'linspace') -> Tensor:
    """Positions of the slow pathway's frames in a clip.

    The reference code takes evenly spaced frames that include the last one (0, 4, 8, 13, 17, 22, 26, 31 of 32);
    MMAction2 takes every ``num_frames // num_slow``-th (0, 4, ..., 28). ``'middle'`` is the middle of as many frames (2, 6,
    ..., 30).

    Returns:
        (num_slow,) int64 indices into the ``num_frames`` frames.

    Raises:
        ValueError: for an unknown ``sampling`` or more slow frames than frames.
    """
    if not 0 < num_slow <= num_frames:
        raise ValueError(f'expected between 1 and {num_frames} slow frames, got {num_slow}')
    if sampling == 'linspace':
        return torch.linspace(0, num_frames - 1, num_slow).long()
    if sampling == 'stride':
        return torch.arange(num_slow) * (num_frames // num_slow)
    if sampling == 'middle':
        stride = num_frames // num_slow
        return torch.arange(num_slow) * stride + stride // 2
    raise ValueError(
        f"slow frame sampling must be 'linspace' or 'stride' (or 'middle'), got {sampling!r}"
    )


def place_boxes(
    box: np.ndarray,
    scale: np.ndarray,
    offset: np.ndarray,
    outside: str = 'drop',
) -> tuple[np.ndarray, np.ndarray]:
    """Carry source boxes into a crop.

    Args:
        box: (B, 4) ``x1, y1, x2, y2`` in units of the source frame.
        scale, offset: (2,) ``x, y`` map from the source frame to the crop, in units of the crop; a negative scale is a
            flip.
        outside: boxes wholly outside the crop are dropped (``'drop'``) or, as in the reference code, pressed onto its
            border, where they still mark cells (``'border'``).

    Returns:
        (B', 4) float32 boxes in [0, 1] of the crop, and the (B',) indices of the boxes they come from.
    """
    corners = box.reshape(-1, 2, 2) * scale + offset  # (B, corner, xy)
    # of two slices: reducing an axis of length two takes several times longer
    low, high = np.minimum(corners[:, 0], corners[:, 1]), np.maximum(corners[:, 0], corners[:, 1])
    if outside == 'drop':
        inside = (high > _TOUCH) & (low < 1 - _TOUCH)
        kept = np.flatnonzero(inside[:, 0] & inside[:, 1])
    elif outside == 'border':
        kept = np.arange(len(box))
    else:
        raise ValueError(f"boxes outside the crop: expected 'drop' or 'border', got {outside!r}")
    placed = np.concatenate([low, high], axis=1)[kept]
    return np.minimum(np.maximum(placed, 0), 1).astype(
        np.float32
    ), kept  # np.clip takes longer on a few numbers


def boxes_to_maps(
    box: np.ndarray,
    score: np.ndarray,
    kind: np.ndarray,
    slot: np.ndarray,
    *,
    num_frames: int,
    grid: tuple[int, int],
    soft: bool = True,
) -> np.ndarray:
    """Interaction-Map: every cell that a box touches holds the best score of its boxes (all boxes at once).

    Corners times the grid size are floored and clamped to the grid, and the rectangle between them is filled, both ends
    included, as in the reference code (so a box grows by up to one cell).

    Args:
        box: (B, 4) float32 ``x1, y1, x2, y2`` in [0, 1] of the crop.
        score: (B,) detection scores.
        kind: (B,) 0 hand, 1 object.
        slot: (B,) frame of the map, in [0, num_frames).
        num_frames: ``T``.
        grid: ``(H, W)``.
        soft: cells hold scores (True) or ones (False).

    Returns:
        (2, T, H, W) float32.
    """
    height, width = grid
    maps = np.zeros(2 * num_frames * height * width, np.float32)
    if len(box):
        cells = np.array([width, height, width, height], np.float32)
        # clipped to >= 0 first, so that the conversion to whole numbers is a floor
        x1, y1, x2, y2 = np.minimum(np.maximum(box * cells, 0), cells - 1).astype(np.intp).T
        columns, rows = np.maximum(x2 - x1 + 1, 0), np.maximum(y2 - y1 + 1, 0)
        area = columns * rows
        owner = np.repeat(np.arange(len(box)), area)  # box of each covered cell, box after box
        nth = np.arange(len(owner)) - np.repeat(
            np.cumsum(area) - area, area
        )  # the cell within its box
        row, column = np.divmod(nth, columns[owner])
        corner = ((kind.astype(np.intp) * num_frames + slot) * height + y1) * width + x1
        value = score if soft else np.ones_like(score)
        np.maximum.at(maps, corner[owner] + row * width + column, value.astype(np.float32)[owner])
    return maps.reshape(2, num_frames, height, width)
