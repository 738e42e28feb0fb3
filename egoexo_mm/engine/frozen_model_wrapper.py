"""A model without gradients in a distributed run."""

from __future__ import annotations

from typing import Any

from mmaction.registry import MODEL_WRAPPERS
from torch import nn


@MODEL_WRAPPERS.register_module()
class FrozenModelWrapper(nn.Module):
    """Holds a model where MMEngine would put ``DistributedDataParallel``.

    That one refuses a model that needs no gradient. In a config write
    ``model_wrapper_cfg=dict(type='mmaction.FrozenModelWrapper')``: MMEngine looks wrappers up from
    its root.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """As the model."""
        return self.module(*args, **kwargs)
