"""Preparing many videos in parallel.

A target appears under its name when it is complete. A second run goes on where a stopped one ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TextIO

from egoexo_light.failed_jsonl import FAILED_NAME, append_failure
from egoexo_light.file_locks import file_lock
from egoexo_light.video.ffmpeg import MediaError, StopRun, disk_full, is_disk_full, stop_children

from .report import BROKEN, MISSING, READY, SHORT, TO_DO, Found, Item, Progress, Result

# target -> its time stamp and what it holds, so that finished targets are not opened again
_INDEX = '.prepared.jsonl'
_PARTIAL = '.partial'


def prepare(items: list[Item], out: Path, *, workers: int, check_only: bool) -> list[Result]:
    """Check what is there and make what is not; with ``check_only`` nothing is written.

    Raises:
        StopRun: the disk is full, or another run writes to ``out``.
    """
    if check_only:
        return _in_parallel(lambda item: _check(item, {}, out, True), items, workers, 'check')
    out.mkdir(parents=True, exist_ok=True)
    with _lock(out), _partial_folders({item.target.parent for item in items}):
        (out / FAILED_NAME).unlink(missing_ok=True)
        done = _read_index(out)
        with open(out / _INDEX, 'a', encoding='utf-8') as index:
            index.write('\n')  # after a line that a killed run wrote by half
            note = _Notes(out, done, index)
            checked = _in_parallel(
                lambda item: note(_check(item, done, out, False)), items, workers, 'check'
            )
            results = {result.item.name: result for result in checked}
            todo = [result.item for result in checked if result.state == TO_DO]
            made = _in_parallel(lambda item: note(_make(item)), todo, workers, 'prepare')
            results.update((result.item.name, result) for result in made)
    return [results[item.name] for item in items]


def _check(item: Item, done: dict, out: Path, check_only: bool) -> Result:
    try:
        if item.target.exists():
            stamp, found = done.get(_key(item, out), (None, None))
            return _judge(
                item, found if stamp == item.target.stat().st_mtime_ns else item.check(item.target)
            )
        if item.source is None:
            return Result(item, MISSING, 'no such file in the source folder')
        if check_only:
            item.check_source(item.source)
        return Result(item, TO_DO)
    except (MediaError, OSError) as error:
        there = item.target.exists()
        remedy = '; delete it and run again' if there and item.source != item.target else ''
        return Result(item, BROKEN, f'{item.target if there else item.source}: {error}{remedy}')


def _judge(item: Item, found: Found) -> Result:
    if found.length < item.need:
        return Result(item, SHORT, f'{found.length:g} of {item.need:g} {item.unit}', *found)
    return Result(item, READY, '', *found)


def _make(item: Item) -> Result:
    partial = item.target.parent / _PARTIAL / f'{os.getpid()}-{item.target.name}'
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        item.make(item.source, partial)
        found = item.check(partial)
        os.replace(partial, item.target)
        return _judge(item, found)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(item.target.parent) from None
        return Result(item, BROKEN, f'{item.source}: {error}')
    except MediaError as error:
        return Result(item, BROKEN, f'{item.source}: {error}')
    finally:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


class _Notes:
    """Lists a finished target in the index and a bad one in ``failed.jsonl``, at once."""

    def __init__(self, out: Path, done: dict, index: TextIO) -> None:
        self.out, self.done, self.index, self.lock = out, done, index, threading.Lock()

    def __call__(self, result: Result) -> Result:
        with self.lock:
            if result.state in (READY, SHORT):
                key, stamp = _key(result.item, self.out), result.item.target.stat().st_mtime_ns
                if self.done.get(key) != (stamp, (result.length, result.settings)):
                    self.index.write(
                        json.dumps([key, stamp, result.length, result.settings]) + '\n'
                    )
                    self.index.flush()
            if result.state in (SHORT, MISSING, BROKEN):
                path = result.item.target if result.item.target.exists() else result.item.source
                append_failure(
                    self.out / FAILED_NAME,
                    result.item.name,
                    path,
                    result.reason,
                    state=result.state,
                )
        return result


def _key(item: Item, out: Path) -> str:
    return os.path.relpath(item.target, out)


def _read_index(out: Path) -> dict[str, tuple[int, Found]]:
    done = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (out / _INDEX).read_text(encoding='utf-8').splitlines():
            with contextlib.suppress(ValueError, TypeError):
                key, stamp, *found = json.loads(line)
                done[key] = (stamp, Found(*found))
    return done


@contextlib.contextmanager
def _partial_folders(parents: set[Path]):
    """Folders for unfinished targets, each beside them, so that a rename stays on one disk."""
    folders = [parent / _PARTIAL for parent in parents]
    for folder in folders:  # of a killed run
        shutil.rmtree(folder, ignore_errors=True)
    try:
        yield
    finally:
        for folder in folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextlib.contextmanager
def _lock(out: Path):
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(file_lock(out / '.prepare.lock', wait=False))
        except BlockingIOError:
            raise StopRun(
                f'{out}: another run prepares into this folder; wait for it, or give another folder'
            ) from None
        yield


def _in_parallel(
    work: Callable[[Item], Result], items: list[Item], workers: int, label: str
) -> list[Result]:
    """Results in the order of ``items``; the first error that concerns all ends the others."""
    bar = Progress(len(items), label)

    def counted(item: Item) -> Result:
        result = work(item)
        bar.step()
        return result

    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(counted, item) for item in items]
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            if future.done() and future.exception():
                raise future.exception()
        return [future.result() for future in futures]
    except BaseException:
        stop_children()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        bar.end()
