"""Tables in text files as people and spreadsheets save them; standard library only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from .video_lists import read_text


def read_csv_rows(
    path: str | Path, columns: Iterable[str], *, full_rows: bool = False
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read the header and the rows of a csv file, without blanks around names and values.

    A byte order mark and Windows line ends are accepted. Fields are separated by commas, or by the
    tabs or semicolons with which the header has more of the ``columns``.

    Args:
        path: The file.
        columns: Names that the header may have.
        full_rows: Refuse a row that has another number of fields than the header. By default a
            short row lacks its last fields.

    Returns:
        The names in the header; line number and fields of each row that is not empty.

    Raises:
        ValueError: The file cannot be read, is not UTF-8, is not a csv, or a row is not full.
    """
    text, columns = read_text(path), set(columns)
    first = next((line for line in text.split('\n') if line.strip()), '')
    headers = {mark: _cells(first, mark, path) for mark in ',;\t'}
    # the first of equals
    mark = max(
        headers,
        key=lambda mark: sum(name in columns for _, names in headers[mark] for name in names),
    )
    (_, names), *rows = _cells(text, mark, path) or [(0, [])]
    for line, cells in rows if full_rows else ():
        if len(cells) != len(names):
            raise ValueError(
                f'{path}, line {line}: {len(cells)} fields, expected {len(names)} as in the '
                'header; correct or remove the row'
            )
    header = [name for name in names if name]
    return header, [(line, dict(zip(names, cells))) for line, cells in rows]


def _cells(text: str, mark: str, path: str | Path) -> list[tuple[int, list[str]]]:
    """Line numbers and fields of the lines that are not empty."""
    rows = csv.reader(io.StringIO(text, newline=''), delimiter=mark, skipinitialspace=True)
    try:
        return [
            (rows.line_num, [cell.strip() for cell in cells])
            for cells in rows
            if any(map(str.strip, cells))
        ]
    except csv.Error as error:
        raise ValueError(
            f'{path}: cannot be read as csv ({error}); get or make the file again'
        ) from None
