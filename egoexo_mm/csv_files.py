"""Tables in text files as people and spreadsheets save them; standard library only."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from .video_lists import read_text

_END = '\n\x02end'  # a last line that no file has


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
        ValueError: The file cannot be read, is not UTF-8, is not a csv, has a quote that is never
            closed, or a row is not full.
    """
    text, columns = read_text(path), set(columns)
    first = next((line for line in text.split('\n') if line.strip()), '')
    headers = {mark: _cells(first, mark, path) for mark in ',;\t'}
    # the first of equals
    mark = max(
        headers,
        key=lambda mark: sum(name in columns for _, names in headers[mark] for name in names),
    )
    (_, names), *rows = _cells(text, mark, path, closed=True) or [(0, [])]
    for line, cells in rows if full_rows else ():
        if len(cells) != len(names):
            more = ' or close the quote (") in it' if any('\n' in cell for cell in cells) else ''
            raise ValueError(
                f'{path}, line {line}: {len(cells)} fields, expected {len(names)} as in the '
                f'header; correct or remove the row{more}'
            )
    header = [name for name in names if name]
    return header, [(line, dict(zip(names, cells))) for line, cells in rows]


def _cells(
    text: str, mark: str, path: str | Path, closed: bool = False
) -> list[tuple[int, list[str]]]:
    """Numbers of their first lines and fields of the rows that are not empty.

    With ``closed`` a field that runs to the end of the file is refused: its quote was never closed,
    and all rows behind it would be lost.
    """
    end = _END if closed else ''
    rows = csv.reader(io.StringIO(text + end, newline=''), delimiter=mark, skipinitialspace=True)
    found, begin = [], 1
    try:
        for cells in rows:
            if any(map(str.strip, cells)):
                found.append((begin, [cell.strip() for cell in cells]))
            if closed and cells and cells[-1].endswith(end):
                raise ValueError(
                    f'{path}, line {begin}: a quote (") is never closed, so that the rows below '
                    'would be lost; close or remove it'
                )
            begin = rows.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f'{path}: cannot be read as csv ({error}); get or make the file again'
        ) from None
    return found[:-1] if closed else found
