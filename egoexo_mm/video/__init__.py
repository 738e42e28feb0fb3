"""The one place of the package that imports decord."""
from __future__ import annotations

from pathlib import Path
from typing import Any


def open_video(path: str | Path) -> Any:
    """A ``decord.VideoReader`` on one thread (decord2 installs under the same name).

    Raises:
        ImportError: neither is installed.
        Exception: the file is no video; decord has no error class that all versions share.
    """
    import decord  # only who reads videos needs it
    return decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
