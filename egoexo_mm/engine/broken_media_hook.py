"""Telling data sets where a run lists its broken files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from egoexo_mm.datasets.broken_media import BrokenMedia


@HOOKS.register_module()
class BrokenMediaHook(Hook):
    """Tell training sets with ``broken_videos='skip'`` the work dir, where ``failed.jsonl`` is kept, and the epoch.

    Without it they train just the same, but broken files are logged and not listed.
    """

    def before_train(self, runner: Runner) -> None:
        """Name the work dir, before there are data workers."""
        for dataset in inner_datasets(runner.train_dataloader.dataset):
            if isinstance(dataset, BrokenMedia):
                dataset.begin_run(runner.work_dir)

    def before_train_epoch(self, runner: Runner) -> None:
        """Announce the epoch, for pipelines without ``SeedAugmentations``."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            for dataset in inner_datasets(runner.train_dataloader.dataset):
                if isinstance(dataset, BrokenMedia):
                    dataset.set_draw_epoch(runner.seed, runner.epoch)


def inner_datasets(dataset: Any) -> Iterator[Any]:
    """A dataset and those that it wraps."""
    yield dataset
    for inner in (*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)):
        if inner is not None:
            yield from inner_datasets(inner)
