"""From the instances that the hand-object detector predicts to columns of a target store."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from egoexo_mm.interaction_maps import HAND, HAND_LABEL, OBJECT, UNKNOWN

COLUMNS = ('box', 'score', 'kind', 'side', 'contact', 'offset')


def store_columns(found: list[Any], frame_size: tuple[int, int]) -> list[dict[str, np.ndarray]]:
    """Columns of a store from the instances of each image, which are brought to the host together.

    Args:
        found: what ``HandObjectRoIHead`` predicts for each image, boxes in pixels of the frame.
        frame_size: (H, W).
    """
    from egoexo_mm.models.detectors.hand_object_maths import offset_in_pixels

    table = torch.cat(
        [
            torch.cat(
                [
                    image.bboxes.float(),
                    image.scores.float()[:, None],
                    image.labels.float()[:, None],
                    image.side.float()[:, None],
                    image.contact_state.float()[:, None],
                    offset_in_pixels(image.offset.float()),
                ],
                dim=1,
            )
            for image in found
        ]
    )
    table = table.cpu().numpy()
    size = np.array(frame_size[::-1], np.float32)  # width, height
    hand = table[:, 5] == HAND_LABEL
    contact = np.where(hand, table[:, 7], UNKNOWN).astype(np.int8)
    # without contact the vector is not trained; no centre is further away than the frame is wide
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
