"""JSON with the checks that ``json.loads`` leaves out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .quoting import quote, shorten

_DEEPEST = 100
_LONGEST_INTEGER = 4000  # digits; reading one takes time that grows with the square of its length
Pairs = list  # of (key, value), as the file has them


def parse_json(text: str | bytes, make_object: Callable[[Pairs], Any] | None = None) -> Any:
    """What a JSON text says.

    Args:
        text: Bytes are taken as UTF-8, with or without a byte order mark.
        make_object: Makes what stands for an object out of its (key, value) pairs; by default a
            dict.

    Raises:
        ValueError: not JSON in UTF-8, a key twice in one object, nested deeper than 100 levels, or
            an integer of over 4000 digits.
    """
    try:
        text = text.decode('utf-8-sig') if isinstance(text, bytes) else text
        value = json.loads(text, object_pairs_hook=make_object or _dict, parse_int=_integer)
    except RecursionError:
        raise ValueError('brackets are nested too deep to be read') from None
    except UnicodeDecodeError:
        raise ValueError('not text in UTF-8') from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f'line {error.lineno}, column {error.colno}: {shorten(error.msg)}'
        ) from None
    _check_depth(value, 0)
    return value


def repeated_key(pairs: Pairs) -> str:
    """The first key that comes twice; '' where none does."""
    seen = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    return ''


def _dict(pairs: Pairs) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f'key {quote(repeated_key(pairs))} comes twice')
    return found


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError(f'an integer of {len(digits)} digits')
    return int(digits)


def _check_depth(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f'brackets are nested deeper than {_DEEPEST}')
    if isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            if isinstance(item, (list, dict)):
                _check_depth(item, depth + 1)
