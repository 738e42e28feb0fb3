"""Maths of the hand-object detector around its network.

Shape legend: R RoIs or proposals, H hands, O objects. Boxes are x1, y1, x2, y2 in pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_UNIT_LENGTH = 0.1  # of a direction vector
# Pixels per (magnitude 1 x direction 1): magnitude is in thousands of pixels, direction in tenths.
_REACH = 10000


def pad_proposals(boxes: Tensor, count: int) -> Tensor:
    """Boxes (R, 4) with zero rows added up to ``count``; a longer list stays as it is.

    The original proposal layer returns a fixed number of rows and scores the empty ones too.
    """
    return F.pad(boxes, (0, 0, 0, max(0, count - len(boxes))))


def enlarge_rois(rois: Tensor, image_sizes: Tensor, ratio: float, swap_clip: bool) -> Tensor:
    """Grow each RoI on every side by ``ratio`` of its width or height, within its image.

    Args:
        rois: (R, 5) as image index, x1, y1, x2, y2.
        image_sizes: (images, 2) as height, width of the network's input.
        ratio: Share of the width or height that is added on every side.
        swap_clip: Clip x2 by the image's *height* and y2 by its width, as the reference does. In a
            landscape image this cuts off the right side of RoIs, even to the left of x1 (RoIAlign
            then takes one cell). Weights trained with the reference saw it so.

    Returns:
        (R, 5).
    """
    index, corner, far = rois.split([1, 2, 2], dim=1)
    margin = ratio * (far - corner)
    sizes = image_sizes[index[:, 0].long()]
    limits = sizes if swap_clip else sizes.flip(1)  # (R, 2) for x2, y2
    return torch.cat([index, (corner - margin).clamp(min=0), (far + margin).minimum(limits)], dim=1)


def scaled_offset(raw: Tensor) -> Tensor:
    """Network output (R, 3) to magnitude and a direction of length 0.1."""
    return torch.cat([raw[:, :1], _UNIT_LENGTH * F.normalize(raw[:, 1:], dim=1)], dim=1)


def offset_in_pixels(offset: Tensor) -> Tensor:
    """(H, 3) magnitudes and directions of :func:`scaled_offset` -> (H, 2) in image pixels."""
    return _REACH * offset[:, :1] * offset[:, 1:]


def link_hands_to_objects(
    hands: Tensor, contact_state: Tensor, offset: Tensor, objects: Tensor
) -> Tensor:
    """The object that each hand touches: its centre is nearest to the tip of the offset vector.

    Boxes must be in pixels of the original image, where the vector was learned.

    Args:
        hands: (H, 4).
        contact_state: (H,); 0 is no contact.
        offset: (H, 3) magnitude and direction, see :func:`scaled_offset`.
        objects: (O, 4).

    Returns:
        (H,) int64 rows of ``objects``; -1 for no contact, or where there is no object.
    """
    if not len(objects):
        return contact_state.new_full((len(hands),), -1, dtype=torch.long)
    tip = _centres(hands) + offset_in_pixels(offset)
    distance = (tip[:, None] - _centres(objects)).square().sum(-1)
    return distance.argmin(1).masked_fill(contact_state == 0, -1)


def _centres(boxes: Tensor) -> Tensor:
    return (boxes[:, :2] + boxes[:, 2:]) / 2
