"""Lists of (verb, noun) pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from egoexo_mm.csv_files import read_csv_rows
from egoexo_mm.untrusted import quote
from egoexo_mm.untrusted.json_text import parse_json

_COLUMNS = ('verb_class', 'noun_class')


def action_table(
    actions: Sequence[tuple[int, int]] | str, num_verbs: int, num_nouns: int
) -> tuple[Tensor, Tensor]:
    """Distinct actions and their numbers.

    Args:
        actions: (verb, noun) pairs, or a file: ``.csv`` with the columns ``verb_class`` and
            ``noun_class``, such as EPIC's annotation of the training split, or ``.json`` with a
            list of pairs.
        num_verbs: Bound of the verb ids.
        num_nouns: Bound of the noun ids.

    Returns:
        (A, 2) int64 pairs, ascending; (num_verbs, num_nouns) int64 number of each pair, -1 for
        pairs that are no action.

    Raises:
        ValueError: For an unreadable file, no pairs, or a pair out of range.
    """
    where = f'{actions}: ' if isinstance(actions, str) else 'actions: '
    rows = _read(actions) if isinstance(actions, str) else list(actions)
    pairs = set()
    for number, row in enumerate(rows):
        try:
            verb, noun = (int(value) for value in row)
        except (TypeError, ValueError):
            raise ValueError(
                f'{where}row {number}: expected a verb and a noun class id, got {quote(row)}'
            ) from None
        if not (0 <= verb < num_verbs and 0 <= noun < num_nouns):
            raise ValueError(
                f'{where}row {number}: ({verb}, {noun}) is out of range; expected a verb below '
                f'{num_verbs} and a noun below {num_nouns}'
            )
        pairs.add((verb, noun))
    if not pairs:
        raise ValueError(f'{where}the list of actions is empty; expected (verb, noun) pairs')
    listed = torch.tensor(sorted(pairs))
    table = torch.full((num_verbs, num_nouns), -1)
    table[listed[:, 0], listed[:, 1]] = torch.arange(len(listed))
    return listed, table


def _read(path: str) -> list:
    if not Path(path).is_file():
        raise ValueError(f'{path}: no such file; expected a .csv or .json of (verb, noun) pairs')
    if path.endswith('.json'):
        try:
            rows = parse_json(Path(path).read_bytes())
        except ValueError:
            rows = None
        if not isinstance(rows, list):
            raise ValueError(f'{path}: expected a JSON list of [verb, noun] pairs')
        return rows
    header, rows = read_csv_rows(path, _COLUMNS)
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise ValueError(f'{path}: no column {missing[0]}; expected {" and ".join(_COLUMNS)}')
    return [tuple(row.get(column) for column in _COLUMNS) for _, row in rows]
