"""Rows of annotation tables, whose fields are checked as they are read.

Every error names the file and the row, what was found, what was expected, and what to do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mmengine.logging import MMLogger

from egoexo_mm.csv_files import read_csv_rows
from egoexo_mm.untrusted import quote, quote_names, shorten
from egoexo_mm.untrusted.json_text import parse_json
from egoexo_mm.video_lists import read_text

from .dataframe_pickle import read_dataframe_pickle

_CLOCK = re.compile(r'(\d+):([0-5]?\d):([0-5]?\d(?:\.\d*)?)')
PICKLES = ('.pkl', '.pickle')


def parse_number(value: Any) -> float:
    """A number or its text as a float; NaN for anything else."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


class Row:
    """One row of an annotation file.

    Args:
        where: File and row, as messages name them.
        fields: Name -> text, number or other value. Empty text, None and NaN count as no value.
    """

    __slots__ = ('where', 'fields')

    def __init__(self, where: str, fields: dict[str, Any]) -> None:
        self.where, self.fields = where, fields

    def bad(self, problem: str) -> ValueError:
        """The error for this row; ``problem`` tells what is wrong and what was expected."""
        return ValueError(f'{self.where}: {problem}; correct or remove the row')

    def has(self, name: str) -> bool:
        """Whether the field has a value."""
        value = self.fields.get(name)
        text = value.strip().lower() if isinstance(value, str) else value
        return not (text in (None, '', 'nan') or isinstance(value, float) and math.isnan(value))

    def value(self, name: str) -> Any:
        """The field; a missing value is an error."""
        if not self.has(name):
            raise self.bad(f'{name} has no value')
        return self.fields[name]

    def text(self, name: str) -> str:
        """A text, or a whole number as text."""
        value = self.value(name)
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise self.bad(f'{name} is {quote(value)}, expected a text')
        return str(value).strip()

    def integer(self, name: str, below: int | None = None) -> int:
        """A whole number from 0, below ``below`` if given. Pandas may write 3 as 3.0."""
        value = self.value(name)
        number = parse_number(value)
        if not (number.is_integer() and 0 <= number < (below or math.inf)):
            upper = f' to {below - 1}' if below else ''
            raise self.bad(f'{name} is {quote(value)}, expected a whole number from 0{upper}')
        return int(number)

    def seconds(self, name: str) -> float:
        """A time, in seconds or as ``hh:mm:ss.ss``."""
        value = self.value(name)
        clock = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
        if clock:
            hours, minutes, seconds = map(float, clock.groups())
            time = hours * 3600 + minutes * 60 + seconds
        else:
            time = parse_number(value)
        if not 0 <= time < math.inf:
            raise self.bad(f'{name} is {quote(value)}, expected a time as hh:mm:ss.ss or seconds')
        return time

    def span(self, start: str, stop: str) -> tuple[float, float]:
        """Start and stop in seconds; the stop must not lie before the start."""
        first, last = self.seconds(start), self.seconds(stop)
        if last < first:
            raise self.bad(
                f'{stop} {last:g} lies before {start} {first:g}, expected a segment that ends '
                'after it starts'
            )
        return first, last


def read_table(
    path: str, *, required: Iterable[str], known: Iterable[str] = (), index: str | None = None
) -> list[Row]:
    """Rows of a csv with a header line, or of a pickled pandas DataFrame.

    Args:
        path: The file; ``.pkl`` and ``.pickle`` are DataFrames.
        required: Columns that the table must have.
        known: Further columns of the format. A warning names any other column; it is ignored.
        index: Column that may be the index of a DataFrame instead. It becomes a field of that name.

    Raises:
        ValueError: The file is missing, of another kind, empty, or lacks a required column.
    """
    if not Path(path).is_file():
        raise ValueError(
            f'{path}: no such annotation file; set ann_file to an existing csv or pickle'
        )
    required, known = list(required), list(known)
    if str(path).endswith(PICKLES):
        columns, rows = _read_pickle(path, index)
    else:
        columns, lines = read_csv_rows(path, [*required, *known], full_rows=True)
        rows = [Row(f'{path}, line {number}', fields) for number, fields in lines]
    if not columns:
        raise ValueError(f'{path}: is empty; expected a csv with a header line')
    lacking = [name for name in required if name not in columns]
    unknown = [name for name in columns if name not in (*required, *known)]
    if lacking:
        others = f', while these are unknown: {quote_names(unknown)}' if unknown else ''
        raise ValueError(
            f'{path}: lacks the columns {", ".join(lacking)}{others}; use the published file or '
            'rename its columns'
        )
    if unknown:
        MMLogger.get_current_instance().warning(
            f'{path}: ignored the unknown columns {quote_names(unknown)}'
        )
    if not rows:
        raise ValueError(
            f'{path}: has no rows; expected one row a segment or video below the header'
        )
    return rows


def _read_pickle(path: str, index: str | None) -> tuple[list[str], list[Row]]:
    table = read_dataframe_pickle(path)
    columns = dict(table.columns)
    nameless = table.index_name is None and table.index != list(range(len(table.index)))
    if index and index not in columns and (table.index_name == index or nameless):
        columns[index] = table.index
    return list(columns), [
        Row(f'{path}, row {i}', dict(zip(columns, cells)))
        for i, cells in enumerate(zip(*columns.values()))
    ]


def read_json_rows(path: str, key: str) -> list[Row]:
    """The objects listed under ``key`` of a json file.

    Raises:
        ValueError: The file is missing, is not json, has no such list, or the list is empty.
    """
    if not Path(path).is_file():
        raise ValueError(f'{path}: no such annotation file; set ann_file to an existing json')
    text = read_text(path)
    try:
        content = parse_json(text)
    except ValueError as error:
        reason = shorten(str(error))
        raise ValueError(
            f'{path}: cannot be read as json ({reason}); get or make the file again'
        ) from None
    items = content.get(key) if isinstance(content, dict) else None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError(
            f'{path}: expected an object with a list of objects under {quote(key)}; use the '
            'published file'
        )
    if not items:
        raise ValueError(f'{path}: the list {quote(key)} is empty; expected one object a segment')
    return [Row(f'{path}, {key}[{i}]', item) for i, item in enumerate(items)]


def check_unique(rows: Iterable[Row], ids: Iterable[str], name: str) -> None:
    """Refuse two rows with one id; the message names both.

    Raises:
        ValueError: For the first id that repeats.
    """
    seen: dict[str, Row] = {}
    for row, identity in zip(rows, ids):
        first = seen.setdefault(identity, row)
        if first is not row:
            raise row.bad(
                f'{name} {quote(identity)} was already used ({first.where}), expected one row '
                'for each'
            )
