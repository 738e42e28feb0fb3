"""Telling data sets where a run lists its broken files."""

from __future__ import annotations

from collections.abc import Iterator

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from egoexo_mm.datasets.broken_media import BrokenMedia

from .runner_parts import inner_datasets


@HOOKS.register_module()
class BrokenMediaHook(Hook):
    """Tell training sets with ``broken_videos='skip'`` the work dir and the epoch.

    They keep ``failed.jsonl`` in the work dir. Without this hook they train just the same, but
    broken files are logged and not listed.
    """

    def before_train(self, runner: Runner) -> None:
        """Name the work dir, before there are data workers."""
        for dataset in _skipping(runner):
            dataset.begin_run(runner.work_dir)

    def before_train_epoch(self, runner: Runner) -> None:
        """Announce the epoch, for pipelines without ``SeedAugmentations``."""
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            for dataset in _skipping(runner):
                dataset.set_draw_epoch(runner.seed, runner.epoch)


def _skipping(runner: Runner) -> Iterator[BrokenMedia]:
    for dataset in inner_datasets(runner.train_dataloader.dataset):
        if isinstance(dataset, BrokenMedia):
            yield dataset
