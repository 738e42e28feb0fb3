"""SGD in one kernel where PyTorch has one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from mmaction.registry import OPTIMIZERS


@OPTIMIZERS.register_module()
class FusedSGD(torch.optim.SGD):
    """``torch.optim.SGD`` with ``fused=True`` where this PyTorch can fuse it for these parameters.

    PyTorch 2.4 fuses on CPUs and GPUs, 2.3 on GPUs alone, and 2.0 to 2.2 do not know the argument.
    The steps are the same to rounding, and a checkpoint of either kind resumes as the other.

    Args:
        params: Parameters or groups of them, on the device they are trained on.
        fused: False never fuses.
        **kwargs: Of ``torch.optim.SGD``.
    """

    def __init__(self, params: Iterable, *, fused: bool = True, **kwargs) -> None:
        params = list(params)  # it may be an iterator, and is read twice
        if (
            fused
            and not (kwargs.get('foreach') or kwargs.get('differentiable'))
            and all(can_fuse(*kind) for kind in {(p.device, p.dtype) for p in _flat(params)})
        ):
            kwargs['fused'] = True
        super().__init__(params, **kwargs)

    def load_state_dict(self, state_dict: dict) -> None:
        """Resume as this machine can, whether or not the writer of the checkpoint was fused.

        The fused kernel walks parameter and momentum in the order of memory, so momentum of a run
        with another layout of weights (``BackboneSpeedHook``) is laid out anew.
        """
        fused = [group.get('fused') for group in self.param_groups]
        super().load_state_dict(state_dict)
        for group, is_fused in zip(self.param_groups, fused):
            group['fused'] = is_fused
            for weight in group['params']:
                momentum = self.state.get(weight, {}).get('momentum_buffer')
                if momentum is not None and momentum.stride() != weight.stride():
                    laid_out = torch.empty_like(weight, dtype=momentum.dtype)
                    self.state[weight]['momentum_buffer'] = laid_out.copy_(momentum)


def can_fuse(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether ``torch.optim.SGD(..., fused=True)`` makes a step here."""
    weight = torch.zeros(1, device=device, dtype=dtype)
    weight.grad = torch.zeros_like(weight)
    try:
        torch.optim.SGD([weight], lr=0.1, fused=True).step()
    except (TypeError, RuntimeError):  # no such argument; not on this device or of this type
        return False
    return True


def _flat(params: list) -> Iterator[torch.Tensor]:
    """The tensors of what ``torch.optim`` takes: parameters, named ones, or groups of either."""
    for entry in params:
        if isinstance(entry, dict):
            if not isinstance(entry['params'], torch.Tensor):
                entry['params'] = list(entry['params'])  # an iterator, too, is read twice
                yield from _flat(entry['params'])
            else:
                yield entry['params']
        else:
            yield entry[1] if isinstance(entry, tuple) else entry
