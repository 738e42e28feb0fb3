"""JSON with the checks that ``json.loads`` leaves out."""

from __future__ import annotations

import json
from typing import Any

from .quoting import quote, shorten

_DEEPEST = 100
_LONGEST_INTEGER = 4000  # digits


def parse_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: not JSON in UTF-8, a key twice in one object, nested deeper than 100 levels, or an integer
            of over 4000 digits.
    """
    try:
        text = text.decode('utf-8-sig') if isinstance(text, bytes) else text
        value = json.loads(text, object_pairs_hook=_object, parse_int=_integer)
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


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise ValueError(f'key {quote(twice)} comes twice')
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
