"""Tables in text files as people and spreadsheets save them; standard library only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from .video_lists import read_text


def read_csv_rows(
    path: str | Path, columns: Iterable[str]
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Header and rows of a csv file, without blanks around names and values.

    A byte order mark and Windows line ends are taken, and tabs or semicolons in place of commas where the header then has
    more of the ``columns``.

    Returns:
        The names in the header; number and fields of each line that is not empty. A short line lacks its last fields.

    Raises:
        ValueError: the file cannot be read, is not UTF-8, or is no csv.
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
    return [name for name in names if name], [
        (line, dict(zip(names, cells))) for line, cells in rows
    ]


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
