"""Finding data sets and their transforms, however they are wrapped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def unwrapped_datasets(dataset: Any) -> Iterator[Any]:
    """A data set, or those inside a wrapper such as ``ConcatDataset``, ``RepeatDataset``,
    ``ClassBalancedDataset`` or torch's ``Subset``."""
    inner = [*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)]
    inner = [one for one in inner if one is not None]
    for one in inner:
        yield from unwrapped_datasets(one)
    if not inner:
        yield dataset


def pipeline_transforms(dataset: Any) -> Iterator[Any]:
    """Every transform of a data set and of those that it wraps."""
    for one in unwrapped_datasets(dataset):
        yield from _inside(getattr(one, 'pipeline', None))


def _inside(transform: Any) -> Iterator[Any]:
    """The transforms of ``Compose``, ``RandomApply``, ``RandomChoice`` and their kin."""
    for inner in getattr(transform, 'transforms', None) or ():
        for one in inner if isinstance(inner, (list, tuple)) else (inner,):
            yield one
            yield from _inside(one)
