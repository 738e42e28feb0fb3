"""Finding the transforms of a data set, however it is wrapped."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def pipeline_transforms(dataset: Any) -> Iterator[Any]:
    """Every transform of a data set's pipeline, and of the data sets that it wraps.

    Args:
        dataset: A data set, or a wrapper such as ``ConcatDataset``, ``RepeatDataset`` or torch's
            ``Subset``.
    """
    for inner in (*getattr(dataset, 'datasets', ()), getattr(dataset, 'dataset', None)):
        if inner is not None:
            yield from pipeline_transforms(inner)
    yield from _inside(getattr(dataset, 'pipeline', None))


def _inside(transform: Any) -> Iterator[Any]:
    """The transforms of ``Compose``, ``RandomApply``, ``RandomChoice`` and their kin."""
    for inner in getattr(transform, 'transforms', ()):
        for one in inner if isinstance(inner, (list, tuple)) else (inner, ):
            yield one
            yield from _inside(one)
