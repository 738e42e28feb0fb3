"""Checks of arguments that many classes share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def check_choice(name: str, value: Any, choices: Iterable[Any]) -> None:
    """Refuse a value that is not one of ``choices``.

    Args:
        name: What the user gave, for example ``'ClipReader: missing'``.
        value: What was given.
        choices: All that is allowed.

    Raises:
        ValueError: The value is not among them.
    """
    choices = list(choices)
    if value not in choices:
        raise ValueError(f'{name} must be one of {", ".join(map(repr, choices))}, got {value!r}')


def first_line(error: BaseException | str) -> str:
    """The first line of an error's text that is not empty, or the name of its class."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
