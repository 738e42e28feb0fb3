"""Interaction-Maps: where hands and held objects are, as grids over a clip's frames.

The vocabulary and the maths of targets (https://arxiv.org/abs/2104.07905) that stores, data sets,
teachers and the model share.

Shape legend: ``B`` boxes, ``T`` frames of a map, ``H x W`` cells of a map, ``K`` kinds of map (2 in
Ego-Exo: hand, object).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from egoexo_mm.checks import check_choice

if TYPE_CHECKING:  # stores use the vocabulary without torch
    from torch import Tensor

# Kinds of boxes in stores, and channels of a map.
HAND, OBJECT = 0, 1
KINDS = ('hand', 'object')
# Sides and contact states of hands, by number.
SIDES = ('left', 'right')
CONTACTS = ('no contact', 'self', 'other person', 'portable object', 'stationary object')
UNKNOWN = -1  # of side and contact
# The hand-object detector and its data set number their classes the other way round than stores.
DETECTOR_CLASSES = ('targetobject', 'hand')
OBJECT_LABEL, HAND_LABEL = 0, 1

FRAME_SAMPLINGS = ('middle', 'linspace', 'stride')
# A box that reaches less of the crop than this only touches it: the host's scale factors are
# float32.
_TOUCH = 1e-5


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
        check_choice('frame_sampling', self.frame_sampling, FRAME_SAMPLINGS)

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
        height, width = size
        return -(-height // self.cell_size), -(-width // self.cell_size)


def slow_frame_index(num_frames: int, num_slow: int, sampling: str = 'linspace') -> Tensor:
    """Positions of the slow pathway's frames in a clip.

    The reference code takes evenly spaced frames that include the last one (0, 4, 8, 13, 17, 22,
    26, 31 of 32). MMAction2 takes every ``num_frames // num_slow``-th (0, 4, ..., 28). ``'middle'``
    is the middle of as many frames (2, 6, ..., 30).

    Returns:
        (num_slow,) int64 indices into the ``num_frames`` frames.

    Raises:
        ValueError: For an unknown ``sampling`` or more slow frames than frames.
    """
    import torch

    if not 0 < num_slow <= num_frames:
        raise ValueError(f'expected between 1 and {num_frames} slow frames, got {num_slow}')
    check_choice('slow frame sampling', sampling, FRAME_SAMPLINGS)
    if sampling == 'linspace':
        return torch.linspace(0, num_frames - 1, num_slow).long()
    stride = num_frames // num_slow
    return torch.arange(num_slow) * stride + (stride // 2 if sampling == 'middle' else 0)


def place_boxes(
    box: np.ndarray, scale: np.ndarray, offset: np.ndarray, outside: str = 'drop'
) -> tuple[np.ndarray, np.ndarray]:
    """Carry source boxes into a crop.

    Args:
        box: (B, 4) ``x1, y1, x2, y2`` in units of the source frame.
        scale: (2,) ``x, y`` of the map from the source frame to the crop, in units of the crop; a
            negative scale is a flip.
        offset: (2,) ``x, y`` of that map.
        outside: Boxes that lie outside the crop are dropped (``'drop'``) or, as in the reference
            code, pressed onto its border, where they still mark cells (``'border'``).

    Returns:
        (B', 4) float32 boxes in [0, 1] of the crop, and the (B',) indices of the boxes they come
        from.
    """
    check_choice('boxes outside the crop: outside', outside, ('drop', 'border'))
    corners = box.reshape(-1, 2, 2) * scale + offset  # (B, corner, xy)
    # Two slices, since reducing an axis of length two takes several times longer.
    low, high = np.minimum(corners[:, 0], corners[:, 1]), np.maximum(corners[:, 0], corners[:, 1])
    kept = np.arange(len(box))
    if outside == 'drop':
        inside = (high > _TOUCH) & (low < 1 - _TOUCH)
        kept = np.flatnonzero(inside[:, 0] & inside[:, 1])
    placed = np.concatenate([low, high], axis=1)[kept]
    # np.clip takes longer on a few numbers.
    return np.minimum(np.maximum(placed, 0), 1).astype(np.float32), kept


def boxes_to_maps(
    box: np.ndarray,
    score: np.ndarray,
    kind: np.ndarray,
    slot: np.ndarray,
    *,
    num_frames: int,
    grid: tuple[int, int],
    soft: bool = True,
    num_kinds: int = len(KINDS),
) -> np.ndarray:
    """Interaction-Map: every cell that a box touches holds the best score of its boxes.

    Corners times the grid size are floored and clamped to the grid. The rectangle between them is
    filled, both ends included, as in the reference code, so a box grows by up to one cell. All
    boxes are painted at once.

    Args:
        box: (B, 4) float32 ``x1, y1, x2, y2`` in [0, 1] of the crop.
        score: (B,) detection scores.
        kind: (B,) ``HAND`` or ``OBJECT``, or the number of another kind.
        slot: (B,) frame of the map, in [0, num_frames).
        num_frames: ``T``.
        grid: ``(H, W)``.
        soft: Cells hold scores (True) or ones (False).
        num_kinds: ``K``, kinds of boxes.

    Returns:
        (K, T, H, W) float32, by default the channels ``HAND`` and ``OBJECT``.
    """
    height, width = grid
    maps = np.zeros(num_kinds * num_frames * height * width, np.float32)
    if len(box):
        cells = np.array([width, height, width, height], np.float32)
        # Clipped to >= 0 first, so that the conversion to whole numbers is a floor.
        x1, y1, x2, y2 = np.minimum(np.maximum(box * cells, 0), cells - 1).astype(np.intp).T
        columns, rows = np.maximum(x2 - x1 + 1, 0), np.maximum(y2 - y1 + 1, 0)
        area = columns * rows
        owner = np.repeat(np.arange(len(box)), area)  # box of each touched cell, box after box
        first = np.cumsum(area) - area  # place of each box's first cell in owner
        row, column = np.divmod(np.arange(len(owner)) - first[owner], columns[owner])
        corner = ((kind.astype(np.intp) * num_frames + slot) * height + y1) * width + x1
        value = score if soft else np.ones_like(score)
        np.maximum.at(maps, corner[owner] + row * width + column, value.astype(np.float32)[owner])
    return maps.reshape(num_kinds, num_frames, height, width)
