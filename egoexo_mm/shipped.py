"""Where the configs and tools of this package are: in its wheel, or in the checkout around it."""

from __future__ import annotations

import difflib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
PREFIX = 'egoexo_mm::'


def is_checkout() -> bool:
    """Whether this package is part of a checkout, not of a wheel."""
    return (PACKAGE.parent / 'pyproject.toml').is_file()


def shipped(name: str) -> Path:
    """The folder ``configs`` or ``tools``.

    Raises:
        FileNotFoundError: This installation has no such folder.
    """
    inside, beside = PACKAGE / '.mim' / name, PACKAGE.parent / name
    if inside.is_dir():
        return inside
    if is_checkout() and beside.is_dir():
        return beside
    raise FileNotFoundError(
        f'{PACKAGE} has no {name}: expected {PACKAGE / ".mim" / name}, which every wheel of '
        'egoexo_mm has, or a checkout around it; install a wheel, or this package with '
        'pip install -e'
    )


def config_names() -> list[str]:
    """Every config that can be run, relative to ``configs``, sorted."""
    root = shipped('configs')
    paths = (path.relative_to(root) for path in root.rglob('*.py'))
    return sorted(
        path.as_posix() for path in paths if not any('_base_' in part for part in path.parts)
    )


def config_path(name: str) -> Path:
    """File of a shipped config.

    Args:
        name: ``egoexo_mm::egoexo_slowfast_k400.py``; the prefix may be left out.

    Raises:
        FileNotFoundError: There is no such config; the sentence names the nearest one.
    """
    relative = name[len(PREFIX) :] if name.startswith(PREFIX) else name
    path = shipped('configs') / relative
    if path.is_file():
        return path
    near = difflib.get_close_matches(relative, config_names(), n=1, cutoff=0.3)
    hint = f', the nearest is {PREFIX}{near[0]}' if near else ''
    raise FileNotFoundError(
        f'{name}: egoexo_mm has no config {relative}{hint}; '
        'python -m egoexo_mm configs lists them all'
    )
