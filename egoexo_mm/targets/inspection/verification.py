"""Checking a store to the last row: all that is wrong with it, not only the first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from egoexo_mm.failed_jsonl import read_failures
from egoexo_mm.progress import track
from egoexo_mm.untrusted import quote, shorten

from ..store.errors import TargetStoreError
from ..store.listed_videos import listed_ids, listed_paths
from ..store.manifest import Manifest, read_manifest
from ..store.records import (
    DETECTION_FIELDS,
    SUM_SLACK,
    VideoInfo,
    arrow_schema,
    check_detections,
    check_frame_grid,
    check_scores,
    check_video,
)
from ..store.segments import check_span, row_keys, row_name
from ..store.shards import numpy_views, read_shard, shard_paths, video_ids

__all__ = [
    'Verification',
    'check_batch',
    'coverage_faults',
    'listed_ids',
    'listed_paths',
    'verify_store',
]


class Verification(NamedTuple):
    """Shards and rows that were looked at, and a sentence for each fault."""

    shards: int
    rows: int
    faults: list[str]


def verify_store(path: str | Path, listed: Iterable[str] | None = None) -> Verification:
    """Read every row of a store and check all its values; progress is printed.

    Args:
        path: Folder of the store.
        listed: Ids of videos that should have a row.

    Raises:
        TargetStoreError: the folder is no store, so that there is nothing to check.
    """
    path = Path(path)
    manifest = read_manifest(path)
    shards = shard_paths(path)
    failures = read_failures(path)
    home: dict[Any, str] = {}  # what a row is known by -> its shard
    rows, faults = 0, failures.faults
    for shard in track(shards, len(shards), f'verify {path}, shards'):
        try:
            for batch in read_shard(shard, arrow_schema(manifest)):
                keys, found = check_batch(batch, shard, manifest)
                rows += len(keys)
                faults += found
                for key in keys:
                    if key in home:
                        faults.append(
                            f'{shard}: {row_name(key)} is a second time in the store, the first is '
                            f'in {home[key]}; delete one of the two shards and run the writer again'
                        )
                    home.setdefault(key, shard.name)
        except TargetStoreError as error:
            faults.append(str(error))
    if listed is not None:
        there = {key[0] for key in home} if manifest.has_segments else home
        faults += coverage_faults(list(listed), there, failures.reasons, path)
    return Verification(len(shards), rows, faults)


def check_batch(
    batch: pa.RecordBatch, shard: Path, manifest: Manifest
) -> tuple[list[Any], list[str]]:
    """What the rows of a batch are known by, and a sentence for each that is not as it should be.

    A row is known by the id of its video, a segment by id, start and stop.

    Raises:
        TargetStoreError: the batch cannot be read.
    """
    try:
        batch.validate(full=True)  # offsets within bounds, so that nothing below reads beyond them
    except (pa.ArrowException, ValueError) as error:
        raise TargetStoreError(
            f'{shard}: damaged ({shorten(str(error))}); delete this shard and run its writer '
            'again (it redoes only what is then missing)'
        ) from None
    ids, views = video_ids(batch, shard), numpy_views(batch, shard)
    faults = []
    for row, video_id in enumerate(ids):
        where = f'{shard}: video {quote(video_id)}'
        try:
            if not video_id:
                raise TargetStoreError(
                    f'{shard}: row {row} has an empty video id; write an id in every row'
                )
            _check_row(views, row, manifest, where)
        except TargetStoreError as error:
            faults.append(str(error))
    return row_keys(ids, views), faults


def _check_row(views: dict[str, np.ndarray], row: int, manifest: Manifest, where: str) -> None:
    _check_video(views, row, manifest, where)
    if manifest.has_segments:
        check_span((views['start'].item(row), views['stop'].item(row)), where)
    if manifest.kind == 'scores':
        scores = check_scores(views['score'][row], manifest.num_scores, where)
        if manifest.score_kind == 'probabilities':
            low, total = float(scores.min()), float(scores.sum(dtype=np.float64))
            if low < 0 or abs(total - 1) > SUM_SLACK:
                raise TargetStoreError(
                    f'{where}: minimum {low:.4g} and sum {total:.4g} are not of probabilities, '
                    'which the '
                    "manifest's score_kind says; correct the manifest or write the row again"
                )
        return
    begin, end = views['offsets'][row : row + 2].tolist()
    columns = {name: views[name][begin:end] for name in DETECTION_FIELDS}
    check_detections(columns, where, len(manifest.box_kinds))
    if (np.diff(columns['frame']) < 0).any():
        raise TargetStoreError(
            f'{where}: frames are not in ascending order; sort its detections by frame'
        )
    check_frame_grid(
        columns['frame'], int(views['num_frames'][row]), int(views['frame_stride'][row]), where
    )


def _check_video(views: dict[str, np.ndarray], row: int, manifest: Manifest, where: str) -> None:
    """Refuse a frame count, rate, size or stride that is impossible or not the manifest's."""
    info = VideoInfo(*[views[name][row].item() for name in VideoInfo._fields])
    check_video(info, where)
    size, fps = (info.width, info.height), info.fps
    if manifest.frame_size is not None and size not in ((0, 0), manifest.frame_size):
        raise TargetStoreError(
            f'{where}: frame size is {size}, but {manifest.frame_size} in the manifest; correct '
            'one of the two'
        )
    if manifest.fps and fps and abs(fps - manifest.fps) > 1e-3 * manifest.fps:
        raise TargetStoreError(
            f'{where}: fps is {fps:g}, but {manifest.fps:g} in the manifest; correct one of the two'
        )


def coverage_faults(
    listed: list[str], there: Iterable[str], failed: dict[str, str], path: Path
) -> Iterator[str]:
    """A sentence on the listed videos without a row, if there are any."""
    absent = [video_id for video_id in listed if video_id not in there]
    if absent:
        known = sum(video_id in failed for video_id in absent)
        yield (
            f'{path}: {len(absent)} of {len(listed)} listed videos have no row ({known} of them '
            'are in failed.jsonl), '
            f'the first is {quote(absent[0])}; run the teacher on them, or leave them out of the '
            'list'
        )
