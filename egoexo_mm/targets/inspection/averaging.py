"""The mean of several videos' rows as rows of segments: all cameras of a take, for example."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from egoexo_mm.progress import track
from egoexo_mm.untrusted import quote

from ..store.disk import check_unused
from ..store.errors import TargetStoreError
from ..store.segments import Span, check_span, span_name
from ..store.target_store import TargetStore
from ..store.writer import StoreWriter

_ROWS = 8192  # of a shard


class Group(NamedTuple):
    """A segment of a longer video, and the videos whose rows are averaged for it."""

    video_id: str
    span: Span
    members: Sequence[str]


class AverageReport(NamedTuple):
    """Segments written, segments without any row, and members without a row."""

    rows: int
    empty: int
    absent: int


def average_store(
    source: str | Path, out: str | Path, groups: Iterable[Group], *, notes: str
) -> AverageReport:
    """Write a store of segments; each row is the plain mean of its members' rows.

    Logits are averaged as logits and probabilities as probabilities. A member without a row is left
    out of the mean. A segment none of whose members has a row is noted in ``failed.jsonl``.

    Args:
        source: Store of scores or embeddings with a row for each video.
        out: Folder of the result; must not exist, or be empty.
        groups: Each segment once; a member once in a segment.
        notes: What was averaged, for the manifest.

    Raises:
        TargetStoreError: The source holds boxes or segments, no member has a row, or a group is not
            as described.
    """
    store, out = TargetStore(source), Path(out)
    manifest = store.manifest
    if manifest.kind != 'scores' or manifest.has_segments:
        what = 'segments' if manifest.has_segments else 'boxes'
        raise TargetStoreError(
            f'{source}: holds {what}; give a store of scores or embeddings of whole videos'
        )
    groups = list(groups)
    _check_groups(groups)
    if not any(member in store for group in groups for member in group.members):
        example = groups[0].members[0] if groups and groups[0].members else ''
        raise TargetStoreError(
            f'{source}: no video of the list has a row, for example {quote(example)}; the ids of '
            f'this store are by rule {manifest.video_id!r}, for example '
            f'{quote(next(iter(store.video_ids), ""))}; give the list that the store was made for'
        )
    check_unused(out)
    notes = '; '.join(filter(None, [manifest.notes, notes]))
    manifest = dataclasses.replace(
        manifest, row='segment', notes=notes, frame_size=None, fps=None, schema_version=None
    )
    rows = empty = absent = 0
    with StoreWriter(out, manifest, rows_per_shard=_ROWS) as writer:
        for group in track(groups, len(groups), f'average {source}, segments'):
            found = [store.scores(member) for member in group.members if member in store]
            absent += len(group.members) - len(found)
            if found:
                mean = np.mean(found, axis=0, dtype=np.float64)
                writer.add_scores(group.video_id, mean, span=group.span)
                rows += 1
            else:
                name = span_name(group.video_id, group.span)
                writer.fail(group.video_id, f'segment {name}: none of its videos has a row')
                empty += 1
    return AverageReport(rows, empty, absent)


def _check_groups(groups: list[Group]) -> None:
    seen: set[tuple[str, Span]] = set()
    for group in groups:
        check_span(group.span, f'video {quote(group.video_id)}')
        if (group.video_id, group.span) in seen:
            raise TargetStoreError(
                f'segment {span_name(group.video_id, group.span)} is in the list twice; remove one'
            )
        if len(set(group.members)) < len(group.members):
            raise TargetStoreError(
                f'segment {span_name(group.video_id, group.span)} has a video twice; remove one'
            )
        seen.add((group.video_id, group.span))
