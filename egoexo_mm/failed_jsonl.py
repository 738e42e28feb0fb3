"""``failed.jsonl``: videos that could not be used, and why.

A line is a JSON object with ``video_id``, ``path`` (of the file; lines of older versions lack it)
and ``reason``. Target stores, prepared data and work dirs of training runs have such a file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from .atomic_files import whole_file
from .untrusted.json_text import parse_json

FAILED_NAME = 'failed.jsonl'


class Failures(NamedTuple):
    """What ``failed.jsonl`` says.

    Attributes:
        reasons: Video id -> last reason.
        faults: A sentence for each line that cannot be read.
        paths: Video id -> file, where one is named.
    """

    reasons: dict[str, str]
    faults: list[str]
    paths: dict[str, str]


def failure_line(video_id: str, path: str | Path | None, reason: Any, **more: str) -> bytes:
    """A line for ``failed.jsonl``; ``path`` is None where no file is known, ``more`` is added."""
    entry = dict(
        video_id=str(video_id),
        path=None if path is None else str(path),
        reason=' '.join(str(reason).split()),
        **more,
    )
    return (json.dumps(entry) + '\n').encode()


def append_failure(
    file: str | Path, video_id: str, path: str | Path | None, reason: Any, **more: str
) -> None:
    """Add a :func:`failure_line` in one write, so that several processes may do so at once."""
    with open(file, 'ab+', buffering=0) as handle:
        size = handle.seek(0, os.SEEK_END)
        handle.seek(max(size - 1, 0))
        cut = handle.read(1) not in (b'', b'\n')  # the last line of a killed run
        handle.write(b'\n' * cut + failure_line(video_id, path, reason, **more))


def forget_failures(folder: Path, video_ids: Collection[str]) -> None:
    """Remove the lines of some videos; the file goes with its last line."""
    path = folder / FAILED_NAME
    if not path.exists():
        return
    kept = []
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            gone = str(parse_json(line)['video_id']) in video_ids
        except (ValueError, KeyError, TypeError):
            gone = False
        if not gone:
            kept.append(line)
    if not kept:
        path.unlink()
        return
    with whole_file(path) as temporary:
        Path(temporary).write_bytes(b''.join(kept))


def read_failures(folder: Path) -> Failures:
    """Read ``failed.jsonl``; without one there are no failures."""
    path = folder / FAILED_NAME
    reasons, faults, paths = {}, [], {}
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            entry = parse_json(line)
            reasons[str(entry['video_id'])] = str(entry['reason'])
            if entry.get('path'):
                paths[str(entry['video_id'])] = str(entry['path'])
        except (ValueError, KeyError, TypeError, AttributeError):
            faults.append(
                f'{path}, line {number}: expected a JSON object with video_id and reason; '
                'remove the line'
            )
    return Failures(reasons, faults, paths)
