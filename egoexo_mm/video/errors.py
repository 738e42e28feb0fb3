"""One error for every decoder, which always names the file."""
from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..untrusted import shorten

# said by a decoder that ran out of something which the next video needs as well
_MACHINE = ('bad_alloc', 'cannot allocate memory', 'insufficient memory', 'too many open files')
_MACHINE_ERRNO = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)
_DECORD_PLACE = re.compile(r'\[\d\d:\d\d:\d\d\] \S+:\d+: ')  # time and source line in front of a message


class BrokenVideoError(Exception):
    """A file that gives no frames, or not all of them; one sentence that names the file."""


class ReaderLimitError(BrokenVideoError):
    """The file may be in order, but this reader would give no frames of it, or others than those asked for."""


@contextmanager
def naming(path: str, kind: type[BrokenVideoError] = BrokenVideoError) -> Iterator[None]:
    """Turn what a decoder raises into an error of ``kind``, with the file's name in front.

    Lack of memory or of file handles, a library that is not installed and a wrong number of a frame pass as they are:
    they are not the file's fault.
    """
    try:
        yield
    except BrokenVideoError as error:
        if str(error).startswith(path):
            raise
        raise type(error)(f'{path}: {shorten(str(error), 400)}') from error
    except (MemoryError, ImportError, IndexError):
        raise
    except Exception as error:  # each decoder has its own
        if of_the_machine(error):
            raise
        text = _DECORD_PLACE.sub('', ' '.join(str(error).split()))[:200]
        raise kind(f'{path}: {type(error).__name__}: {text}') from error


def of_the_machine(error: Exception) -> bool:
    """Whether memory or file handles ran out, which is not the file's fault."""
    text = str(error).lower()
    return getattr(error, 'errno', None) in _MACHINE_ERRNO or any(words in text for words in _MACHINE)
