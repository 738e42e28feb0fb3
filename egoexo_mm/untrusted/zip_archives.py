"""What readers of zip archives share."""

from __future__ import annotations

import zipfile

from .quoting import quote

# What ``zipfile`` raises for damaged, encrypted or unknown content. NotImplementedError is a
# RuntimeError.
DAMAGE = (zipfile.BadZipFile, RuntimeError, EOFError, IndexError)


def unsafe_record(archive: zipfile.ZipFile, size: int) -> str | None:
    """Quoted name of a record that is compressed, comes twice or overlaps another; else None.

    Args:
        archive: Open archive.
        size: Bytes of its file. Records that take more in all share bytes.
    """
    seen = set()
    for info in archive.infolist():
        size -= info.file_size
        if info.filename in seen or size < 0 or info.compress_type != zipfile.ZIP_STORED:
            return quote(info.filename)
        seen.add(info.filename)
    return None
