"""Is it the media file or the config? Errors are told apart by where they were raised."""

from __future__ import annotations

import errno
import os.path as osp
import re
from collections.abc import Iterator
from types import FrameType
from typing import Any

from egoexo_mm.targets import TargetStoreError
from egoexo_mm.video import BrokenVideoError
from egoexo_mm.video.errors import DECORD_PLACE
from egoexo_mm.video.picture_files import is_cut_off

# trouble of the machine, which the next file would meet as well
_MACHINE_ERRNO = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)
# raised by a transform's own lines: a key that no transform before it has added, a wrong argument
_OWN_ERRORS = (KeyError, TypeError, AttributeError, NameError, AssertionError, NotImplementedError)
_HOSTS = re.compile(r'(mmaction|mmcv|mmengine)(\.|$)')
# the opening and decoding transforms: DecordInit, ClipReaderInit, RawFrameDecode, ...
_STEP = re.compile(r'\w*(Init|Decode)')


class MediaError(Exception):
    """A file of a sample cannot be read.

    Attributes:
        reason: Why, without the name of the file.
        path: The file, or the folder of frames.
        when_opened: It cannot be read whatever frames are asked for.
        file: What is broken: ``path``, or one picture of the folder ``path``.
    """

    def __init__(
        self, path: str, reason: str, when_opened: bool, picture: str | None = None
    ) -> None:
        super().__init__(f'{path}: {reason}')
        self.path, self.reason, self.when_opened = path, reason, when_opened
        self.file = osp.join(path, picture) if picture else path


def media_source(info: dict) -> str:
    """The file or folder of frames of a sample."""
    return info.get('filename') or info['frame_dir']


def media_error(error: Exception, info: dict, path: str) -> MediaError | None:
    """The media error behind an error of the pipeline; None where the media are not at fault.

    The media are at fault if the error was raised while a transform opened or decoded them (by
    any code that the transform calls), if it is a ``BrokenVideoError`` of a reader, if it is an
    ``OSError`` before there are frames, or if the video has no frames or not the requested segment.
    They are not at fault if a transform was used wrongly, a target store is damaged, or the machine
    ran out of memory or file handles.

    Args:
        error: The error, with its traceback.
        info: The sample as the pipeline left it.
        path: Its file or folder of frames.
    """
    if (
        isinstance(error, (TargetStoreError, MemoryError, ImportError))
        or getattr(error, 'errno', None) in _MACHINE_ERRNO
    ):
        return None
    if info.get('total_frames') is not None and info['total_frames'] < 1:
        return MediaError(path, 'has no frames', True)
    frames = list(_frames(error))
    steps = [frame for frame in frames if _is_reading_step(frame.f_locals.get('self'))]
    if not isinstance(error, BrokenVideoError):
        outside = (
            isinstance(error, ValueError)
            and type(frames[-1].f_locals.get('self')).__name__ == 'TrimSegment'
        )
        if outside or not steps:
            unread = isinstance(error, OSError) and 'imgs' not in info
            return MediaError(path, _reason(error, path), False) if outside or unread else None
        if missing := undecoded_frame(steps[-1].f_locals, info, path):
            return missing
        if isinstance(error, ValueError) and str(error).startswith('__len__() should'):
            # OpenCV 5 counts -1 frames in a file without a picture, which len() refuses
            return MediaError(path, 'has no frames', True)
        if _is_own_mistake(error, frames[-1], steps[-1]):
            return None
    opening = any(_is_opening(step.f_locals['self']) for step in steps)
    # of RawFrameDecode
    picture = steps[-1].f_locals.get('filepath') if steps and 'filename' not in info else None
    picture = osp.basename(picture) if isinstance(picture, str) else None
    if isinstance(error, FileNotFoundError):
        gone = picture is not None and not osp.isdir(path)  # the folder, not one picture
        return MediaError(path, _reason(error, path), opening or gone, None if gone else picture)
    where = f'{picture}: ' if picture else ''
    return MediaError(path, where + _reason(error, path), opening, picture)


class CompletePictures:
    """File client for ``RawFrameDecode`` that refuses pictures without their end.

    OpenCV would fill the missing part with grey.

    Args:
        client: MMEngine's file client, which reads the bytes.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, path: str) -> bytes:
        """Content of a picture.

        Raises:
            BrokenVideoError: A JPEG or PNG without its end.
        """
        content = bytes(self._client.get(path))
        if is_cut_off(content):
            raise BrokenVideoError('is cut off')
        return content


def undecoded_frame(results: dict, info: dict, path: str) -> MediaError | None:
    """The error for a picture that could not be decoded; None where there is no such picture.

    The host's ``RawFrameDecode`` leaves None in ``imgs`` for it, which shows only much later.
    """
    imgs = results.get('imgs')
    if not isinstance(imgs, list) or all(img is not None for img in imgs):
        return None
    number = int(info['frame_inds'][[img is None for img in imgs].index(True)])
    picture = info['filename_tmpl'].format(number) if 'filename_tmpl' in info else None
    return MediaError(path, f'{picture or f"frame {number}"}: cannot be decoded', False, picture)


def _frames(error: Exception) -> Iterator[FrameType]:
    """From the call of the pipeline to where the error was raised."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def _is_reading_step(owner: Any) -> bool:
    return hasattr(owner, 'transform') and any(
        _STEP.fullmatch(kind.__name__) for kind in type(owner).__mro__
    )


def _is_opening(step: Any) -> bool:
    return type(step).__name__.endswith('Init')


def _is_own_mistake(error: Exception, innermost: FrameType, step: FrameType) -> bool:
    """Whether the transform's or the host's own lines raised it, not a decoder or a file system."""
    if isinstance(error, OSError) or type(error).__module__.split('.')[0] == 'av':
        return False
    if isinstance(error, IndexError):
        # a frame beyond the video was asked for; when opening, no stream was found
        return not _is_opening(step.f_locals['self'])
    at_host = bool(_HOSTS.match(innermost.f_globals.get('__name__', '')))
    if isinstance(error, ValueError):
        return at_host  # such as an unknown io_backend
    return isinstance(error, _OWN_ERRORS) and (at_host or innermost is step)


def _reason(error: Exception, path: str) -> str:
    # decord shows its stack below the first line
    text = ' '.join(str(error).strip().partition('\n')[0].split())
    text = DECORD_PLACE.sub('', text)
    if isinstance(error, BrokenVideoError) or text.startswith(f'{path}: '):
        return text.removeprefix(f'{path}: ')
    if isinstance(error, FileNotFoundError):
        elsewhere = error.filename not in (None, path)
        return f'no such file: {error.filename}' if elsewhere else 'no such file'
    if type(error).__module__ == 'cv2' and '.empty()' in text:
        return 'cannot be decoded'
    return f'{type(error).__name__}: {text[:300]}'
