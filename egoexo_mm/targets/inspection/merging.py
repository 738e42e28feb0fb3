"""Joining stores of one teacher, for example those of several machines."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from egoexo_mm.failed_jsonl import FAILED_NAME, failure_line, read_failures
from egoexo_mm.progress import track

from ..store.disk import cannot_write, check_unused, sync_file, sync_folder, write_text
from ..store.errors import TargetStoreError
from ..store.manifest import MANIFEST_NAME, Manifest, read_manifest
from ..store.records import arrow_schema
from ..store.segments import row_name
from ..store.shards import read_shard, shard_paths
from .verification import check_batch, verify_store


class MergeReport(NamedTuple):
    """Rows written, and rows left out because an earlier store has the video or segment."""

    rows: int
    left_out: int


def merge_stores(
    sources: Sequence[str | Path], out: str | Path, *, keep_first: bool = False
) -> MergeReport:
    """Write the rows of all ``sources`` into a new store, shard by shard.

    Every row is checked before it is written, and the result once more; it appears under its name
    when it is complete. Failed videos are kept, except those that have a row in another store.

    Args:
        sources: Folders of stores with equal manifests.
        out: Folder of the result; must not exist, or be empty.
        keep_first: Where two stores have a video, take the row of the first, instead of stopping.

    Raises:
        TargetStoreError: manifests that differ, a damaged source, a video twice, ``out`` in use.
    """
    sources, out = [Path(source) for source in sources], Path(out).resolve()
    manifest = _common_manifest(sources)
    check_unused(out)
    partial = out.with_name(f'.{out.name}.merging')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
    except FileExistsError:
        raise TargetStoreError(
            f'{partial}: left by a merge that was stopped, or of one that runs now; delete it and '
            'run again'
        ) from None
    except OSError as error:
        raise cannot_write(partial, error) from None
    try:
        report = _write(sources, partial, manifest, keep_first)
        _require_sound(partial, report.rows)
        if out.exists():
            out.rmdir()  # empty; a rename onto a folder is not possible everywhere
        partial.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise cannot_write(out, error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return report


def _common_manifest(sources: list[Path]) -> Manifest:
    if len({source.resolve() for source in sources}) < max(len(sources), 2):
        raise TargetStoreError(
            f'{", ".join(map(str, sources))}: give two or more different stores to merge'
        )
    # Manifests of earlier releases name no settings: all are compared with one that does.
    manifests = {source: read_manifest(source) for source in sources}
    first, *rest = sorted(sources, key=lambda source: not manifests[source].settings)
    for source in rest:
        differences = manifests[first].differences(manifests[source])
        if differences:
            raise TargetStoreError(
                f'{first} and {source} are stores of different targets '
                f'({"; ".join(differences)}); '
                'merge stores with equal manifests only'
            )
    return manifests[source]  # without settings if one is


def _write(sources: list[Path], partial: Path, manifest: Manifest, keep_first: bool) -> MergeReport:
    schema = arrow_schema(manifest)
    shards = [shard for source in sources for shard in shard_paths(source)]
    home: dict[Any, Path] = {}  # video id, or segment -> shard whose row was taken
    written = left_out = 0
    for shard in track(shards, len(shards), f'merge {len(sources)} stores, shards'):
        batches = []
        for batch in read_shard(shard, schema):
            keys, faults = check_batch(batch, shard, manifest)
            if faults:
                raise TargetStoreError(faults[0])
            new = []
            for key in keys:
                new.append(key not in home)
                if not new[-1] and not keep_first:
                    raise TargetStoreError(
                        f'{shard}: {row_name(key)} is also in {home[key]}; keep the first row of '
                        'such videos (--keep first), or delete one of the two shards'
                    )
                home.setdefault(key, shard)
            left_out += new.count(False)
            batch = batch.select(schema.names)
            batches.append(batch if all(new) else batch.filter(pa.array(new)))
        if sum(map(len, batches)):
            _write_batches(partial / f'shard-r000-{written:05d}.arrow', batches)
            written += 1
    there = {key[0] for key in home} if manifest.has_segments else set(home)
    _write_failures(sources, partial, there)
    write_text(partial / MANIFEST_NAME, manifest.to_json())
    sync_folder(partial)
    return MergeReport(len(home), left_out)


def _write_batches(path: Path, batches: list[pa.RecordBatch]) -> None:
    with open(path, 'wb') as file:
        with pa.ipc.new_file(file, batches[0].schema) as sink:
            for batch in batches:
                sink.write_batch(batch)
        sync_file(file)


def _write_failures(sources: list[Path], partial: Path, there: set[str]) -> None:
    failed: dict[str, tuple[str | None, str]] = {}
    for source in sources:
        reasons, faults, paths = read_failures(source)
        if faults:
            raise TargetStoreError(faults[0])
        failed.update(
            {video_id: (paths.get(video_id), reason) for video_id, reason in reasons.items()}
        )
    lines = [
        failure_line(video_id, path, reason).decode()
        for video_id, (path, reason) in failed.items()
        if video_id not in there
    ]
    if lines:
        write_text(partial / FAILED_NAME, ''.join(lines))


def _require_sound(partial: Path, rows: int) -> None:
    """The disk may have done to the result what no check of the sources sees."""
    result = verify_store(partial)
    if result.faults or result.rows != rows:
        reason = result.faults[0] if result.faults else f'{result.rows} rows instead of {rows}'
        raise TargetStoreError(
            f'the merged store is damaged and was removed ({reason}); check the disk and run again'
        )
