"""Learning rate schedule of PySlowFast."""

from __future__ import annotations

import math

from mmaction.registry import PARAM_SCHEDULERS
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(LRSchedulerMixin, _ParamScheduler):
    r"""Half a cosine, reached by a straight warm-up line.

    The rate at epoch ``e`` of ``E`` is :math:`\eta (1 + \cos(\pi e / E)) / 2`; during the first
    ``W`` epochs it rises linearly from ``start_factor`` :math:`\eta` to the *cosine's* value at
    ``W``. MMEngine's ``LinearLR`` beside ``CosineAnnealingLR`` multiplies the two instead.

    Args:
        optimizer: Optimizer or wrapper.
        *args: As of ``_ParamScheduler``.
        T_max: ``E``.
        warmup: ``W``.
        start_factor: Rate at the start, as a share of the base rate.
        **kwargs: Of MMEngine's parameter schedulers (``by_epoch``, ``begin``, ``end``, ...); build
            it with ``convert_to_iter_based=True`` to change the rate in every iteration.
    """

    def __init__(
        self, optimizer, *args, T_max: int, warmup: int = 0, start_factor: float = 0.1, **kwargs
    ) -> None:
        self.T_max = T_max
        self.warmup = warmup
        self.start_factor = start_factor
        super().__init__(optimizer, *args, **kwargs)

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args,
        T_max: int,
        warmup: int = 0,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        epoch_length: int | None = None,
        **kwargs,
    ) -> WarmupCosineLR:
        """The same schedule, stepped every iteration of epochs of ``epoch_length`` iterations.

        Raises:
            ValueError: The schedule is not by epoch, or the length of an epoch is not known.
        """
        if not by_epoch or epoch_length is None:
            raise ValueError(
                'WarmupCosineLR: convert_to_iter_based needs by_epoch=True and the length of an '
                'epoch; set by_epoch=True and train in an EpochBasedTrainLoop'
            )
        # An epoch without an iteration gets past this line: CheckDataHook, which comes later, can
        # tell the user with figures that the list is smaller than a batch.
        epoch_length = max(epoch_length, 1)
        return cls(
            *args,
            T_max=T_max * epoch_length,
            warmup=warmup * epoch_length,
            begin=begin * epoch_length,
            end=end if end == INF else end * epoch_length,
            by_epoch=False,
            **kwargs,
        )

    def factor(self, step: float) -> float:
        """Share of the base rate after ``step`` epochs (or iterations)."""
        if step >= self.warmup:
            return self._cosine(step)
        return (
            self.start_factor + (self._cosine(self.warmup) - self.start_factor) * step / self.warmup
        )

    def _cosine(self, step: float) -> float:
        return (1 + math.cos(math.pi * min(step / self.T_max, 1))) / 2

    def _get_value(self) -> list[float]:
        return [base * self.factor(self.last_step) for base in self.base_values]
