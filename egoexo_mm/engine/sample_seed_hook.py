"""Random draws, and an order of samples, that do not depend on when a run was interrupted."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

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

    A run resumed at an epoch boundary then equals an uninterrupted one. Resumed from a checkpoint
    within an epoch (``by_epoch=False``), it goes on with the samples that are left of that epoch;
    MMEngine would begin the epoch again, and end the schedule that much too early. Dropout is then
    drawn anew. Without an epoch-based loop augmentations stay unseeded, and a warning says so.
    """

    _epoch_length: int | None = None  # of the run that wrote the checkpoint
    _batches: Any = None  # the batch sampler of an epoch of which a part is left out

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Remember how long an epoch was in the run that wrote the checkpoint."""
        info = (checkpoint.get('message_hub') or {}).get('runtime_info') or {}
        epochs = info.get('max_epochs')
        self._epoch_length = info.get('max_iters', 0) // epochs if epochs else None

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
        self._skip_done(runner)

    def _skip_done(self, runner: Runner) -> None:
        """Leave out the batches of this epoch that a resumed run has seen."""
        if self._batches is not None:  # of the epoch before
            self._batches.sampler, self._batches = self._batches.sampler.sampler, None
        length, self._epoch_length = self._epoch_length, None
        loader = runner.train_dataloader
        # another number of processes or another batch size changes what an iteration is
        if length is None or length != len(loader):
            return
        done = runner.iter - runner.epoch * length
        if 0 < done <= length:
            self._batches = loader.batch_sampler
            self._batches.sampler = _Rest(self._batches.sampler, done * self._batches.batch_size)
            runner.logger.info(
                f'resumed within epoch {runner.epoch + 1}: its first {done} of {length} '
                'iterations are done, and their samples are left out'
            )

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


class _Rest:
    """A sampler without its first indices; as long as the whole, as is the data loader."""

    def __init__(self, sampler: Any, first: int) -> None:
        self.sampler, self.first = sampler, first

    def __iter__(self) -> Iterator[int]:
        return islice(iter(self.sampler), self.first, None)

    def __len__(self) -> int:
        return len(self.sampler)
