"""One error for every decoder, which always names the file."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from ..untrusted import shorten

# said by a decoder that ran out of something which the next video needs as well
_MEMORY = ('bad_alloc', 'cannot allocate memory', 'insufficient memory')
_HANDLES = 'too many open files'
_MACHINE_ERRNO = (errno.EMFILE, errno.ENFILE, errno.ENOSPC)
_ENOUGH_MEMORY = 1 << 30  # bytes; decoding an 8K video takes less
# time and source line in front of a message
DECORD_PLACE = re.compile(r'\[\d\d:\d\d:\d\d\] \S+:\d+: ')


class BrokenVideoError(Exception):
    """A file that gives no frames, or not all of them; the message names the file."""


class ReaderLimitError(BrokenVideoError):
    """This reader would give no frames, or others than asked for; the file may be fine."""


@contextmanager
def naming(path: str, kind: type[BrokenVideoError] = BrokenVideoError) -> Iterator[None]:
    """Turn what a decoder raises into an error of ``kind``, with the file's name in front.

    Lack of memory or of file handles, a library that is not installed and a wrong number of a frame
    pass as they are: they are not the file's fault. A damaged header that claims a huge picture or
    table is, though the decoder says the same of it: there is memory then, only not as much.
    """
    try:
        yield
    except BrokenVideoError as error:
        if str(error).startswith(path):
            raise
        raise type(error)(f'{path}: {shorten(str(error), 400)}') from error
    except (ImportError, IndexError):
        raise
    except Exception as error:  # each decoder has its own
        if of_the_machine(error):
            raise
        if _about_memory(error):
            raise kind(f'{path}: is damaged: it asks for more memory than a video needs') from error
        text = DECORD_PLACE.sub('', ' '.join(str(error).split()))[:200]
        raise kind(f'{path}: {type(error).__name__}: {text}') from error


def of_the_machine(error: Exception) -> bool:
    """Whether memory or file handles ran out, which is not the file's fault."""
    if getattr(error, 'errno', None) in _MACHINE_ERRNO or _HANDLES in str(error).lower():
        return True
    return _about_memory(error) and not _memory_left()


def _about_memory(error: Exception) -> bool:
    text = str(error).lower()
    return (
        isinstance(error, MemoryError)
        or getattr(error, 'errno', None) == errno.ENOMEM
        or any(words in text for words in _MEMORY)
    )


def _memory_left() -> bool:
    """Whether the system still promises as much memory as a video takes; none of it is touched."""
    try:
        np.empty(_ENOUGH_MEMORY, np.uint8)
    except MemoryError:
        return False
    return True
