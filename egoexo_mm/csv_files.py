"""Tables in text files as people and spreadsheets save them; standard library only."""
from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from .video_lists import read_text


def read_csv_rows(path: str | Path, columns: Iterable[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Header and rows of a csv file, without blanks around names and values.

    A byte order mark and Windows line ends are taken, and tabs or semicolons in place of commas where the header then has
    the ``columns``.

    Returns:
        The names in the header, and a row for each line that is not empty; a short line lacks its last names.

    Raises:
        ValueError: the file cannot be read, is not UTF-8, or is no csv.
    """
    text, columns = read_text(path), set(columns)
    lines = [line for line in text.split('\n') if line.strip()]
    if not lines:
        return [], []
    parsed = {mark: _cells(lines[0], mark, path)[0] for mark in ',;\t'}
    mark = max(parsed, key=lambda mark: len(columns & set(parsed[mark])))  # the first of equals
    cells = _cells(text, mark, path)
    header = [name for name in cells[0] if name]
    return header, [dict(zip(cells[0], row)) for row in cells[1:] if any(row)]


def _cells(text: str, mark: str, path: str | Path) -> list[list[str]]:
    try:
        rows = list(csv.reader(io.StringIO(text, newline=''), delimiter=mark, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(f'{path}: cannot be read as csv ({error}); get or make the file again') from None
    return [[cell.strip() for cell in row] for row in rows if row]
