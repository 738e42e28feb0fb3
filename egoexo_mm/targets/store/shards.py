"""One shard of a target store: an Arrow IPC file with a row per video or per segment."""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from egoexo_mm.untrusted import quote, quote_names, shorten
from egoexo_mm.untrusted.arrow_file import check_arrow_file

from .errors import TargetStoreError
from .records import DETECTION_FIELDS

# Threads of Arrow's pool do not survive a fork of the data loader, and there is nothing to gain.
_READ_OPTIONS = pa.ipc.IpcReadOptions(use_threads=False)


def write_shard(file: BinaryIO, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Write checked rows as one record batch."""
    with pa.ipc.new_file(file, schema) as sink:
        sink.write_batch(_record_batch(rows, schema))


def shard_paths(folder: Path) -> list[Path]:
    """Finished shards of a store, in the order in which they are read."""
    return [shard for shard in sorted(folder.glob('*.arrow')) if not shard.name.startswith('.')]


def read_shard(shard: Path, schema: pa.Schema) -> list[pa.RecordBatch]:
    """Record batches of a shard, memory-mapped.

    Raises:
        TargetStoreError: truncated, not an Arrow file, or other columns than ``schema``.
    """
    try:
        # Closing gives the file descriptor back; the mapping lives on as long as the batches.
        with pa.memory_map(str(shard)) as source:
            check_arrow_file(memoryview(source.read_buffer()))
            source.seek(0)
            reader = pa.ipc.open_file(source, options=_READ_OPTIONS)
            found = reader.schema
            columns = {field.name: field.type for field in found}
            if columns != {field.name: field.type for field in schema} or len(found) != len(
                columns
            ):
                raise _OtherColumnsError
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        for batch in batches:
            # sizes of the buffers only, which is quick; a view beyond one would end the process
            batch.validate()
    except _OtherColumnsError:
        raise TargetStoreError(
            f'{shard}: columns are [{_columns(found)}], but {shard.parent.name}/manifest.json '
            f'asks for [{_columns(schema)}]; this shard belongs to another store or teacher'
        ) from None
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = shorten(str(error))
        raise TargetStoreError(
            f'{shard}: truncated or not an Arrow file ({reason}); delete this shard and run its '
            'writer again (it redoes only what is then missing)'
        ) from None
    return batches


def _columns(schema: pa.Schema) -> str:
    return quote_names((f'{field.name}: {shorten(str(field.type))}' for field in schema), 20)


class _OtherColumnsError(Exception):
    """The file has other columns than the manifest asks for."""


def video_ids(batch: pa.RecordBatch, shard: Path) -> list[str]:
    """Ids of the rows of a batch, see :func:`check_ids`."""
    check_ids(batch, shard)
    return batch.column('video_id').to_pylist()


def check_ids(batch: pa.RecordBatch, shard: Path) -> None:
    """Refuse a batch with a row without an id, or with ids that are no text.

    Raises:
        TargetStoreError: It has one.
    """
    ids = batch.column('video_id')
    try:
        ids.validate(full=True)  # or a damaged offset would be read beyond the buffer
    except (UnicodeDecodeError, pa.ArrowInvalid):
        raise TargetStoreError(
            f'{shard}: video ids are not UTF-8 text; the shard is damaged, '
            'delete it and run its writer again'
        ) from None
    if ids.null_count:
        raise TargetStoreError(f'{shard}: a row has no video id; write an id in every row')


def numpy_views(batch: pa.RecordBatch, shard: Path) -> dict[str, np.ndarray]:
    """Zero-copy views (read-only) of all number columns; ``offsets`` bounds each video's rows."""
    views = {}
    for name, column in zip(batch.schema.names, batch.columns):
        if name == 'video_id':
            continue
        nulls = column.null_count
        if pa.types.is_list(column.type):
            offsets, column = column.offsets.to_numpy(), column.values
            if not np.array_equal(views.setdefault('offsets', offsets), offsets):
                raise TargetStoreError(
                    f'{shard}: column {quote(name)} has other list lengths than '
                    "'frame'; write one value per detection in every column"
                )
            nulls += column.null_count
        width = 1
        if pa.types.is_fixed_size_list(column.type):
            width, column = column.type.list_size, column.values
            nulls += column.null_count
        if nulls:
            raise TargetStoreError(
                f'{shard}: column {quote(name)} has empty (null) values; '
                'write 0 or -1 for unknown, see docs/target_store.md'
            )
        values = column.to_numpy(zero_copy_only=True)
        views[name] = values if width == 1 and name != 'score' else values.reshape(-1, width)
    if 'offsets' in views:
        views['score'] = views['score'].reshape(-1)  # one per detection, not C per video
    return views


def _record_batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for field in schema:
        values = [row[field.name] for row in rows]
        if pa.types.is_list(field.type):
            offsets = np.cumsum([0] + [len(v) for v in values], dtype=np.int32)
            flat = _wrap(np.concatenate(values), DETECTION_FIELDS[field.name][1])
            columns.append(pa.ListArray.from_arrays(pa.array(offsets), flat))
        elif pa.types.is_fixed_size_list(field.type):
            columns.append(
                pa.FixedSizeListArray.from_arrays(
                    pa.array(np.concatenate(values)), field.type.list_size
                )
            )
        else:
            columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _wrap(values: np.ndarray, width: int) -> pa.Array:
    flat = pa.array(values.reshape(-1))
    return flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)
