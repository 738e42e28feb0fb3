"""Making sure that what was written is on the disk."""

import contextlib
import os
from pathlib import Path


def sync_file(file) -> None:
    """Put an open file's content on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Put a folder's names on the disk."""
    with contextlib.suppress(OSError):  # not every file system can; the data itself is synced
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
