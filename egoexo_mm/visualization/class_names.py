"""Names of classes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from .files import VisualizationError


def read_names(path: str | Path, count: int) -> list[str]:
    """Names from a text file, one a line, line i for class i.

    Raises:
        VisualizationError: the file cannot be read or has not ``count`` names.
    """
    try:
        names = Path(path).read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else 'not UTF-8 text'
        raise VisualizationError(
            f'{path}: cannot be read ({reason}); give a text file with a class name a line'
        ) from None
    names = [name.strip() for name in names]
    if len(names) != count or not all(names):
        empty = f', line {names.index("") + 1} is empty' if '' in names else ''
        raise VisualizationError(
            f'{path}: has {len(names)} lines{empty}, but the store has scores of {count} classes; '
            'give a text file with a class name a line'
        )
    return names


def imagenet_names() -> list[str] | None:
    """The 1000 ImageNet names that torchvision carries, where it is installed and loads; else None."""
    if not find_spec('torchvision'):
        return None
    try:
        from torchvision.models import ResNet18_Weights
    except (ImportError, RuntimeError):  # a build for another torch does not load
        return None
    return list(ResNet18_Weights.DEFAULT.meta['categories'])
