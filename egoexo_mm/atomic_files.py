"""Writing files atomically: a reader sees the complete new file or none of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def whole_file(
    path: str | os.PathLike, *, suffix: str | None = None, sync: bool = False
) -> Iterator[str]:
    """A temporary name to write to.

    The temporary file is renamed to ``path`` when the block ends, and deleted when the block fails.

    Args:
        path: The file to write. Its folder is made where needed.
        suffix: Ending of the temporary name, by default that of ``path``.
        sync: Wait until the disk has the file and its name, so that both survive a power cut.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f'.{path.stem}-', suffix=path.suffix if suffix is None else suffix
    )
    os.close(handle)
    try:
        yield temporary
        with suppress(PermissionError):  # some network file systems have no modes
            os.chmod(temporary, 0o666 & ~_umask())  # mkstemp lets only the owner read
        if sync:
            _sync(temporary)
        os.replace(temporary, path)
        if sync:
            with suppress(OSError):  # some file systems do not sync folders
                _sync(path.parent)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _sync(path: str | os.PathLike) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
