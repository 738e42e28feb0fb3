"""What is in a store, in figures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from egoexo_mm.failed_jsonl import read_failures
from egoexo_mm.untrusted import quote_names

from ..store.manifest import EMBEDDING, Manifest, read_manifest
from ..store.records import SUM_SLACK, arrow_schema
from ..store.shards import numpy_views, read_shard, shard_paths, video_ids

_FEW_SCORES = 10  # up to so many, the mean of each one is worth a line


@dataclasses.dataclass
class Spread:
    """Count, mean and range of numbers that come in pieces."""

    count: int = 0
    total: float = 0.0
    low: float = np.inf
    high: float = -np.inf

    def add(self, values: np.ndarray) -> None:
        """Count more numbers."""
        if values.size:
            self.count += values.size
            self.total += float(values.sum(dtype=np.float64))
            # NaN stays, so that it is seen
            self.low, self.high = (
                float(np.minimum(self.low, values.min())),
                float(np.maximum(self.high, values.max())),
            )

    def __str__(self) -> str:
        if not self.count:
            return 'none'
        return f'mean {self.total / self.count:.4g}, from {self.low:.4g} to {self.high:.4g}'


@dataclasses.dataclass
class StoreSummary:
    """Figures of one store.

    Attributes:
        path, manifest: The store.
        shards, rows, size: Shards, rows, and bytes of the shards on disk.
        videos: Ids of the videos of a store of segments.
        seconds: Length of the segments.
        norm: Lengths of the embeddings.
        failed, retried: Videos in ``failed.jsonl`` without a row, and with one after all.
        frames, unknown_length: Frames of all videos, and videos whose number of frames is unknown.
        score: All scores of all videos, or of all boxes.
        score_totals: Sum of each score over the videos (C,), where there are few scores.
        sums, bad_sums: Sum over the scores of a video, and how many are not 1; probabilities only.
        boxes: Kind -> number of boxes.
        processed, boxes_there: Frames that the detector saw, and the boxes there, in the videos of
            known length.
    """

    path: Path
    manifest: Manifest
    shards: int = 0
    rows: int = 0
    size: int = 0
    videos: set[str] = dataclasses.field(default_factory=set, repr=False)
    seconds: Spread = dataclasses.field(default_factory=Spread)
    norm: Spread = dataclasses.field(default_factory=Spread)
    failed: int = 0
    retried: int = 0
    frames: int = 0
    unknown_length: int = 0
    score: Spread = dataclasses.field(default_factory=Spread)
    score_totals: np.ndarray | None = None
    sums: Spread = dataclasses.field(default_factory=Spread)
    bad_sums: int = 0
    boxes: dict[int, int] = dataclasses.field(default_factory=dict)
    processed: int = 0
    boxes_there: int = 0

    def __post_init__(self) -> None:
        if self.manifest.kind == 'detections':
            self.boxes = dict.fromkeys(range(len(self.manifest.box_kinds)), 0)

    def add(self, views: dict[str, np.ndarray]) -> None:
        """Count the columns of one record batch, see :func:`.numpy_views`."""
        num_frames = views['num_frames']
        self.rows += len(num_frames)
        self.frames += int(num_frames.sum(dtype=np.int64))
        self.unknown_length += int((num_frames == 0).sum())
        if self.manifest.has_segments:
            self.seconds.add(views['stop'] - views['start'])
        if self.manifest.kind == 'detections':
            self._add_boxes(views)
        else:
            self._add_scores(
                views['score'].astype(np.float32)
            )  # float16 is many times slower to add up

    def _add_scores(self, score: np.ndarray) -> None:
        self.score.add(score)
        if self.manifest.score_kind == EMBEDDING:
            self.norm.add(np.linalg.norm(score, axis=1))
            return
        if score.shape[1] <= _FEW_SCORES:
            totals = score.sum(axis=0, dtype=np.float64)
            self.score_totals = totals if self.score_totals is None else self.score_totals + totals
        if self.manifest.score_kind == 'probabilities':
            sums = score.sum(axis=1)
            self.sums.add(sums)
            self.bad_sums += int((~(np.abs(sums - 1) <= SUM_SLACK)).sum())

    def _add_boxes(self, views: dict[str, np.ndarray]) -> None:
        if not len(views['num_frames']):
            return
        rows = slice(views['offsets'][0], views['offsets'][-1])
        self.score.add(views['score'][rows].astype(np.float32))
        for kind in self.boxes:
            self.boxes[kind] += int((views['kind'][rows] == kind).sum())
        known = views['num_frames'] > 0
        stride = np.maximum(views['frame_stride'].astype(np.int64), 1)
        self.processed += int((-(-views['num_frames'] // stride))[known].sum())
        self.boxes_there += int(np.diff(views['offsets'])[known].sum())


def summarize(path: str | Path) -> StoreSummary:
    """Figures of a store; one shard is in memory at a time.

    Raises:
        TargetStoreError: no store, or a shard that cannot be read.
    """
    path = Path(path)
    summary = StoreSummary(path, read_manifest(path))
    schema = arrow_schema(summary.manifest)
    failed = read_failures(path).reasons
    for shard in shard_paths(path):
        summary.shards += 1
        summary.size += shard.stat().st_size
        for batch in read_shard(shard, schema):
            with np.errstate(
                invalid='ignore', over='ignore'
            ):  # of a damaged store; it shows in the figures
                summary.add(numpy_views(batch, shard))
            ids = video_ids(batch, shard) if failed or summary.manifest.has_segments else []
            if summary.manifest.has_segments:
                ids = set(ids) - summary.videos
                summary.videos |= ids
            if failed:
                summary.retried += sum(video_id in failed for video_id in ids)
    summary.failed = len(failed) - summary.retried
    return summary


def _short(value: object) -> object:
    """Names of many classes as the first few."""
    names = isinstance(value, tuple) and isinstance(next(iter(value), None), str)
    return f'{len(value)}: {quote_names(value)}' if names else value


def summary_lines(summary: StoreSummary) -> list[str]:
    """The figures as text, a line each."""
    manifest = summary.manifest
    lines = [str(summary.path)]
    lines += [
        f'  {field}: {_short(value)}'
        for field, value in dataclasses.asdict(manifest).items()
        if value is not None
    ]
    count = f'{summary.rows} in {summary.shards} shard(s), {summary.size / 1e6:.1f} MB'
    lines.append(f'  {manifest.rows}: {count}')
    if manifest.has_segments:  # the frames of a video would count once for each segment
        lines += [
            f'  videos: {len(summary.videos)}',
            f'  seconds of a segment: {summary.seconds}',
        ]
    else:
        unknown = f' (length unknown for {summary.unknown_length} video(s))'
        lines.append(f'  frames: {summary.frames}' + unknown * bool(summary.unknown_length))
    if manifest.kind == 'scores':
        lines.append(f'  scores: {summary.score}')
        if manifest.score_kind == EMBEDDING:
            lines.append(f'  lengths of the embeddings: {summary.norm}')
        if summary.score_totals is not None:
            means = ', '.join(f'{total / summary.rows:.4g}' for total in summary.score_totals)
            lines.append(f'  mean of each score: {means}')
        if manifest.score_kind == 'probabilities':
            lines.append(f'  sums: {summary.sums}; {summary.bad_sums} of {summary.rows} are not 1')
    else:
        counts = list(summary.boxes.values())
        each = [
            f'{count} of {name}s' if manifest.kinds is None else f'{count} {name}'
            for name, count in zip(manifest.box_kinds, counts)
        ]
        *most, last = each
        lines.append(f'  boxes: {sum(counts)}, {", ".join(most)}{" and " if most else ""}{last}')
        if summary.processed:
            lines.append(
                f'  boxes per processed frame: {summary.boxes_there / summary.processed:.4g} '
                f'({summary.processed} frames)'
            )
        lines.append(f'  scores: {summary.score}')
    retried = f' (and {summary.retried} that have a row after all)' if summary.retried else ''
    lines.append(f'  failed.jsonl: {summary.failed} video(s) without a row{retried}')
    return lines
