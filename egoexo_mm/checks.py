"""Checks of arguments that many classes share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def check_choice(name: str, value: Any, choices: Iterable[Any], remedy: str = '') -> None:
    """Refuse a value that is not one of ``choices``.

    Args:
        name: What the user gave, for example ``'ClipReader: missing'``.
        value: What was given.
        choices: All that is allowed.
        remedy: What to do, where the choices do not tell.

    Raises:
        ValueError: The value is not among them.
    """
    choices = list(choices)
    if value not in choices:
        *others, last = map(repr, choices)
        expected = f'{", ".join(others)} or {last}' if others else last
        remedy = remedy and f'; {remedy}'
        raise ValueError(f'{name} must be {expected}, got {value!r}{remedy}')


def check_share(name: str, value: float) -> None:
    """Refuse a number that is not from 0 to 1.

    Raises:
        ValueError: It is not.
    """
    if isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f'{name} must be from 0 to 1, got {value!r}')


def first_line(error: BaseException | str) -> str:
    """The first line of an error's text that is not empty, or the name of its class."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
