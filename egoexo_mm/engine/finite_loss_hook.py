"""Ends training when a loss or a weight is NaN or infinite."""

from __future__ import annotations

import sys
from typing import Any

import torch
from mmaction.datasets.transforms import PackActionInputs
from mmaction.registry import HOOKS
from mmengine.dist import all_gather_object, all_reduce, barrier, get_rank
from mmengine.hooks import CheckpointHook, Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from egoexo_mm.checkpoints.resumable import newest_of_run
from egoexo_mm.checks import check_choice
from egoexo_mm.errors import RunError

from .runner_parts import bare_model, pipeline_transforms
from .step_record import FILES, StepRecord, first_not_finite, listed, told_by_all
from .step_skipper import StepSkipper

_NEVER = sys.maxsize  # an iteration that is not reached


@HOOKS.register_module()
class FiniteLossHook(Hook):
    """End training when a loss is NaN or infinite, and save no weights that are.

    Losses stay on the device and are looked at every ``interval`` steps, before each checkpoint and
    before each validation, so a step waits for nothing. The message names the step where it
    began, the losses, the videos of that batch and the last good checkpoint. On several processes
    all end together, and the first one speaks. Infinite gradients, which ``AmpOptimWrapper`` leaves
    out by itself, are no fault.

    Off in a config: ``default_hooks = dict(finite_loss=dict(action='off'))``.

    Args:
        action: ``'stop'``; ``'skip'`` leaves out a step with such a loss (see
            :class:`StepSkipper`); or ``'off'``. To skip, every step copies the model's buffers,
            reduces one number over the processes and reads it back from the device.
        interval: Steps between two looks with ``'stop'``.
        max_skipped: Steps that ``'skip'`` may leave out in a row; one more ends training.

    Raises:
        ValueError: For an unknown ``action`` or a number below 1.
    """

    priority = 'LOW'  # after EMAHook, before CheckpointHook

    def __init__(self, *, action: str = 'stop', interval: int = 20, max_skipped: int = 3) -> None:
        check_choice('FiniteLossHook: action', action, ('stop', 'skip', 'off'))
        if interval < 1 or max_skipped < 1:
            raise ValueError(
                'FiniteLossHook: interval and max_skipped must be 1 or more, got '
                f'{interval} and {max_skipped}'
            )
        self.action = action
        self.interval = interval
        self.max_skipped = max_skipped
        self._training = False
        self._steps: list[StepRecord] = []  # since the last look
        self._last: StepRecord | None = None
        self._skipper: StepSkipper | None = None

    def before_train(self, runner: Runner) -> None:
        """Have samples carry the names of their files, and prepare to skip."""
        if self.action == 'off':
            return
        self._training = True
        for transform in pipeline_transforms(runner.train_dataloader.dataset):
            if isinstance(transform, PackActionInputs):
                transform.meta_keys = tuple(dict.fromkeys((*transform.meta_keys, *FILES)))
        if self.action == 'skip':
            self._skipper = StepSkipper(runner)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Remember the buffers, which a skipped step must not change."""
        if self._skipper is not None:
            self._skipper.before_step()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict | None = None
    ) -> None:
        """Take note of the step, and look at those since the last look if it is time."""
        if self.action == 'off':
            return
        self._last = StepRecord.of(runner, batch_idx, data_batch, outputs or {})
        if self._skipper is None:
            self._steps.append(self._last)
        elif self._skipper.skipped:
            self._report_skipped(runner)
        if _saves_now(runner):
            self._look(runner, weights=True)
        elif len(self._steps) >= self.interval:
            self._look(runner)

    def after_train_epoch(self, runner: Runner) -> None:
        """Look before the checkpoint of the epoch is saved."""
        if self._training:
            self._look(runner, weights=True)

    def before_val_epoch(self, runner: Runner) -> None:
        """Look before validation, which may save a best checkpoint."""
        if self._training:
            self._look(runner, weights=True)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Refuse to save weights that are NaN or infinite, whoever saves them.

        Raises:
            RunError: With the names of such tensors.
        """
        if self.action == 'off':
            return
        parameters = {name for name, _ in bare_model(runner).named_parameters()}
        state = {**checkpoint.get('ema_state_dict', {}), **checkpoint.get('state_dict', {})}
        broken = [
            name
            for name, value in state.items()
            if isinstance(value, Tensor)
            and _is_broken(value, name.removeprefix('module.') in parameters)
        ]
        if broken:  # this is called on the first process alone
            message = self._weights_message(runner, broken)
            runner.logger.error(message)
            raise RunError(message, logged=True)

    def _look(self, runner: Runner, weights: bool = False) -> None:
        """End training on every process if one has a loss or weight that is not finite."""
        first = first_not_finite(self._steps)
        self._steps = []
        broken = _broken_weights(bare_model(runner)) if weights else []
        found = torch.tensor([first.iter if first else _NEVER, -bool(broken)])
        all_reduce(found, 'min')
        begin, any_broken = found.tolist()
        if begin != _NEVER:
            told = told_by_all(first.told() if first and first.iter == begin else None)
            self._end(runner, self._loss_message(runner, told))
        if any_broken:
            broken = next(names for names in all_gather_object(broken) if names)
            self._end(runner, self._weights_message(runner, broken))

    def _report_skipped(self, runner: Runner) -> None:
        told = told_by_all(self._last.told() if first_not_finite([self._last]) else None)
        if self._skipper.in_a_row > self.max_skipped:
            self._end(
                runner,
                self._loss_message(
                    runner, f'{told} (after {self.max_skipped} steps in a row that were left out)'
                ),
            )
        if get_rank() == 0:
            runner.logger.warning(
                f'{told}; this step is left out ({self._skipper.in_a_row} in a '
                f'row, of at most {self.max_skipped})'
            )

    def _loss_message(self, runner: Runner, told: str) -> str:
        return (
            f'{told}; {_last_good(runner)}; lower the learning rate, set optim_wrapper.clip_grad, '
            'look at these videos and their targets, or set default_hooks.finite_loss.action to '
            + ("'skip' or 'off'" if self.action == 'stop' else "'off'")
        )

    def _weights_message(self, runner: Runner, broken: list[str]) -> str:
        last = f'after {self._last.told()}' if self._last else 'before the first step'
        return (
            f'weights are NaN or infinite ({listed(broken)}) {last}; they are not saved; '
            f'{_last_good(runner)}; lower the learning rate, set optim_wrapper.clip_grad, or set '
            "default_hooks.finite_loss.action to 'off'"
        )

    @staticmethod
    def _end(runner: Runner, message: str) -> None:
        if get_rank() == 0:
            runner.logger.error(message)
        # A launcher stops all processes when one ends: the first must have written its log by then.
        barrier()
        raise RunError(message, logged=True)


def _is_broken(value: Tensor, is_parameter: bool) -> bool | Tensor:
    """Whether a tensor is NaN or, in a parameter, infinite; some models keep masks in buffers."""
    if not value.is_floating_point():
        return False
    return ~value.isfinite().all() if is_parameter else value.isnan().any()


def _broken_weights(model: nn.Module) -> list[str]:
    """Names of parameters and buffers that are not finite; one read from the device for all."""
    found = {name: _is_broken(value.detach(), True) for name, value in model.named_parameters()}
    found.update((name, _is_broken(value, False)) for name, value in model.named_buffers())
    found = {name: flag for name, flag in found.items() if flag is not False}
    flags = torch.stack(list(found.values())).tolist() if found else []
    return [name for name, broken in zip(found, flags) if broken]


def _saves_now(runner: Runner) -> bool:
    """Whether a ``CheckpointHook`` that counts iterations saves after this one."""

    def schedule(hook: CheckpointHook) -> tuple[int, ...]:
        begin = (hook.save_begin,) if hasattr(hook, 'save_begin') else ()  # from mmengine 0.8.3 on
        return (hook.interval, *begin)

    return any(
        hook.every_n_train_iters(runner, *schedule(hook))
        or (hook.save_last and hook.is_last_train_iter(runner))
        for hook in runner.hooks
        if isinstance(hook, CheckpointHook) and not hook.by_epoch
    )


def _last_good(runner: Runner) -> str:
    good = newest_of_run(runner)
    return f'the last good checkpoint is {good}' if good else 'no checkpoint was saved before'
