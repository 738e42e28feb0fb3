"""Writing a target store in complete shards, so that a killed run leaves no half-written row."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

from egoexo_mm.failed_jsonl import FAILED_NAME, append_failure
from egoexo_mm.file_locks import file_lock
from egoexo_mm.untrusted import quote

from .disk import cannot_write, sync_file, sync_folder, write_text
from .errors import TargetStoreError
from .manifest import MANIFEST_NAME, Manifest, read_manifest
from .records import (
    VideoInfo,
    arrow_schema,
    check_detections,
    check_frame_grid,
    check_scores,
    check_video,
)
from .segments import Span, check_span, span_name
from .shards import write_shard
from .target_store import TargetStore

# Bounds the memory of an open shard (about 150 MB) where videos are hours long.
_MAX_BOXES_PER_SHARD = 2**22


class StoreWriter:
    """Appends rows to a store, new or begun; use it as a context manager.

    Rows collect in memory and reach the disk as complete shards (written under a temporary name,
    synced, renamed). A killed run loses the unfinished shard only; an exception loses nothing.
    Several processes may write into one folder when each has its own ``rank``.

    Args:
        path: Folder of the store; made when missing.
        manifest: Description of the store; must equal that of a store already there.
        rows_per_shard: Videos per shard.
        rank: Number of this writer.

    Raises:
        TargetStoreError: the folder belongs to another store or to another program, a shard in
            it is broken, or a second process writes under this rank.
    """

    def __init__(
        self, path: str | Path, manifest: Manifest, rows_per_shard: int = 1024, rank: int = 0
    ) -> None:
        if rows_per_shard < 1:
            raise TargetStoreError(f'rows_per_shard is {rows_per_shard}: expected 1 or more')
        self.path, self.manifest, self.rank = Path(path), manifest, rank
        self.rows_per_shard = rows_per_shard
        self._rows: list[dict[str, Any]] = []
        self._boxes = 0
        self._begin_folder()
        self._lock_path = self.path / f'.lock-r{rank:03d}'
        self._lock = contextlib.ExitStack()
        self._take_lock()
        try:
            for leftover in self.path.glob(f'.*.tmp-r{rank:03d}'):  # of a killed run
                leftover.unlink(missing_ok=True)
            self._write_manifest()
            # ids of the videos on disk; of segments (id, start, stop)
            self.done: frozenset[Any] = frozenset(TargetStore(self.path).keys())
        except BaseException:
            self._lock.close()
            raise
        self._seen = set(self.done)

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def add_scores(
        self,
        video_id: str,
        scores: Any,
        num_frames: int = 0,
        fps: float = 0.0,
        width: int = 0,
        height: int = 0,
        *,
        span: Span | None = None,
    ) -> None:
        """Add one row of scores, or one embedding.

        Args:
            video_id: Id of the video.
            scores: (C,).
            num_frames: Of the video; 0 is unknown, as for the next three.
            fps: Frame rate that the teacher saw.
            width: Of the frames.
            height: Of the frames.
            span: Start and stop of the segment in seconds; of stores of segments.
        """
        where = self._where(video_id, 'scores')
        if (span is not None) != self.manifest.has_segments:
            holds = 'segments, give a span' if span is None else 'whole videos, leave out the span'
            raise TargetStoreError(f'{where}: this store is of {holds}')
        if span is not None:
            span = (float(span[0]), float(span[1]))
            check_span(span, where)
        row = self._video_row(video_id, where, num_frames, fps, width, height, 1, span)
        row['score'] = check_scores(scores, self.manifest.num_scores, where)
        self._append(row)

    def add_detections(
        self,
        video_id: str,
        *,
        frame: Any,
        box: Any,
        score: Any,
        kind: Any,
        side: Any = None,
        contact: Any = None,
        offset: Any = None,
        num_frames: int = 0,
        fps: float = 0.0,
        width: int = 0,
        height: int = 0,
        frame_stride: int = 1,
    ) -> None:
        """Add one video's detections in any order; see :class:`Detections` for the columns.

        Args:
            video_id: Id of the video.
            frame: 0-based frame numbers (n,), multiples of ``frame_stride``; n may be 0.
            box: (n, 4), fractions of frame width and height.
            score: (n,) in [0, 1].
            kind: (n,), ``HAND`` or ``OBJECT``, or the place in ``kinds`` of the manifest.
            side: (n,), of hands; ``None`` is unknown.
            contact: (n,), of hands; ``None`` is unknown.
            offset: (n, 2), from hand to object; ``None`` is unknown.
            num_frames: Of the video; 0 is unknown, as for the next three.
            fps: Frame rate that the detector saw.
            width: Of the frames.
            height: Of the frames.
            frame_stride: The detector saw frames 0, stride, 2 * stride, ...
        """
        where = self._where(video_id, 'detections')
        row = self._video_row(video_id, where, num_frames, fps, width, height, frame_stride)
        row.update(
            check_detections(
                dict(
                    frame=frame,
                    box=box,
                    score=score,
                    kind=kind,
                    side=side,
                    contact=contact,
                    offset=offset,
                ),
                where,
                len(self.manifest.box_kinds),
            )
        )
        check_frame_grid(row['frame'], num_frames, frame_stride, where)
        self._boxes += len(row['frame'])
        self._append(row)

    def fail(self, video_id: str, reason: Any, path: str | Path | None = None) -> None:
        """Note in ``failed.jsonl`` that a video gave no row, its file, and why."""
        append_failure(self.path / FAILED_NAME, video_id, path, reason)

    def flush(self) -> None:
        """Write the rows so far as a shard, whatever their number; without rows nothing happens."""
        if not self._rows:
            return
        shard = re.compile(rf'shard-r{self.rank:03d}-(\d+)\.arrow')
        numbers = [int(found[1]) for found in map(shard.fullmatch, os.listdir(self.path)) if found]
        name = f'shard-r{self.rank:03d}-{max(numbers, default=-1) + 1:05d}.arrow'
        with self._temporary(name) as temporary:
            with open(temporary, 'wb') as file:
                write_shard(file, self._rows, arrow_schema(self.manifest))
                sync_file(file)
            os.replace(temporary, self.path / name)
        sync_folder(self.path)
        self._rows, self._boxes = [], 0

    def close(self) -> None:
        """Write the unfinished shard; the writer must not be used afterwards."""
        try:
            self.flush()
        finally:
            self._lock.close()

    def _where(self, video_id: str, kind: str) -> str:
        if self.manifest.kind != kind:
            raise TargetStoreError(
                f'{self.path}: cannot add {kind}, this store is for {self.manifest.kind} (signal '
                f'{self.manifest.signal!r}); open a writer with the manifest of the other signal'
            )
        return f'{self.path}: video {quote(video_id)}'

    def _video_row(
        self,
        video_id: str,
        where: str,
        num_frames: int,
        fps: float,
        width: int,
        height: int,
        frame_stride: int,
        span: Span | None = None,
    ) -> dict[str, Any]:
        if not isinstance(video_id, str) or not video_id:
            raise TargetStoreError(f'{where}: the id must be a string that is not empty')
        try:
            video_id.encode()
        except UnicodeEncodeError:
            raise TargetStoreError(
                f'{where}: the id is not UTF-8, which a store needs; rename the file'
            ) from None
        if span is not None and (video_id, *span) in self._seen:
            raise TargetStoreError(
                f'{self.path}: segment {span_name(video_id, span)} is in the store already; skip '
                'those in writer.done'
            )
        if span is None and video_id in self._seen:
            raise TargetStoreError(
                f'{where} is in the store already; skip the ids in writer.done, or, when two files '
                "share a name, use the id rule 'path'"
            )
        info = VideoInfo(num_frames, fps, width, height, frame_stride)
        check_video(info, where)
        row = {name: int(value) for name, value in info._asdict().items()}
        if span is not None:
            row.update(start=span[0], stop=span[1])
        return dict(row, video_id=video_id, fps=float(fps))

    def _append(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        key = row['video_id']
        self._seen.add((key, row['start'], row['stop']) if 'start' in row else key)
        if len(self._rows) >= self.rows_per_shard or self._boxes >= _MAX_BOXES_PER_SHARD:
            self.flush()

    @contextlib.contextmanager
    def _temporary(self, name: str):
        temporary = self.path / f'.{name}.tmp-r{self.rank:03d}'
        try:
            yield temporary
        except OSError as error:  # a full disk, most likely
            raise cannot_write(self.path / name, error) from None
        finally:
            temporary.unlink(missing_ok=True)

    def _begin_folder(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise TargetStoreError(f'{self.path}: is a file; give a folder for the store')
        if not (self.path / MANIFEST_NAME).exists() and any(self.path.glob('[!.]*')):
            if not (self.path / MANIFEST_NAME).exists():  # another rank may just have made it
                raise TargetStoreError(
                    f'{self.path}: holds files but no {MANIFEST_NAME}, so it is no target store; '
                    'give a new or empty folder'
                )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def _write_manifest(self) -> None:
        target = self.path / MANIFEST_NAME
        if not target.exists():
            with self._temporary(MANIFEST_NAME) as temporary:
                write_text(temporary, self.manifest.to_json())
                try:
                    os.link(temporary, target)  # unlike a rename, never replaces another rank's
                except FileExistsError:
                    pass
                except OSError:  # a file system without hard links
                    os.replace(temporary, target)
            sync_folder(self.path)
        differ = read_manifest(self.path).differences(self.manifest)
        if differ:
            raise TargetStoreError(
                f'{self.path}: is the store of other targets '
                f'({"; ".join(differ)}); give another folder'
            )

    def _take_lock(self) -> None:
        try:
            self._lock.enter_context(file_lock(self._lock_path, wait=False))
        except BlockingIOError:
            raise TargetStoreError(
                f'{self.path}: another process writes as rank {self.rank}; wait '
                'for it, or give each process its own rank'
            ) from None
        except OSError as error:
            raise cannot_write(self._lock_path, error) from None
        self._lock.callback(self._lock_path.unlink, missing_ok=True)
