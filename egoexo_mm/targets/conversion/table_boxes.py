"""A table of detections, CSV or Parquet, as boxes of videos.

Columns: ``video`` (its id in the store), ``frame`` (from 0), ``x1``, ``y1``, ``x2``, ``y2``,
``kind`` (``hand`` or ``object``), and, where they are known, ``score`` (0 to 1), ``side`` (``left``
or ``right``) and ``contact`` (a state of :data:`CONTACTS` or its number); an empty cell is unknown.
With the columns ``width`` and ``height`` the boxes are in pixels of such a frame, without them they
are fractions from 0 to 1. A row with ``video`` alone names a video in which nothing was found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egoexo_mm.csv_files import read_csv_rows
from egoexo_mm.interaction_maps import CONTACTS, KINDS, SIDES, UNKNOWN
from egoexo_mm.untrusted import quote, quote_names
from egoexo_mm.untrusted.quoting import shorten

from ..store.errors import TargetStoreError
from .frame_sizes import FrameSize
from .video_boxes import VideoBoxes, take_box, take_frame, take_score

_CORNERS = ('x1', 'y1', 'x2', 'y2')
_REQUIRED = ('video', 'frame', *_CORNERS, 'kind')
_OPTIONAL = ('score', 'side', 'contact', 'width', 'height')
# A page of a file with another codec may unpack to thousands of times its size.
_CODECS = ('UNCOMPRESSED', 'SNAPPY')
Row = dict  # column -> text or number


def read_table(path: str | Path, *, fps: float = 0.0) -> dict[str, VideoBoxes]:
    """Boxes by video id.

    Args:
        path: ``.csv`` (also with semicolons or tabs) or ``.parquet``.
        fps: Frame rate of all videos; 0 is unknown.

    Raises:
        TargetStoreError: The file is damaged, lacks a column, or a row does not parse.
    """
    parquet = Path(path).suffix == '.parquet'
    names, rows = _parquet_rows(path) if parquet else _csv_rows(path)
    lacking = [name for name in _REQUIRED if name not in names]
    if lacking or ('width' in names) != ('height' in names):
        raise TargetStoreError(
            f'{path}: has the columns {quote_names(list(names))}, expected {", ".join(_REQUIRED)} '
            f'and perhaps {", ".join(_OPTIONAL)} (width and height together); rename its columns'
        )
    videos: dict[str, VideoBoxes] = {}
    for where, row in rows:
        video_id = row.get('video')
        if not isinstance(video_id, str) or not video_id:
            raise TargetStoreError(
                f'{where}: video is {quote(video_id)}, expected its id; correct the row'
            )
        if all(
            _empty(value) for name, value in row.items() if name not in ('video', *_OPTIONAL[3:])
        ):
            videos.setdefault(video_id, VideoBoxes(FrameSize(0, 0, fps=fps)))
            continue
        size = _size(row, where)
        boxes = videos.setdefault(video_id, VideoBoxes(FrameSize(*size, fps=fps)))
        if boxes.size[:2] == (0, 0) != size:
            boxes.size = boxes.size._replace(width=size[0], height=size[1])
        box = take_box(
            [row[name] for name in _CORNERS], size if any(size) else (1, 1), where, name='the box'
        )
        boxes.add(
            take_frame(row['frame'], where),
            _word(row, 'kind', KINDS, where),
            box,
            score=1.0 if _empty(row.get('score')) else take_score(row['score'], where),
            side=_word(row, 'side', SIDES, where),
            contact=_word(row, 'contact', CONTACTS, where),
        )
    return videos


def _csv_rows(path: str | Path) -> tuple[list[str], Iterator[tuple[str, Row]]]:
    try:
        names, rows = read_csv_rows(path, (*_REQUIRED, *_OPTIONAL))
    except ValueError as error:
        raise TargetStoreError(str(error)) from None
    empty = dict.fromkeys(names, '')
    return names, ((f'{path}, line {line}', {**empty, **row}) for line, row in rows)


def _parquet_rows(path: str | Path) -> tuple[list[str], Iterator[tuple[str, Row]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_metadata(path)
        _check_parquet(metadata, Path(path).stat().st_size)
        columns = [metadata.schema.column(i) for i in range(metadata.num_columns)]
        texts = [column.path for column in columns if column.physical_type == 'BYTE_ARRAY']
        # a text that a million rows share is in memory once
        file = pq.ParquetFile(path, read_dictionary=texts)
        names = [name for name in file.schema_arrow.names if name in (*_REQUIRED, *_OPTIONAL)]
        return names, _batches(file, names, path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _batches(file: Any, names: list[str], path: str | Path) -> Iterator[tuple[str, Row]]:
    import pyarrow as pa

    number = 0
    try:
        for batch in file.iter_batches(batch_size=4096, columns=names):
            for row in batch.to_pylist():
                yield f'{path}, row {number}', row
                number += 1
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _check_parquet(metadata: Any, size: int) -> None:
    """Refuse codecs that unpack to far more than they hold, and counts that no file can hold."""
    if metadata.num_rows > 10 * size:
        raise ValueError(f'{metadata.num_rows} rows in {size} bytes')
    for group in range(metadata.num_row_groups):
        columns = metadata.row_group(group)
        for number in range(columns.num_columns):
            codec = columns.column(number).compression
            if codec not in _CODECS:
                raise ValueError(f'compression is {codec}, expected {" or ".join(_CODECS)}')


def _damaged(path: str | Path, error: Exception) -> TargetStoreError:
    return TargetStoreError(
        f'{path}: cannot be read as Parquet ({shorten(str(error))}); get or make the file again'
    )


def _empty(value: Any) -> bool:
    return value is None or value == '' or value != value


def _size(row: Row, where: str) -> tuple[int, int]:
    """Width and height of the frame; zeros where the boxes are fractions."""
    if 'width' not in row:
        return 0, 0
    size = tuple(take_frame(row[name], where, name) for name in ('width', 'height'))
    if min(size) < 1:
        raise TargetStoreError(f'{where}: its size is {size}, expected pixels; correct the row')
    return size


def _word(row: Row, name: str, words: tuple[str, ...], where: str) -> int:
    """Number of a word, which the file may have instead; empty is unknown, but not for ``kind``."""
    value = row.get(name)
    if _empty(value) and name != 'kind':
        return UNKNOWN
    if value in words:
        return words.index(value)
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if (
        name == 'kind'
        or str(value).strip() not in (str(number), f'{number}.0')
        or not 0 <= number < len(words)
    ):
        raise TargetStoreError(
            f'{where}: {name} is {quote(value)}, expected one of {", ".join(words)}; correct the '
            'row'
        )
    return number
