"""What every family of foreign checkpoints has in common, and renaming by a table of rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .matching import Shape, compare
from .reading import unwrapped, weights_of


@dataclass(frozen=True)
class Converted:
    """Converted weights, and lines for the user: what was found, which config fits."""

    weights: dict[str, Tensor]
    lines: list[str]


class Converter(ABC):
    """Renames the weights of one family of networks, strictly: a misfit is an error that names it.

    Attributes:
        name: Of the family, for ``--from``.
        origin: What its files are, for messages.
        keys: Where its files may keep the weights; '' is the file itself. :meth:`reverse` writes
            the first.
    """

    name: str
    origin: str
    keys: tuple[str, ...]

    @abstractmethod
    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """Whether names look like this family's, or with ``reverse`` like those it writes."""

    def key_of(self, checkpoint: Mapping[str, Any], only: str | None = None) -> str | None:
        """Where a file keeps weights with this family's names (``only`` there); None: nowhere."""
        for key in self.keys if only is None else (only,):
            weights = checkpoint.get(key) if key else checkpoint
            if isinstance(weights, dict) and self.matches(weights):
                return key
        return None

    def other_keys(self, checkpoint: Mapping[str, Any]) -> list[str]:
        """Where else the file keeps weights of this family, such as averaged ones."""
        found = [key for key in self.keys if self.key_of(checkpoint, key) is not None]
        return found[1:]

    def read(
        self, checkpoint: dict[str, Any], path: Path, key: str | None = None
    ) -> dict[str, Tensor]:
        """The weights of a file of this family.

        Args:
            checkpoint: Content of the file.
            path: Of the file, for messages.
            key: Where the weights are; None finds it.

        Raises:
            ValueError: There are none, or the file is of a variant that cannot be converted.
        """
        if key is None:
            key = self.key_of(checkpoint)
        if key is None:
            key = next((key for key in self.keys if key in checkpoint), self.keys[0])
        return unwrapped(weights_of(checkpoint, key, path, self.origin), path)[0]

    def for_clips(self, frames: int | None, size: int | None) -> Converter:
        """The converter for clips of so many frames and pixels; None: the family's own.

        Raises:
            ValueError: Its weights do not depend on them.
        """
        if frames or size:
            raise ValueError(
                f'--frames and --size are for fixed tables of positions; {self.name} has none, '
                'leave them out'
            )
        return self

    @abstractmethod
    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """Convert to the names of MMAction2 or mmdet.

        Raises:
            ValueError: Weights are missing, unknown or of another shape. Names no file.
        """

    def reverse(self, weights: dict[str, Tensor], task: str = '') -> Converted:
        """Convert back.

        Args:
            weights: As :meth:`forward` returns them.
            task: Name of the downstream task, where the family has it in its names.

        Raises:
            ValueError: As :meth:`forward`; or the family has no way back.
        """
        raise ValueError(f'--reverse: weights of {self.name} cannot be converted back')

    def warning(self, name: str) -> str | None:
        """A warning about the file ``name`` (without its suffix), or None."""
        return None


class Row(NamedTuple):
    """One tensor of a family and its name in MMAction2.

    Shapes are written in letters, which stand for sizes, and digits: ``'C3tpp'``. Rows that share
    ``ours`` are parts of one tensor, one below the other.
    """

    theirs: str
    ours: str
    shape: str
    our_shape: str = ''
    """Where it differs from ``shape``."""


def pair(theirs: str, ours: str, weight: str) -> list[Row]:
    """Rows of the weight and bias of one module; a bias has the weight's first size."""
    return [
        Row(f'{theirs}.weight', f'{ours}.weight', weight),
        Row(f'{theirs}.bias', f'{ours}.bias', weight[0]),
    ]


def shape_of(letters: str, sizes: Mapping[str, int]) -> Shape | None:
    """A shape written in letters; None where a size is not known."""
    shape = [int(letter) if letter.isdigit() else sizes.get(letter) for letter in letters]
    return None if None in shape else tuple(shape)


def read_sizes(weights: Mapping[str, Any], shapes: Mapping[str, str]) -> dict[str, int]:
    """Sizes that letters stand for.

    Args:
        weights: Name -> tensor. Missing ones are left to :func:`rename` to report.
        shapes: Name of a tensor that fixes sizes -> its shape in letters. Later ones count.

    Raises:
        ValueError: A tensor has another number of dimensions, or is empty.
    """
    sizes: dict[str, int] = {}
    for name, letters in shapes.items():
        shape = tuple(getattr(weights.get(name), 'shape', letters))
        if len(shape) != len(letters) or 0 in shape:
            raise ValueError(
                f'{name} has shape {shape}; expected {len(letters)} dimensions, none of them empty'
            )
        sizes.update({letter: n for letter, n in zip(letters, shape) if isinstance(n, int)})
    return sizes


def rename(
    weights: Mapping[str, Tensor], rows: Iterable[Row], sizes: Mapping[str, int], expected: str
) -> dict[str, Tensor]:
    """Weights of a family by the names of MMAction2.

    Args:
        weights: Exactly the tensors of ``rows``.
        rows: Of all tensors, parts of one tensor in their order.
        sizes: See :func:`read_sizes`.
        expected: What would fit, for the message.

    Raises:
        ValueError: Weights are missing, unknown or of another shape.
    """
    rows = list(rows)
    _check(weights, {row.theirs: shape_of(row.shape, sizes) for row in rows}, expected)
    parts: dict[str, list[Tensor]] = {}
    for row in rows:
        parts.setdefault(row.ours, []).append(weights[row.theirs])
    result = {
        ours: torch.cat(given) if len(given) > 1 else given[0] for ours, given in parts.items()
    }
    for row in rows:
        if row.our_shape:
            result[row.ours] = result[row.ours].reshape(shape_of(row.our_shape, sizes))
    return result


def rename_back(
    weights: Mapping[str, Tensor], rows: Iterable[Row], sizes: Mapping[str, int], expected: str
) -> dict[str, Tensor]:
    """The way back: the weights that :func:`rename` turns into ``weights``.

    Raises:
        ValueError: As :func:`rename`.
    """
    rows = list(rows)
    ours = {row.ours: shape_of(row.our_shape or row.shape, sizes) for row in rows}
    _check(weights, ours, expected)
    counts = Counter(row.ours for row in rows)
    # a part is a copy, or the file would keep the storage of all parts for each
    parts = {
        name: iter(
            [part.clone() for part in weights[name].chunk(count)] if count > 1 else [weights[name]]
        )
        for name, count in counts.items()
    }
    return {
        row.theirs: next(parts[row.ours]).reshape(shape_of(row.shape, sizes))
        if row.our_shape
        else next(parts[row.ours])
        for row in rows
    }


def _check(
    weights: Mapping[str, Tensor], shapes: Mapping[str, Shape | None], expected: str
) -> None:
    misfit = compare(weights, shapes)
    if misfit:
        raise ValueError(f'has {misfit}; expected {expected}')
