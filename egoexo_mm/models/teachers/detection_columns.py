"""From the instances that the hand-object detector predicts to columns of a target store."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from egoexo_mm.interaction_maps import HAND, HAND_LABEL, OBJECT, UNKNOWN

from .detection import COLUMNS


def store_columns(found: list[Any], frame_size: tuple[int, int]) -> list[dict[str, np.ndarray]]:
    """Columns of a store from the instances of each image, brought to the host together.

    Args:
        found: What ``HandObjectRoIHead`` predicts for each image, boxes in pixels of the frame.
        frame_size: (H, W).
    """
    from egoexo_mm.models.detectors.hand_object_maths import offset_in_pixels

    fields = ('bboxes', 'scores', 'labels', 'side', 'contact_state', 'offset')
    boxes, scores, labels, side, state, offset = (
        torch.cat([image[name].float() for image in found]) for name in fields
    )
    numbers = torch.stack([scores, labels, side, state], dim=1)
    table = torch.cat([boxes, numbers, offset_in_pixels(offset)], dim=1).cpu().numpy()
    size = np.array(frame_size[::-1], np.float32)  # width, height
    hand = table[:, 5] == HAND_LABEL
    contact = np.where(hand, table[:, 7], UNKNOWN).astype(np.int8)
    # Without contact the vector is not trained. No centre is further away than the frame is wide.
    offset = np.where(contact[:, None] > 0, (table[:, 8:] / size).clip(-1, 1), np.nan)
    columns = dict(
        box=table[:, :4] / np.tile(size, 2),
        score=table[:, 4],
        kind=np.where(hand, HAND, OBJECT).astype(np.int8),
        side=np.where(hand, table[:, 6], UNKNOWN).astype(np.int8),
        contact=contact,
        offset=offset.astype(np.float32),
    )
    ends = np.cumsum([len(image.scores) for image in found])[:-1]
    parts = {name: np.split(values, ends) for name, values in columns.items()}
    return [{name: parts[name][i] for name in COLUMNS} for i in range(len(found))]
