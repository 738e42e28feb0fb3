"""Checkpoint files that exist completely or not at all.

Broken: mmengine writes a checkpoint and ``last_checkpoint`` under their final names, so a full disk
or a killed process leaves half a file there. It removes older checkpoints (``max_keep_ckpts``, the
previous best) before it writes the new one, so such a run may be left with none. And a resumed run
removes the previous best by the path that it had when it was saved, which after a copy of the work
dir is the file of another run.
Workaround: mmengine's local backend writes under a hidden name in the same folder
(``.epoch_1-*.partial``), syncs and renames. Older checkpoints are removed after the new one is
written, so the disk holds one more for a moment. Previous bests are looked for in the run's own
folder. Hidden files that a killed run left are removed when training starts. A disk that cannot be
written ends training with one message.
Inactive: for storage other than the local disk.
Delete: once mmengine writes and removes in this order.
"""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.checkpoints.resumable import newest_of_run
from egoexo_mm.errors import RunError

from .workaround import Workaround, wrap

NAME = 'checkpoint files'
PARTIAL = '.partial'
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}  # never from reading


def apply() -> Workaround:
    """Patch mmengine's local backend, ``CheckpointHook`` and ``Runner.train``."""
    from mmengine.fileio import LocalBackend
    from mmengine.hooks import CheckpointHook, checkpoint_hook
    from mmengine.runner import Runner

    wrap(LocalBackend, 'put', _put_complete)
    checkpoint_hook.open = _open_complete  # its only use there writes last_checkpoint
    for name in ('_save_checkpoint_with_step', '_save_best_checkpoint'):
        wrap(CheckpointHook, name, _remove_afterwards)
    wrap(CheckpointHook, 'before_train', _in_own_folder)
    wrap(Runner, 'train', _say_unwritable)
    return Workaround(
        NAME,
        True,
        'local files are written under another name and renamed; older '
        'checkpoints are removed afterwards',
    )


class _NotWrittenError(OSError):
    """A file of a run that could not be written, for whatever reason."""


def _put_complete(put: Callable, backend: Any, obj: bytes, filepath: str | Path) -> None:
    path = os.path.realpath(filepath)  # a link stays a link
    if os.path.exists(path) and not os.path.isfile(path):  # a device or a pipe
        put(backend, obj, filepath)
    else:
        _write(path, 'wb', obj)


def _write(path: str, mode: str, content: bytes | str) -> None:
    try:
        with whole_file(path, suffix=PARTIAL, sync=True) as temporary:
            with builtins.open(temporary, mode) as file:
                file.write(content)
    except OSError as error:  # named after the file that was wanted, also where write() fails
        raise _NotWrittenError(error.errno, error.strerror, path) from error


def _open_complete(path: str, mode: str = 'r', **kwargs: Any) -> IO:
    return _CompleteText(path) if mode == 'w' else builtins.open(path, mode, **kwargs)


class _CompleteText:
    """What ``with open(path, 'w') as file`` needs; the file appears at the end of the block."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.parts: list[str] = []
        self.write = self.parts.append

    def __enter__(self) -> _CompleteText:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None:
            _write(os.path.realpath(self.path), 'w', ''.join(self.parts))


class _RemovesLater:
    """A file backend that keeps removals until :meth:`remove_now`."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self._waiting: list[tuple[Callable, str, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self._later(self._backend.remove, path)

    def rmtree(self, path: str) -> None:
        self._later(self._backend.rmtree, path)

    def _later(self, remove: Callable, path: str) -> None:
        # The inode tells a file that is saved again under the same name from the old one.
        self._waiting.append((remove, path, os.stat(path).st_ino))

    def remove_now(self) -> None:
        """Remove the files that were asked for, unless they were written anew meanwhile."""
        for remove, path, number in self._waiting:
            if os.path.exists(path) and os.stat(path).st_ino == number:
                remove(path)


def _remove_afterwards(save: Callable, hook: Any, *args: Any, **kwargs: Any) -> None:
    from mmengine.fileio import LocalBackend

    backend = hook.file_backend
    if not isinstance(backend, (LocalBackend, _RemovesLater)):
        return save(hook, *args, **kwargs)
    hook.file_backend = later = _RemovesLater(backend)
    try:
        save(hook, *args, **kwargs)
    finally:
        hook.file_backend = backend
    later.remove_now()


def _in_own_folder(before_train: Callable, hook: Any, runner: Any) -> None:
    from mmengine.dist import is_main_process
    from mmengine.fileio import LocalBackend

    before_train(hook, runner)
    if not isinstance(hook.file_backend, LocalBackend):
        return
    if getattr(hook, 'best_ckpt_path', None):
        hook.best_ckpt_path = _own(hook.best_ckpt_path, hook.out_dir)
    for key, path in getattr(hook, 'best_ckpt_path_dict', {}).items():
        hook.best_ckpt_path_dict[key] = path and _own(path, hook.out_dir)
    if is_main_process():
        for folder in {hook.out_dir, runner.work_dir}:
            for left in Path(folder).glob(f'.*{PARTIAL}'):
                left.unlink(missing_ok=True)


def _own(path: str, folder: str) -> str | None:
    """The file of that name in ``folder``, or None."""
    own = os.path.join(folder, os.path.basename(path))
    return own if os.path.exists(own) else None


def _say_unwritable(train: Callable, runner: Any) -> Any:
    try:
        return train(runner)
    except OSError as error:
        if error.errno not in _FULL and not isinstance(error, _NotWrittenError):
            raise
        good = newest_of_run(runner)
        raise RunError(
            f'{error.filename or runner.work_dir}: cannot be written ({error.strerror}), and '
            'no part of it was kept; make room on that disk (default_hooks.checkpoint.'
            'max_keep_ckpts bounds how many are kept) and go on with --resume; '
            + (f'the last good checkpoint is {good}' if good else 'there is no checkpoint yet')
        ) from error
