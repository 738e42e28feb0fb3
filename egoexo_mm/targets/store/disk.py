"""Folders and files of a store on the disk."""

import contextlib
import os
from pathlib import Path

from .errors import TargetStoreError


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


def write_text(path: Path, text: str) -> None:
    """Write a text file and put it on the disk."""
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
        sync_file(file)


def check_unused(out: Path) -> None:
    """Refuse a folder for a new store that exists and is not empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise TargetStoreError(f'{out}: exists already; delete it or give another folder')


def cannot_write(path: Path, error: OSError) -> TargetStoreError:
    """The error for a file or folder that the system does not let us write."""
    return TargetStoreError(
        f'{path}: cannot be written ({error.strerror}); free space or correct the rights and run '
        'again'
    )
