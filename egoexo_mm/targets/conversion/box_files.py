"""The loop that turns boxes, from one file per video or one for all, into rows of a store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from egoexo_mm.failed_jsonl import forget_failures
from egoexo_mm.progress import track

from ..store.errors import TargetStoreError
from ..store.manifest import Manifest, video_id_from_path
from ..store.writer import StoreWriter

ReadFile = Callable[[Path, str], dict[str, Any]]  # path, video id -> arguments of add_detections


class BoxesReport(NamedTuple):
    """Outcome of a conversion: videos written now, found done, and failed."""

    written: int
    already: int
    failed: int


def convert_files(
    paths: Sequence[Path], out: str | Path, manifest: Manifest, read: ReadFile, **options: Any
) -> BoxesReport:
    """Write a row per file; the file stem is the video id. See :func:`convert_videos`."""
    sources = [(video_id_from_path(path.name), path) for path in paths]
    return convert_videos(sources, out, manifest, read, **options)


def convert_videos(
    sources: Sequence[tuple[str, Path]],
    out: str | Path,
    manifest: Manifest,
    read: ReadFile,
    *,
    label: str,
    skip_bad: bool = False,
    rows_per_shard: int = 1024,
) -> BoxesReport:
    """Write a row per video; what is in the store already is not read.

    Args:
        sources: Video id and the file with its boxes.
        out: Folder of the store, new or begun with the same manifest.
        manifest: Description of the store.
        read: Reads the boxes of one video.
        label: What the line of progress says.
        skip_bad: List a bad file in ``failed.jsonl`` and go on, instead of stopping.
        rows_per_shard: Videos per shard.

    Raises:
        TargetStoreError: another store in ``out``, or a bad file without ``skip_bad``.
    """
    failed = 0
    with StoreWriter(out, manifest, rows_per_shard) as writer:
        forget_failures(writer.path, {name for name, _ in sources})  # tried again below
        todo = [source for source in sources if source[0] not in writer.done]
        for video_id, path in track(todo, len(todo), label):
            try:
                writer.add_detections(video_id, **read(path, video_id))
            except (TargetStoreError, OSError) as error:
                if not skip_bad:
                    raise
                writer.fail(video_id, error, path)
                failed += 1
    return BoxesReport(len(todo) - failed, len(sources) - len(todo), failed)
