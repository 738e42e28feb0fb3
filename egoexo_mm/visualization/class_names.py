"""Names of classes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from egoexo_mm.video_lists import read_text

from .files import VisualizationError


def read_names(path: str | Path, count: int) -> list[str]:
    """Names from a text file, one per line, line i for class i.

    Raises:
        VisualizationError: The file cannot be read or does not have ``count`` names.
    """
    try:
        names = [name.strip() for name in read_text(path).splitlines()]
    except ValueError as error:
        raise VisualizationError(str(error)) from None
    if len(names) != count or not all(names):
        empty = f', line {names.index("") + 1} is empty' if '' in names else ''
        raise VisualizationError(
            f'{path}: has {len(names)} lines{empty}, but the store has scores of {count} classes; '
            'give a text file with a class name a line'
        )
    return names


def imagenet_names() -> list[str] | None:
    """The 1000 ImageNet names of torchvision; None where it is not installed or does not load."""
    if not find_spec('torchvision'):
        return None
    try:
        from torchvision.models import ResNet18_Weights
    except (ImportError, RuntimeError):  # a build for another torch does not load
        return None
    return list(ResNet18_Weights.DEFAULT.meta['categories'])
