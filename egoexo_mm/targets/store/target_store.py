"""Reading a target store: memory-mapped Arrow shards, one row per video or per segment."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from egoexo_mm.untrusted import quote

from .errors import MissingVideoError, TargetStoreError
from .frame_matching import rows_of_frames, stored_frames
from .manifest import read_manifest
from .records import (
    DETECTION_FIELDS,
    Detections,
    VideoInfo,
    arrow_schema,
    boxes_in_order,
    check_box_values,
)
from .segments import SegmentIndex, Span, check_span, describe, span_name
from .shards import check_ids, numpy_views, read_shard, shard_paths, video_ids

_PICKED = tuple(name for name in DETECTION_FIELDS if name != 'frame')


class TargetStore:
    """Targets of one teacher on one data set.

    Opening reads the manifest and the ids. A read touches the pages of its own rows only, and
    workers share them through the page cache. Every array handed out is a fresh copy.

    Args:
        path: Folder made by :class:`StoreWriter`, or by another program after
            ``docs/target_store.md``.

    Raises:
        TargetStoreError: the folder is no store, has another schema version, holds a broken or
            foreign shard, or has one video twice.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.manifest = read_manifest(self.path)
        self._index: dict[str, int] = {}
        self._batches: list[tuple[Path, pa.RecordBatch]] = []
        self._starts: list[int] = []  # number of the first row of each batch
        self._views: dict[int, dict[str, np.ndarray]] = {}
        self._segments: SegmentIndex | None = None
        schema = arrow_schema(self.manifest)
        batches = (
            (shard, b) for shard in shard_paths(self.path) for b in read_shard(shard, schema)
        )
        if self.manifest.has_segments:
            self._add_segments(batches)
        else:
            for shard, batch in batches:
                self._add_batch(shard, batch)
        self._frames_checked = np.zeros(
            len(self) if self.manifest.kind == 'detections' else 0, dtype=bool
        )

    def __reduce__(self):
        return type(self), (self.path,)  # spawned workers map the files again

    def __repr__(self) -> str:
        what = f'{len(self)} segments of ' if self.manifest.has_segments else ''
        return (
            f'TargetStore({str(self.path)!r}: {self.manifest.signal}, {what}{len(self._index)} '
            'videos)'
        )

    def __len__(self) -> int:
        """Rows: videos, or segments."""
        return self._rows if self.manifest.has_segments else len(self._index)

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._index

    @property
    def video_ids(self) -> list[str]:
        """Ids of all videos in storage order, each once."""
        return list(self._index)

    def keys(self) -> Iterator[str | tuple[str, float, float]]:
        """What names each row: the id of its video, of a segment also start and stop."""
        if self._segments is None:
            yield from self._index
            return
        for video_id in self._index:
            for start, stop in self._segments.spans(video_id).tolist():
                yield video_id, start, stop

    def segments(self, video_id: str) -> np.ndarray:
        """Start and stop of a video's segments in seconds, by start, float64 (n, 2)."""
        return self._need_segments().spans(video_id)

    def covers(self, video_id: str, span: Span | None = None, own: Span | None = None) -> bool:
        """Whether there is a row for a clip, see :meth:`scores`."""
        if self._segments is None or span is None:
            return video_id in self._index
        return self._segments.find(video_id, span, own) is not None

    def coverage(self, video_ids: Iterable[str]) -> list[str]:
        """Those of ``video_ids`` that the store lacks, in the order given."""
        return [video_id for video_id in video_ids if video_id not in self._index]

    def info(self, video_id: str) -> VideoInfo:
        """Frame count, fps and size of the copy that the teacher saw."""
        views, row, _ = self._locate(video_id)
        return _info(views, row)

    def scores(
        self, video_id: str, span: Span | None = None, own: Span | None = None
    ) -> np.ndarray:
        """Scores or embedding of a video or a segment, float32 (C,), of the manifest's kind.

        A store of segments gives the segment that equals ``own``, else the one that overlaps the
        clip longest, see :meth:`~egoexo_mm.targets.store.segments.SegmentIndex.find`.

        Args:
            video_id: Id of the video.
            span: Start and stop of the clip in seconds; of stores of segments.
            own: Start and stop of the annotated segment that the clip is cut from.

        Raises:
            MissingVideoError: No such video, or no segment of it overlaps the clip.
            TargetStoreError: The store holds boxes, or a row is damaged.
        """
        if self.manifest.kind != 'scores':
            self._require('scores')
        if self._segments is None:
            views, row, shard = self._locate(video_id)
        else:
            found = None if span is None else self._segments.find(video_id, span, own)
            if found is None:
                raise self._no_segment(video_id, span)
            views, row, shard = self._at(found)
        scores = views['score'][row].astype(np.float32)
        # NaN and infinity stay in the sum of squares, which float16 numbers cannot overflow
        if not math.isfinite(scores.dot(scores)):
            raise TargetStoreError(
                f'{shard}: scores of video {quote(video_id)} are NaN or infinite; '
                'write the row again'
            )
        return scores

    def detection_frames(self, video_id: str) -> np.ndarray:
        """Stored frame number of each detection of a video, int32 (n,), ascending."""
        self._require('detections')
        views, row, _ = self._locate(video_id)
        return views['frame'][_bounds(views, row)].copy()

    def detections(
        self,
        video_id: str,
        frame_inds: Sequence[int],
        *,
        total_frames: int | None = None,
        fps: float | None = None,
        frame_times: np.ndarray | None = None,
    ) -> Detections:
        """Boxes on frames of a video, frame by frame; a frame asked for twice gets them twice.

        Args:
            video_id: Id of the video.
            frame_inds: 0-based frame numbers (n,) of the user's copy.
            total_frames: Frame count of the user's copy, where known.
            fps: Frame rate of the user's copy, where known; see :func:`stored_frames`.
            frame_times: Seconds at which its frames are shown, where its rate varies.
        """
        self._require('detections')
        views, row, shard = self._locate(video_id)
        bounds = _bounds(views, row)
        frame = views['frame'][bounds]
        number = self._index[video_id]
        if not self._frames_checked[number]:
            _check_order(frame, video_id, shard)
            self._frames_checked[number] = True
        wanted = stored_frames(frame_inds, _info(views, row), total_frames, fps, frame_times)
        slot, rows = rows_of_frames(frame, wanted)
        picked = {name: views[name][bounds].take(rows, axis=0) for name in _PICKED}
        if not boxes_in_order(picked['box']):  # what is wrong takes longer to find out
            check_box_values(picked['box'], frame[rows], f'{shard}: video {quote(video_id)}')
        for name in ('score', 'offset'):
            picked[name] = picked[name].astype(np.float32)
        return Detections(slot=slot, **picked)

    def _require(self, kind: str) -> None:
        if self.manifest.kind != kind:
            raise TargetStoreError(
                f'{self.path}: asked for {kind}, but this store holds {self.manifest.kind} '
                f'(signal {self.manifest.signal!r}); give the store of the other signal'
            )

    def _add_batch(self, shard: Path, batch: pa.RecordBatch) -> None:
        start = len(self._index)
        ids = video_ids(batch, shard)
        self._batches.append((shard, batch))
        self._starts.append(start)
        for number, video_id in enumerate(ids, start):
            first = self._index.setdefault(video_id, number)
            if first != number:
                other = self._batches[bisect.bisect_right(self._starts, first) - 1][0]
                raise TargetStoreError(
                    f'{shard}: video {quote(video_id)} is also in {other.name}; delete one of the '
                    'two shards and run the writer again (it redoes only what is then missing)'
                )

    def _add_segments(self, batches: Iterable[tuple[Path, pa.RecordBatch]]) -> None:
        starts, stops, rows = [np.zeros(0)], [np.zeros(0)], 0
        for i, (shard, batch) in enumerate(batches):
            check_ids(batch, shard)
            self._batches.append((shard, batch))
            self._starts.append(rows)
            rows += len(batch)
            self._views[i] = numpy_views(batch, shard)
            starts.append(self._views[i]['start'])
            stops.append(self._views[i]['stop'])
        self._rows = rows
        start, stop = np.concatenate(starts), np.concatenate(stops)
        odd = np.flatnonzero(~((start >= 0) & (start < stop) & (stop < np.inf)))  # NaN too
        if len(odd):
            shard, name = self._name_of(odd.item(0))
            check_span((start[odd[0]], stop[odd[0]]), f'{shard}: video {quote(name)}')
        ids = [batch.column('video_id') for _, batch in self._batches]
        self._segments = SegmentIndex(ids, start, stop)
        self._index = self._segments.videos
        for first, second in self._segments.twice:
            (one, _), (other, name) = self._name_of(first), self._name_of(second)
            raise TargetStoreError(
                f'{other}: segment {span_name(name, (start[second], stop[second]))} is also in '
                f'{one.name}; delete one of the two shards and run the writer again (it redoes '
                'only what is then missing)'
            )

    def _need_segments(self) -> SegmentIndex:
        if self._segments is None:
            raise TargetStoreError(
                f'{self.path}: has a row for each video, and no segments; give a store of segments'
            )
        return self._segments

    def _name_of(self, number: int) -> tuple[Path, str]:
        """Shard and video of a row."""
        i = bisect.bisect_right(self._starts, number) - 1
        shard, batch = self._batches[i]
        return shard, batch.column('video_id')[number - self._starts[i]].as_py()

    def _no_segment(self, video_id: str, span: Span | None) -> TargetStoreError:
        if span is None:
            return TargetStoreError(
                f'{self.path}: has a row for each segment of a video; give the start and stop of '
                'the clip in seconds'
            )
        self._locate(video_id)  # of an unknown video, says which ids there are
        return MissingVideoError(
            f'{self.path}: no segment of video {quote(video_id)} overlaps {span[0]:g} to '
            f'{span[1]:g} s ({describe(self.segments(video_id))}); run the teacher on it, '
            'or choose to skip videos without target'
        )

    def _locate(self, video_id: str) -> tuple[dict[str, np.ndarray], int, Path]:
        """Column views of the video's batch, its row in them, and the shard.

        Of a store of segments it is the row of its first segment.
        """
        number = self._index.get(video_id)
        if number is None:
            example = f', for example {quote(next(iter(self._index)))}' if self._index else ''
            raise MissingVideoError(
                f'{self.path}: no video {quote(video_id)} among the {len(self._index)} of this '
                'store (ids '
                'by '
                f'rule {self.manifest.video_id!r}{example}); run the teacher on it, or choose to '
                'skip videos without target'
            )
        if self._segments is not None:
            number = self._segments.rows(video_id).item(0)
        return self._at(number)

    def _at(self, number: int) -> tuple[dict[str, np.ndarray], int, Path]:
        i = bisect.bisect_right(self._starts, number) - 1
        shard, batch = self._batches[i]
        if i not in self._views:
            self._views[i] = numpy_views(batch, shard)
        return self._views[i], number - self._starts[i], shard


def _bounds(views: dict[str, np.ndarray], row: int) -> slice:
    """Where the detections of a row are in the columns of its batch."""
    return slice(views['offsets'].item(row), views['offsets'].item(row + 1))


def _info(views: dict[str, np.ndarray], row: int) -> VideoInfo:
    return VideoInfo(*[views[name].item(row) for name in VideoInfo._fields])


def _check_order(frame: np.ndarray, video_id: str, shard: Path) -> None:
    if len(frame) and (frame[0] < 0 or (frame[1:] < frame[:-1]).any()):
        raise TargetStoreError(
            f'{shard}: frames of video {quote(video_id)} are negative or not '
            'in ascending order; sort its detections by frame'
        )


def open_stores(paths: dict[str, str | Path | None]) -> dict[str, TargetStore]:
    """Open the stores of a training run.

    Args:
        paths: Target name (``ego_score``, ``object_score``, ``interaction_map``, or the name of
            another signal, of boxes with ``_map`` behind) -> folder; targets without one are left
            out.

    Raises:
        TargetStoreError: a store cannot be opened, holds another signal than its name says, or
            names videos by another rule than the others.
    """
    stores = {name: TargetStore(path) for name, path in paths.items() if path}
    for name, store in stores.items():
        if name not in (store.manifest.signal, store.manifest.target):
            raise TargetStoreError(
                f'{store.path}: holds {store.manifest.signal!r}, but is given as '
                f'{quote(name)}; give the store of that signal'
            )
    rules = {store.manifest.video_id: store.path for store in stores.values()}
    if len(rules) > 1:
        (one, path), (other, second) = list(rules.items())[:2]
        raise TargetStoreError(
            f'{path} names videos by rule {quote(one)} and {second} by {quote(other)}; '
            'write one of them again with the rule of the other'
        )
    return stores
