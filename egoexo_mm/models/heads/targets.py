"""Collecting the targets that the samples of a batch carry."""

from __future__ import annotations

import torch
from mmaction.utils import SampleList
from torch import Tensor


def gather_targets(
    data_samples: SampleList, field: str, pred: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Predictions of the clips whose sample has ``field``, beside their targets.

    A sample lacks a target by lacking the field. No value is read back from the device.

    Args:
        data_samples: N samples.
        field: ``ego_score``, ``object_score`` or ``interaction_map``.
        pred: (N, ...) predictions in the order of the samples.

    Returns:
        (M, ...) predictions, and the (M, ...) targets on their device, or None when ``M`` is 0.
    """
    present = [i for i, sample in enumerate(data_samples) if field in sample]
    if not present:
        return pred[:0], None
    target = torch.stack([torch.as_tensor(data_samples[i].get(field)) for i in present]).to(
        pred.device
    )
    # stacking rows, unlike indexing with a list, sends no index to the device and waits for nothing
    return (pred if len(present) == len(pred) else torch.stack([pred[i] for i in present])), target
