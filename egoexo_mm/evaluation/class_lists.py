"""Small lists that come with a data set: class names, tail classes, participants, segments to be submitted."""
from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

from egoexo_mm.untrusted import quote, quote_names, shorten

Source = Sequence | str | os.PathLike

# Header of the id column and of the name column: EPIC-KITCHENS class files, Ego-Exo4D label_mapping.csv.
_NAME_COLUMNS = (('id', 'key'), ('verb_id', 'class_key'), ('noun_id', 'class_key'), ('label_id', 'step_name'))


def read_column(path: str | os.PathLike, column: str) -> list[str]:
    """Values of one column of a csv file with a header, stripped.

    Raises:
        ValueError: no such file, no such column, an empty value, or no row.
    """
    header, rows = _rows(path)
    if column not in header:
        raise ValueError(f'{path}: expected a column {column!r}, found {quote_names(header) or "nothing"}')
    values = [(row[column] or '').strip() for row in rows]
    if '' in values:
        raise ValueError(f'{path}, line {values.index("") + 2}: column {column!r} is empty; complete or remove the line')
    return values


def read_class_ids(source: Source, column: str) -> list[int]:
    """Class ids given as a list, or as a csv file with ``column`` (EPIC's ``EPIC_100_tail_verbs.csv``: ``verb``).

    Raises:
        ValueError: as in :func:`read_column`, or an id is no whole number.
    """
    values = list(source) if not isinstance(source, (str, os.PathLike)) else read_column(source, column)
    for value in values:
        if not re.fullmatch(r'\d{1,18}', str(value)):
            where = source if isinstance(source, (str, os.PathLike)) else f'list of {column} ids'
            raise ValueError(f'{where}: expected class ids (0, 1, ...), got {quote(value)}')
    return [int(value) for value in values]


def read_class_names(source: Source) -> dict[int, str]:
    """Class id -> name, from a list in the order of the ids or from a file.

    A csv file names its columns as the class files of EPIC-KITCHENS-55/100 (``id,key``, ``verb_id,class_key``) or as
    Ego-Exo4D's ``label_mapping.csv`` do; any other file has a name a line, with or without Charades' ``c012`` before it.

    Raises:
        ValueError: no such file, unknown columns, or an id is no whole number.
    """
    if not isinstance(source, (str, os.PathLike)):
        return dict(enumerate(map(str, source)))
    if Path(source).suffix != '.csv':
        lines = [line.strip() for line in _read(source).splitlines() if line.strip()]
        return {number: re.sub(r'^c\d{3}\s+', '', line) for number, line in enumerate(lines)}
    header, _ = _rows(source)
    columns = next((pair for pair in _NAME_COLUMNS if set(pair) <= set(header)), None)
    if columns is None:
        known = ' or '.join('/'.join(pair) for pair in _NAME_COLUMNS)
        raise ValueError(f'{source}: expected columns {known}, found {quote_names(header)}')
    ids, names = (read_column(source, column) for column in columns)
    return dict(zip(read_class_ids(ids, f'{source} {columns[0]}'), names))


def _rows(path: str | os.PathLike) -> tuple[list[str], list[dict]]:
    lines = csv.DictReader(_read(path).splitlines())
    try:
        rows = list(lines)
    except csv.Error as error:
        raise ValueError(f'{path}: cannot be read as csv ({shorten(str(error))}); get the file again') from None
    if not rows:
        raise ValueError(f'{path}: no rows; expected a csv file with a header and a row for each entry')
    return [name for name in lines.fieldnames if name], rows


def _read(path: str | os.PathLike) -> str:
    try:
        return Path(path).read_text(encoding='utf-8-sig')
    except FileNotFoundError:
        raise ValueError(f'{path}: no such file; correct the path') from None
    except UnicodeDecodeError:
        raise ValueError(f'{path}: not a text file in UTF-8; get the file again') from None
