"""The broken files of a run: each is listed once, by the data worker that meets it first."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import BinaryIO

import torch
from mmengine.logging import MMLogger

from egoexo_mm.failed_jsonl import FAILED_NAME, append_failure
from egoexo_mm.file_locks import file_lock

_LONGEST_NAME = 4096  # bytes


class FailedMedia:
    """Files that could not be read, in a ``failed.jsonl`` that all workers of a run share.

    Args:
        file: Where to list them. None: in the work dir, once :meth:`begin` has named it; nowhere
            before that.
    """

    def __init__(self, file: str | None = None) -> None:
        self._given = file
        # in shared memory, because workers may start before the run has named its work dir
        self._name = torch.zeros(_LONGEST_NAME, dtype=torch.uint8).share_memory_()
        # length of the file when the run began
        self._begin_at = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._met: dict[str, str] = {}  # path -> reason, by this process
        self._listed: set[str] = set()  # paths in the file, as far as this process has read it
        self._of_this_run: dict[str, str] = {}  # those that were listed since the run began
        self._read_to = 0
        if file:
            self._begin(Path(file))

    @property
    def file(self) -> Path | None:
        """The list; None before it is known."""
        name = bytes(self._name.tolist()).rstrip(b'\0')
        return Path(os.fsdecode(name)) if name else None

    def begin(self, work_dir: str) -> None:
        """Start a run. Files that were listed earlier are not listed again."""
        self._begin(Path(work_dir, self._given or FAILED_NAME))

    def _begin(self, file: Path) -> None:
        self._met.clear()
        self._listed.clear()
        self._of_this_run.clear()
        self._read_to = 0
        name = os.fsencode(file.absolute())
        self._begin_at.fill_(file.stat().st_size if file.exists() else 0)
        self._name[: len(name)] = torch.tensor(list(name), dtype=torch.uint8)
        self._name[len(name) :] = 0

    def note(self, path: str, video_id: str, reason: str) -> bool:
        """Record a broken file; True the first time that this process meets it."""
        warn = MMLogger.get_current_instance().warning
        new = path not in self._met
        self._met.setdefault(path, reason)
        if path in self._listed:
            return new
        file = self.file
        if file is None:
            if new:
                warn(
                    f'{path}: skipped ({reason}); add BrokenMediaHook to list such files in the '
                    'work dir'
                )
            return new
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, 'ab+') as handle, file_lock(file):
            self._read_lines(handle)
            if path not in self._listed:
                append_failure(file, video_id, path, reason)
                self._read_lines(handle)
                warn(f'{path}: skipped ({reason}); listed in {file}')
        return new

    def found(self) -> dict[str, str]:
        """Path -> reason of the files that this run has met, as far as this process knows."""
        return {**self._of_this_run, **self._met}

    def _read_lines(self, handle: BinaryIO) -> None:
        """Read what others have listed since the last look."""
        handle.seek(self._read_to)
        for line in handle.read().splitlines(keepends=True):
            with contextlib.suppress(ValueError, KeyError, TypeError):  # not a line of ours
                entry = json.loads(line)
                self._listed.add(entry['path'])
                if self._read_to >= self._begin_at.item():
                    self._of_this_run[entry['path']] = str(entry['reason'])
            self._read_to += len(line)
