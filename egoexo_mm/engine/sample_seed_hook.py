"""Random draws that do not depend on when a run was interrupted."""

from __future__ import annotations

import numpy as np
import torch
from mmaction.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from egoexo_mm.datasets.transforms import SeedAugmentations

from .runner_parts import pipeline_transforms


@HOOKS.register_module()
class SampleSeedHook(Hook):
    """Tell every ``SeedAugmentations`` of the training pipeline the epoch, and seed dropout anew.

    A run resumed at an epoch boundary then equals an uninterrupted one. Without an epoch-based loop
    augmentations stay unseeded, and a warning says so.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Announce the epoch to the data workers."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            runner.logger.warning(
                'SampleSeedHook needs an epoch-based loop: augmentations are not seeded'
            )
            return
        for transform in pipeline_transforms(runner.train_dataloader.dataset):
            if isinstance(transform, SeedAugmentations):
                transform.set_epoch(runner.seed, runner.epoch)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Seed dropout, mixup and cutmix at the first iteration of an epoch."""
        # Not earlier: a new iterator of the loader draws from torch's generator, and one that
        # reuses persistent workers does not.
        if batch_idx == 0:
            words = np.random.SeedSequence([runner.seed, runner.iter, get_rank()]).generate_state(2)
            torch.manual_seed(int(words[0]))
            np.random.seed(words[1])  # RandomBatchAugment chooses with it
