"""Gradient checkpointing of any backbone."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn
from torch.utils.checkpoint import checkpoint

from egoexo_mm.models.backbone_layers import block_names

from .runner_parts import bare_model


@HOOKS.register_module()
class CheckpointBlocksHook(Hook):
    """Keep no activations inside the blocks of the backbone; compute them again in backward.

    ``with_cp`` of MMAction2 does this for ResNets, Swin and a few others, not for
    ``VisionTransformer``, ``MViT``, ``TimeSformer`` and ``UniFormerV2``. MMEngine's
    ``activation_checkpointing`` takes no keyword arguments and breaks gradients of feature taps.
    Gradients are those without it, dropout included. Feature taps work at a block and inside one.

    Args:
        modules: Names in the backbone, for example ``['blocks.0', 'blocks.1']``. None: all blocks
            of a transformer that is known.

    Raises:
        ValueError: At the start of training, for a name that the backbone does not have, or for a
            backbone whose blocks are not known.
    """

    def __init__(self, modules: list[str] | None = None) -> None:
        self.modules = modules

    def before_train(self, runner: Runner) -> None:
        """Wrap the blocks."""
        checkpoint_modules(bare_model(runner).backbone, self.modules)


def checkpoint_modules(backbone: nn.Module, names: list[str] | None = None) -> None:
    """Have modules compute their activations again in backward, while they train.

    Args:
        backbone: Changed in place; names of its parameters stay.
        names: Of the modules; None for all blocks.

    Raises:
        ValueError: The backbone does not have one, or its blocks are not known.
    """
    kind = type(backbone).__name__
    try:
        names = block_names(backbone) if names is None else names
    except ValueError as error:
        raise ValueError(f'CheckpointBlocksHook: {error}; set modules=[...]') from None
    known = dict(backbone.named_modules())
    for name in names:
        if name not in known or not name:
            raise ValueError(f'CheckpointBlocksHook: modules has {name!r}, which {kind} has not')
        module = known[name]
        if 'forward' not in vars(module):  # a second run in one process
            module.forward = _checkpointed(module, module.forward)


def _checkpointed(module: nn.Module, forward: Callable) -> Callable:
    # forward alone is wrapped: hooks of the module run once, outside what is computed again
    @wraps(forward)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if not (module.training and torch.is_grad_enabled()):
            return forward(*args, **kwargs)
        return checkpoint(forward, *args, use_reentrant=False, **kwargs)

    return wrapped
