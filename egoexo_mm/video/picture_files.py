"""Files of single frames: are they there to their end? Standard library only."""

from __future__ import annotations

_TAIL = 1024  # bytes; where the end of nearly all files is
_JPEG_SCAN, _JPEG_END, _PNG_END = b'\xda', b'\xff\xd9', b'IEND'


def is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; OpenCV fills what is missing with grey and says nothing.

    Bytes behind the end, which some cameras and disks add, do no harm. Files of other kinds are
    never called cut off.
    """
    if content.startswith(b'\x89PNG'):
        end, begin = _PNG_END, 0
    elif content.startswith(b'\xff\xd8'):
        end, begin = _JPEG_END, _first_scan(content)
    else:
        return False
    return end not in content[-_TAIL:] and content.find(end, begin) < 0


def _first_scan(content: bytes) -> int:
    """Where the pixels of a JPEG begin: behind its headers, one of which may hold a small JPEG."""
    place = 2
    while content[place : place + 1] == b'\xff' and content[place + 1 : place + 2] != _JPEG_SCAN:
        place += 2 + int.from_bytes(content[place + 2 : place + 4], 'big')
    return place
