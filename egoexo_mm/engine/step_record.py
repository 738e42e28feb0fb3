"""The record of a training step: its place in the run, its losses and its videos."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.dist import all_gather_object, is_distributed
from mmengine.runner import IterBasedTrainLoop, Runner
from torch import Tensor

FILES = ('filename', 'frame_dir', 'img_path')
_IDS = ('narration_id', 'segment_id', 'clip_uid', 'video_id', 'img_id')
_SHOWN = 16  # videos or losses that a message lists


@dataclass
class StepRecord:
    """A training step; its losses stay on the device until :meth:`told`.

    Args:
        place: Such as ``'epoch 1, step 2 of 5 (iteration 2)'``, counted from 1.
        iter: Iteration, counted from 0.
        names: Of its losses, their sum ``'loss'`` among them.
        values: (L,) losses on their device.
        videos: Files or ids of its samples.
    """

    place: str
    iter: int
    names: list[str]
    values: Tensor
    videos: list[str]

    @classmethod
    def of(cls, runner: Runner, batch_idx: int, data_batch: Any, outputs: dict) -> StepRecord:
        """The step that a runner has just done; ``outputs`` are those of ``train_step``."""
        losses = {
            name: torch.as_tensor(value).detach().float().mean()
            for name, value in outputs.items()
            if 'loss' in name
        }
        if len({value.device for value in losses.values()}) > 1:
            losses = {name: value.cpu() for name, value in losses.items()}
        values = torch.stack(list(losses.values())) if losses else torch.zeros(0)
        return cls(
            _place(runner, batch_idx),
            runner.iter,
            list(losses),
            values,
            list(video_names(data_batch)),
        )

    def told(self) -> str:
        """The step in words."""
        losses = dict(zip(self.names, self.values.tolist()))
        total = losses.pop('loss', math.nan)
        terms = [
            [
                f'{name} {value:.4g}'
                for name, value in losses.items()
                if math.isfinite(value) == finite
            ]
            for finite in (False, True)
        ]
        parts = [
            f'{label}: {listed(part)}'
            for label, part in zip(('not finite', 'finite'), terms)
            if part
        ]
        return (
            f'{self.place}: {"; ".join([f"the loss is {total:.4g}", *parts])}; videos of the '
            f'batch: {listed(self.videos) or "unknown"}'
        )


def first_not_finite(steps: list[StepRecord]) -> StepRecord | None:
    """The first step with a loss that is NaN or infinite; one read from the device for all."""
    if not steps:
        return None
    finite = torch.stack([step.values.isfinite().all() for step in steps]).tolist()
    return next((step for step, good in zip(steps, finite) if not good), None)


def told_by_all(told: str | None) -> str:
    """The texts of all processes that have one, joined; the same on every process."""
    if not is_distributed():
        return told or ''
    return ' | '.join(
        f'process {rank}, {text}' for rank, text in enumerate(all_gather_object(told)) if text
    )


def video_names(batch: Any) -> Iterator[str]:
    """Files of the samples in a batch, or their ids where the files are not known."""
    if isinstance(batch, dict):
        batch = batch.get('data_samples', list(batch.values()))
        batch = list(batch.values()) if isinstance(batch, dict) else batch
    if isinstance(batch, (list, tuple)):
        for part in batch:
            yield from video_names(part)
    elif hasattr(batch, 'metainfo'):
        meta = batch.metainfo
        name = next((meta[key] for key in (*FILES, *_IDS) if meta.get(key) is not None), None)
        if name is not None:
            yield str(name)


def listed(names: list[str]) -> str:
    """Up to 16 names, and how many more there are."""
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    return ', '.join(names[:_SHOWN]) + more


def _place(runner: Runner, batch_idx: int) -> str:
    if isinstance(runner.train_loop, IterBasedTrainLoop):
        return f'iteration {runner.iter + 1} of {runner.max_iters}'
    return (
        f'epoch {runner.epoch + 1}, step {batch_idx + 1} of {len(runner.train_dataloader)} '
        f'(iteration {runner.iter + 1})'
    )
