"""Do these weights fit that network? Found and put into words here, for everybody who asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from egoexo_mm.untrusted import shorten

_SHOWN = 3  # names of a kind in a message
# Files from before PyTorch 0.4.1 lack the counters of batches; batch norm does without them.
_COUNTER = '.num_batches_tracked'

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Misfit:
    """How weights differ from what a network expects; false where they do not.

    As text: ``'1 unknown key (a) and 2 missing keys (b, c)'``.
    """

    unknown: list[str] = field(default_factory=list)
    """In the weights alone."""
    missing: list[str] = field(default_factory=list)
    """In the network alone."""
    shapes: dict[str, tuple[Shape, Shape]] = field(default_factory=dict)
    """In both: (shape of the weight, expected shape)."""

    def __bool__(self) -> bool:
        return bool(self.unknown or self.missing or self.shapes)

    def __iter__(self) -> Iterator[str]:
        return iter([*self.unknown, *self.missing, *self.shapes])

    def __str__(self) -> str:
        shapes = [f'{key} {got} instead of {want}' for key, (got, want) in self.shapes.items()]
        parts = [
            _counted('unknown key', self.unknown),
            _counted('missing key', self.missing),
            _counted('key', shapes, ' of another shape'),
        ]
        *first, last = filter(None, parts)
        return f'{", ".join(first)} and {last}' if first else last

    def within(self, prefixes: tuple[str, ...]) -> Misfit:
        """The names that start with one of ``prefixes``, as a misfit of their own."""
        return Misfit(
            [key for key in self.unknown if key.startswith(prefixes)],
            [key for key in self.missing if key.startswith(prefixes)],
            {key: both for key, both in self.shapes.items() if key.startswith(prefixes)},
        )


def compare(weights: Mapping[str, Any], expected: Mapping[str, Tensor | Shape | None]) -> Misfit:
    """Compare weights with what a network expects.

    Args:
        weights: Name -> tensor.
        expected: Name -> tensor or shape, such as a state dict; None for any shape. Counters of
            batches may be missing.

    Raises:
        ValueError: A weight is no tensor.
    """
    odd = next((key for key, value in weights.items() if not isinstance(value, Tensor)), None)
    if odd is not None:
        raise ValueError(
            f'{shorten(odd, 80)} is a {type(weights[odd]).__name__}; expected a tensor'
        )
    shapes = {}
    for key, want in expected.items():
        if want is not None and key in weights:
            both = tuple(weights[key].shape), tuple(getattr(want, 'shape', want))
            if both[0] != both[1]:
                shapes[key] = both
    return Misfit(
        [key for key in weights if key not in expected],
        [key for key in expected if key not in weights and not key.endswith(_COUNTER)],
        shapes,
    )


def _counted(kind: str, names: list[str], more: str = '') -> str:
    """``'2 missing keys (a, b)'``, or nothing."""
    if not names:
        return ''
    shown = ', '.join(shorten(name, 80) for name in names[:_SHOWN])
    dots = ', ...' if len(names) > _SHOWN else ''
    return f'{len(names)} {kind}{"s" * (len(names) > 1)}{more} ({shown}{dots})'
