"""Reproducible random draws."""

from __future__ import annotations

import random

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from torch.utils.data import get_worker_info


@TRANSFORMS.register_module()
class SeedAugmentations(BaseTransform):
    """Make the random draws of a sample depend on (seed, epoch, sample) alone.

    A resumed run then draws the same as an uninterrupted one, with any number of workers and ranks.
    Put it first in a training pipeline. ``SampleSeedHook`` announces seed and epoch; without the
    hook it does nothing. ``sample_idx`` comes with every MMEngine dataset.
    """

    def __init__(self) -> None:
        # in shared memory, because persistent workers outlive the epoch in which they started
        self._state = torch.full((2,), -1, dtype=torch.int64).share_memory_()

    def set_epoch(self, seed: int, epoch: int) -> None:
        """Announce the epoch to every worker, before the epoch's data loader iterator is made."""
        self._state.copy_(torch.tensor([seed, epoch]))

    def state(self) -> tuple[int, int]:
        """Seed and epoch; -1 while they are not announced."""
        seed, epoch = self._state.tolist()
        return seed, epoch

    def transform(self, results: dict) -> dict:
        """Seed numpy's and Python's global generators, which the host's transforms draw from.

        In a data worker also torch's, for transforms of torchvision. In the main process dropout
        draws from that one.

        ``redraw`` is set in a sample that replaces a broken one. It gives other draws than the same
        sample at its own place.
        """
        seed, epoch = self.state()
        if epoch >= 0:
            words = [seed, epoch, results['sample_idx'], *results.get('redraw', ())]
            states = np.random.SeedSequence(words).generate_state(3)
            np.random.seed(states[0])
            random.seed(int(states[1]))
            if get_worker_info() is not None:
                torch.manual_seed(int(states[2]))
        return results
