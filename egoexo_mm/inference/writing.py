"""Files of predictions: JSON Lines, CSV, a timeline, pooled features."""

from __future__ import annotations

import csv
import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.checks import check_choice
from egoexo_mm.failed_jsonl import FAILED_NAME, append_failure

from .answers import KINDS, timeline

# names of files need not be UTF-8; \udcXX is also what JSON writes for their other bytes
_TEXT = dict(encoding='utf-8', errors='backslashreplace')
_TABLE = ('video', 'start', 'end', 'kind', 'rank', 'id', 'name', 'score')
_NAMES = ('predictions.jsonl', 'predictions.csv', 'timeline.csv', FAILED_NAME)
_TIMELINE = ('video', 'start', 'end', 'id', 'name', 'score', 'windows')


class PredictionFiles:
    """``predictions.jsonl``, ``predictions.csv`` and ``failed.jsonl`` of a folder.

    Rows are written as they come, so what a run that was ended has answered is in the files. Those
    of an earlier run get a number: ``predictions.1.jsonl``.

    Args:
        folder: Is made where needed.
        windows: Write ``timeline.csv`` as well.
        multi_label: See :func:`.timeline`.
        threshold: See :func:`.timeline`.

    Raises:
        ValueError: See :meth:`check`.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        windows: bool = False,
        multi_label: bool = False,
        threshold: float = 0.5,
    ) -> None:
        self.folder = Path(folder)
        self.check(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        _set_aside(self.folder)
        self._timeline = dict(multi_label=multi_label, threshold=threshold)
        self.failed = self.folder / FAILED_NAME
        self._json = open(self.folder / _NAMES[0], 'w', **_TEXT)
        self._tables = {}
        self._files = [self._json]
        names = dict(predictions=_TABLE, timeline=_TIMELINE)
        for name in names if windows else ('predictions',):
            file = open(self.folder / f'{name}.csv', 'w', newline='', **_TEXT)
            self._files.append(file)
            self._tables[name] = csv.DictWriter(file, names[name])
            self._tables[name].writeheader()

    @staticmethod
    def check(folder: str | Path) -> None:
        """Refuse a folder whose ``failed.jsonl`` another program wrote.

        Raises:
            ValueError: It is such a folder.
        """
        if Path(folder, FAILED_NAME).exists() and not Path(folder, _NAMES[0]).exists():
            raise ValueError(
                f'{Path(folder, FAILED_NAME)} is of another run, such as training (no {_NAMES[0]} '
                'is beside it); write predictions to another folder'
            )

    def __enter__(self) -> PredictionFiles:
        return self

    def __exit__(self, *error: Any) -> None:
        for file in self._files:
            file.close()

    def add(self, row: Mapping[str, Any]) -> None:
        """Write the row of a part."""
        self._json.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + '\n')
        self._json.flush()
        part = {key: row[key] for key in _TABLE[:3]}
        for kind, key in KINDS.items():
            for rank, entry in enumerate(row.get(key) or (), 1):
                self._tables['predictions'].writerow(_flat(part, entry, kind=kind, rank=rank))

    def end_video(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the timeline of a video from its rows."""
        if 'timeline' in self._tables:
            for entry in timeline(rows, **self._timeline):
                self._tables['timeline'].writerow(_flat(entry))

    def fail(self, name: str, path: str, reason: str) -> None:
        """Add a line to ``failed.jsonl``."""
        append_failure(self.failed, name, path, reason)


def _set_aside(folder: Path) -> None:
    """Number the files of an earlier run, all by the first number that none of them has."""
    paths = [folder / name for name in _NAMES if (folder / name).exists()]
    if not paths:
        return
    for number in itertools.count(1):
        names = {name: name.replace('.', f'.{number}.') for name in _NAMES}
        if not any((folder / name).exists() for name in names.values()):
            break
    for path in paths:
        path.rename(folder / names[path.name])
    print(
        f'{folder}: earlier predictions are now {", ".join(names[path.name] for path in paths)}',
        file=sys.stderr,
    )


def _flat(*parts: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A row of a CSV file; the id of an action is ``VERB,NOUN``."""
    row = {key: value for part in parts for key, value in part.items()}
    row.update(more)
    if isinstance(row.get('id'), list):
        row['id'] = ','.join(map(str, row['id']))
    return row


class FeatureFile:
    """Pooled features, a row for each part: ``video``, ``start``, ``end``, ``feature``.

    A ``.parquet`` file is written in blocks, a ``.npz`` file at the end, from memory. The file is
    complete or absent.

    Args:
        path: Ends in ``.npz`` or ``.parquet``.

    Raises:
        ValueError: It has another ending.
    """

    _BLOCK = 1024  # rows

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        check_choice('the ending of the file of features', self.path.suffix, ('.npz', '.parquet'))
        self.count = 0
        self._rows: list[tuple[str, float, float, np.ndarray]] = []
        self._whole = whole_file(self.path)
        self._parquet: Any = None

    def __enter__(self) -> FeatureFile:
        self._temporary = self._whole.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                self._close()
        finally:
            if self._parquet is not None:
                self._parquet.close()
            self._whole.__exit__(*error)

    def add(self, row: Mapping[str, Any], feature: np.ndarray) -> None:
        """Add the feature (D,) of a part."""
        self.count += 1
        video = row['video'].encode(**_TEXT).decode()
        self._rows.append((video, row['start'], row['end'], feature.astype(np.float32)))
        if self.path.suffix == '.parquet' and len(self._rows) == self._BLOCK:
            self._write_block()

    def _close(self) -> None:
        if self.path.suffix == '.parquet':
            self._write_block()
            return
        video, start, end, feature = zip(*self._rows) if self._rows else ((), (), (), ())
        with open(self._temporary, 'wb') as file:
            np.savez(
                file,
                video=np.array(video, dtype=str),
                start=np.array(start, dtype=float),
                end=np.array(end, dtype=float),
                feature=np.stack(feature) if feature else np.zeros((0, 0), np.float32),
            )

    def _write_block(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        columns = list(zip(*self._rows)) or [(), (), (), ()]
        types = pa.string(), pa.float64(), pa.float64(), pa.list_(pa.float32())
        table = pa.table(
            {
                name: pa.array(column, kind)
                for name, column, kind in zip(('video', 'start', 'end', 'feature'), columns, types)
            }
        )
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._temporary, table.schema)
        self._parquet.write_table(table)
        self._rows.clear()
