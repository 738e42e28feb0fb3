"""Fused SGD whose first step overflows under mixed precision.

Broken: ``torch.optim.SGD(fused=True, momentum=...)`` allocates the momentum in its first step
without filling it. With a gradient scaler that first step usually overflows (the scale starts at
65536) and is skipped, so the next one goes on from memory that nobody wrote: weights become NaN
within a few steps. Seen with ``--amp`` on an H100, torch 2.11, and on a CPU, torch 2.13.
Workaround: momentum starts as zeros, which gives the same first step (momentum x 0 + gradient).
Inactive: where torch has no fused SGD (before 2.4).
Delete: once torch fills the momentum of a skipped first step.
"""

from __future__ import annotations

from collections.abc import Callable

from .workaround import Workaround, wrap

NAME = 'fused SGD under a gradient scaler'


def apply() -> Workaround:
    """Wrap the function that does the fused step."""
    import torch.optim.sgd as module

    if not hasattr(module, '_fused_sgd'):
        return Workaround(NAME, False, 'torch has no fused SGD')
    wrap(module, '_fused_sgd', _with_momentum)
    return Workaround(NAME, True, 'a first step that overflows would leave the momentum unwritten')


def _with_momentum(fused: Callable, params, grads, momentum_buffer_list, *args, **kwargs) -> None:
    import torch

    # with dampening, zeros would change the first step
    if kwargs.get('momentum') and not kwargs.get('dampening'):
        for i, (buffer, grad) in enumerate(zip(momentum_buffer_list, grads)):
            if buffer is None:
                momentum_buffer_list[i] = torch.zeros_like(grad)
    fused(params, grads, momentum_buffer_list, *args, **kwargs)
