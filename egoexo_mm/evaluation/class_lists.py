"""Small lists of a data set: class names, tail classes, participants, segments to submit."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Union

from egoexo_mm.csv_files import read_csv_rows
from egoexo_mm.untrusted import quote, quote_names
from egoexo_mm.video_lists import read_text

Source = Union[Sequence, str, os.PathLike]

_PICKLES = ('.pkl', '.pickle')
# Header of the id column and of the name column: EPIC-KITCHENS class files, Ego-Exo4D
# label_mapping.csv.
_NAME_COLUMNS = (
    ('id', 'key'),
    ('verb_id', 'class_key'),
    ('noun_id', 'class_key'),
    ('label_id', 'step_name'),
)


def read_column(path: str | os.PathLike, column: str) -> list[str]:
    """Values of one column of a table, without blanks around them.

    The table is a csv file with a header, or the official pickle of the same table. In a pickle the
    column may be the index, as ``narration_id`` is in those of EPIC-KITCHENS-100.

    Raises:
        ValueError: no such file, no such column, an empty value, or no row.
    """
    pickled = str(path).lower().endswith(_PICKLES)
    header, rows = _pickled_rows(path, column) if pickled else _rows(path, column)
    if column not in header:
        raise ValueError(
            f'{path}: expected a column {column!r}, found {quote_names(header) or "nothing"}'
        )
    values = [fields.get(column) or '' for _, fields in rows]
    if '' in values:
        line = rows[values.index('')][0]
        raise ValueError(
            f'{path}, line {line}: column {column!r} is empty; complete or remove the line'
        )
    return values


def read_class_ids(source: Source, column: str) -> list[int]:
    """Class ids given as a list, or as a csv file with ``column``.

    EPIC's ``EPIC_100_tail_verbs.csv`` has the column ``verb``.

    Raises:
        ValueError: as in :func:`read_column`, or an id is no whole number.
    """
    if isinstance(source, (str, os.PathLike)):
        where, values = str(source), read_column(source, column)
    else:
        where, values = f'list of {column} ids', list(source)
    for value in values:
        if not re.fullmatch(r'\d{1,18}', str(value)):
            raise ValueError(f'{where}: expected class ids (0, 1, ...), got {quote(value)}')
    return [int(value) for value in values]


def read_class_names(source: Source | None) -> dict[int, str] | None:
    """Class id -> name, from a list in the order of the ids or from a file; None for None.

    A csv file has the columns of the class files of EPIC-KITCHENS-55/100 (``id,key``,
    ``verb_id,class_key``) or of Ego-Exo4D's ``label_mapping.csv``. Any other file has a name a
    line, with or without Charades' ``c012`` before it.

    Raises:
        ValueError: no such file, unknown columns, or an id is no whole number.
    """
    if source is None:
        return None
    if not isinstance(source, (str, os.PathLike)):
        return dict(enumerate(map(str, source)))
    if Path(source).suffix.lower() not in ('.csv', '.tsv'):
        lines = [line.strip() for line in read_text(Path(source)).split('\n') if line.strip()]
        return {number: re.sub(r'^c\d{3}\s+', '', line) for number, line in enumerate(lines)}
    header, _ = _rows(source, *(name for pair in _NAME_COLUMNS for name in pair))
    columns = next((pair for pair in _NAME_COLUMNS if set(pair) <= set(header)), None)
    if columns is None:
        known = ' or '.join('/'.join(pair) for pair in _NAME_COLUMNS)
        raise ValueError(f'{source}: expected columns {known}, found {quote_names(header)}')
    ids, names = (read_column(source, column) for column in columns)
    return dict(zip(read_class_ids(ids, f'{source} {columns[0]}'), names))


def _rows(path: str | os.PathLike, *columns: str) -> tuple[list[str], list[tuple[int, dict]]]:
    """Header, and line number and fields of each row."""
    header, rows = read_csv_rows(Path(path), columns)
    if not rows:
        raise ValueError(
            f'{path}: no rows; expected a csv file with a header and a row for each entry'
        )
    return header, rows


def _pickled_rows(path: str | os.PathLike, column: str) -> tuple[list[str], list[tuple[int, dict]]]:
    """The same of a pickled table, whose values become text; nothing in the file is run."""
    from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle

    table = read_dataframe_pickle(Path(path))
    columns = dict(table.columns)
    numbered = table.index == list(range(len(table.index)))
    if table.index_name == column or table.index_name is None and not numbered:
        columns.setdefault(column, table.index)
    values = columns.get(column, table.index)
    if not values:
        raise ValueError(f'{path}: no rows; expected a table with a row for each entry')
    texts = ['' if value is None or value != value else str(value).strip() for value in values]
    return list(map(str, columns)), [
        (number, {column: text}) for number, text in enumerate(texts, 1)
    ]
