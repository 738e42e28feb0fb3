"""Losses for the log, read from the device once per log line."""

from __future__ import annotations

import math

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import CheckpointHook, LoggerHook, RuntimeInfoHook
from mmengine.runner import Runner


@HOOKS.register_module()
class DeferredRuntimeInfoHook(RuntimeInfoHook):
    """``RuntimeInfoHook`` that does not make the host wait for the device in every step.

    MMEngine's hook reads each loss and accuracy when its step ends (eight waits a step in Ego-Exo
    pre-training), so the host cannot prepare the next step while the device works. This hook keeps
    them on the device and reads all at once in the steps whose values are needed: those of a log
    line, of a checkpoint, and the last of an epoch. The log and the history in checkpoints are the
    same.

    A hook of your own that reads losses from the message hub in other steps needs MMEngine's:
    ``default_hooks=dict(runtime_info=dict(type='mmengine.RuntimeInfoHook'))``. The ``outputs`` it
    is given are up to date in every step.
    """

    def before_train(self, runner: Runner) -> None:
        """Find the steps in which values are needed."""
        super().before_train(runner)
        self._kept: list[tuple[str, object]] = []
        needed = [
            hook.interval
            for hook in runner.hooks
            if isinstance(hook, LoggerHook)
            or isinstance(hook, CheckpointHook)
            and not hook.by_epoch
        ]
        self._interval = math.gcd(*(interval for interval in needed if interval > 0)) or 1

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None, outputs: dict | None = None
    ) -> None:
        """Keep the values of a step; read all kept ones in a step that needs them."""
        self._kept += [
            (f'train/{name}', value.detach() if isinstance(value, torch.Tensor) else value)
            for name, value in (outputs or {}).items()
        ]
        due = (self.every_n_inner_iters, batch_idx), (self.every_n_train_iters, runner)
        last = self.end_of_epoch(runner.train_dataloader, batch_idx)
        if last or any(every(where, self._interval) for every, where in due):
            self._read(runner)

    def before_val(self, runner: Runner) -> None:
        """Read the kept values."""
        self._read(runner)
        super().before_val(runner)

    def after_train(self, runner: Runner) -> None:
        """Read the kept values."""
        self._read(runner)
        super().after_train(runner)

    def _read(self, runner: Runner) -> None:
        kept, self._kept = getattr(self, '_kept', []), []
        groups: dict[tuple, list[int]] = {}
        for i, (_, value) in enumerate(kept):
            if isinstance(value, torch.Tensor) and value.numel() == 1:
                groups.setdefault((value.device, value.dtype), []).append(i)
        for places in groups.values():  # one read of the device for all values of a type
            values = torch.stack([kept[i][1].reshape(()) for i in places]).tolist()
            for i, value in zip(places, values):
                kept[i] = kept[i][0], value
        for name, value in kept:
            runner.message_hub.update_scalar(name, value)
