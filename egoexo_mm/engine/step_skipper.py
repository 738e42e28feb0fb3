"""Leaving out the optimizer steps of losses that are not finite."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor

from .runner_parts import bare_model


class StepSkipper:
    """Stands in for ``update_params`` of a runner's optimizer wrapper.

    A loss that is not finite on some process is not sent backward on any, so gradients and, with
    DDP, processes stay in step. With gradient accumulation the whole accumulated step is left out:
    gradients of DDP meet in its last backward pass only. Buffers, such as the running statistics of
    batch norms, become what they were before the forward pass.

    Args:
        runner: Before its first step.

    Attributes:
        skipped: Whether the last step was left out.
        in_a_row: How many steps were left out since the last that was not.

    Raises:
        ValueError: For several optimizer wrappers.
    """

    def __init__(self, runner: Runner) -> None:
        self.wrapper = runner.optim_wrapper
        if not isinstance(self.wrapper, OptimWrapper):
            raise ValueError(
                "FiniteLossHook: action='skip' needs one OptimWrapper, got "
                f"{type(self.wrapper).__name__}; set action='stop'"
            )
        self.model = bare_model(runner)
        self.skipped = False
        self.in_a_row = 0
        self._accumulated_is_bad = False
        self._buffers: list[Tensor] = []
        self._update_params = self.wrapper.update_params
        self.wrapper.update_params = self.update_params

    def before_step(self) -> None:
        """Copy the buffers."""
        self._buffers = [buffer.detach().clone() for buffer in self.model.buffers()]

    def update_params(
        self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None
    ) -> None:
        """As the host's, but for a loss that is not finite."""
        finite = loss.detach().isfinite().all().float()
        all_reduce(finite, 'min')
        self.skipped = not finite.item()
        self.in_a_row = self.in_a_row + 1 if self.skipped else 0
        if self.skipped:
            self._restore_buffers()
            self._accumulated_is_bad = True
        if not self._accumulated_is_bad:
            self._update_params(loss, step_kwargs, zero_kwargs)
            return
        self.wrapper._inner_count += 1  # as the host's backward() does
        if self.wrapper.should_update():
            self.wrapper.zero_grad(**(zero_kwargs or {}))
            self._accumulated_is_bad = False

    @torch.no_grad()
    def _restore_buffers(self) -> None:
        for buffer, before in zip(self.model.buffers(), self._buffers):
            buffer.copy_(before)
