"""Parts of a runner that several hooks look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import nn


def bare_model(runner: Runner) -> nn.Module:
    """The model without the wrapper of a distributed run."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def built_loop(runner: Runner, name: str) -> BaseLoop | None:
    """The ``'train'``, ``'val'`` or ``'test'`` loop, or None if it is not built.

    A runner builds the loops that it is about to run, and only those. Its properties
    (``train_loop``, ...) would build the others.
    """
    loop = getattr(runner, f'_{name}_loop', None)
    return loop if isinstance(loop, BaseLoop) else None


def inner_datasets(dataset: Any) -> Iterator[Any]:
    """A data set and those inside it.

    Looks into wrappers such as ``ConcatDataset``, ``RepeatDataset``, ``ClassBalancedDataset`` and
    torch's ``Subset``.
    """
    yield dataset
    for inner in (*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)):
        if inner is not None:
            yield from inner_datasets(inner)


def pipeline_transforms(dataset: Any) -> Iterator[Any]:
    """Every transform of a data set and of those inside it."""
    for one in inner_datasets(dataset):
        yield from own_transforms(one)


def own_transforms(dataset: Any) -> Iterator[Any]:
    """The transforms of one data set, also in ``Compose``, ``RandomApply``, ``RandomChoice``."""
    yield from _inside(getattr(dataset, 'pipeline', None))


def _inside(transform: Any) -> Iterator[Any]:
    for inner in getattr(transform, 'transforms', None) or ():
        for one in inner if isinstance(inner, (list, tuple)) else (inner,):
            yield one
            yield from _inside(one)


def set_channels_last(module: nn.Module) -> None:
    """Lay out the weights of 2D and 3D convolutions channels last."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for parameter in module.parameters():
        if parameter.dim() in formats:
            parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])
