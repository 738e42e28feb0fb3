"""Annotation files: csv, pickles of tables, json."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath

from egoexo_light import csv_files, video_lists
from egoexo_light.checks import first_line
from egoexo_light.untrusted import quote
from egoexo_light.untrusted.json_text import parse_json
from egoexo_light.video.ffmpeg import StopRun

_PICKLES = ('.pkl', '.pickle')


def read_text(path: Path) -> str:
    """Text of a file in UTF-8.

    Raises:
        StopRun: it cannot be read, or is in another encoding.
    """
    try:
        return video_lists.read_text(path)
    except ValueError as error:
        raise StopRun(str(error)) from None


def read_table(path: Path, *columns: str) -> list[dict]:
    """Rows of a csv with a header, or of the official pickle of the same table.

    Raises:
        StopRun: it cannot be read, lacks a column, or has no rows.
    """
    header, rows = (
        _read_pickle(path, columns) if path.suffix.lower() in _PICKLES else _read_csv(path, columns)
    )
    if not rows:
        raise StopRun(f'{path}: has no rows; give the published csv')
    lacking = [name for name in columns if name not in header or rows[0].get(name) is None]
    if lacking:
        raise StopRun(f'{path}: lacks the columns {", ".join(lacking)}; give the published csv')
    return rows


def _read_csv(path: Path, columns: tuple[str, ...]) -> tuple[list[str], list[dict]]:
    try:
        header, rows = csv_files.read_csv_rows(path, columns, full_rows=True)
        return header, [fields for _, fields in rows]
    except ValueError as error:
        raise StopRun(str(error)) from None


def _read_pickle(path: Path, columns: tuple[str, ...]) -> tuple[list[str], list[dict]]:
    """Read by the package, which runs no code in it; a column may be the index of the table."""
    try:
        from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle
    except Exception as error:  # whatever is missing or broken in this environment
        raise StopRun(
            f'{path}: a pickle is read by the package, which cannot be imported here '
            f'({type(error).__name__}: {first_line(error)}); give the csv of the same annotation'
        ) from None
    try:
        table = read_dataframe_pickle(path)
    except ValueError as error:
        raise StopRun(str(error)) from None
    found = dict(table.columns)
    if table.index_name in columns:
        found.setdefault(table.index_name, table.index)
    return list(found), [dict(zip(found, cells)) for cells in zip(*found.values())]


def read_json(path: Path, key: str) -> list[dict]:
    """The objects listed under ``key`` of a json file.

    Raises:
        StopRun: it cannot be read, or has no such list.
    """
    try:
        content = parse_json(read_text(path))
    except ValueError as error:
        raise StopRun(
            f'{path}: cannot be read as json ({error}); give the published json'
        ) from None
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise StopRun(f'{path}: expected a list of objects under {key!r}; give the published json')
    return rows


def number(row: dict, name: str, path: Path) -> float:
    """A number in a row of an annotation file."""
    try:
        value = float(row[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise StopRun(
            f'{path}: {name} is {quote(row.get(name))}, expected a number ({quote(row)}); correct '
            'or remove the row'
        )
    return value


def inside(name: object, path: Path) -> str:
    """``name`` from an annotation file as a path below a folder."""
    name = str(name)
    parts = PurePosixPath(name).parts
    if not parts or name.startswith('/') or '..' in parts:
        raise StopRun(
            f'{path}: the name {quote(name)} leads out of the folder; use the published file'
        )
    return name
