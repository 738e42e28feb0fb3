"""Is it the media file or the config? Errors of a pipeline, told apart by where they were raised."""

from __future__ import annotations

import errno
import os.path as osp
import re
from collections.abc import Iterator
from types import FrameType
from typing import Any

from egoexo_mm.targets import TargetStoreError
from egoexo_mm.video.errors import DECORD_PLACE
from egoexo_mm.video.picture_files import is_cut_off

from .readers import BrokenVideoError

# what the next file needs as well
_MACHINE_ERRNO = (errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC)
# raised by a transform's own lines: a key that no transform before it has added, an argument of the wrong kind
_CONFIG_ERRORS = (
    KeyError,
    TypeError,
    AttributeError,
    NameError,
    AssertionError,
    NotImplementedError,
)
_HOSTS = re.compile(r'(mmaction|mmcv|mmengine)(\.|$)')
_STEP = re.compile(
    r'\w*(Init|Decode)'
)  # DecordInit, ClipReaderInit, RawFrameDecode, ...: all opening and decoding steps


class MediaError(Exception):
    """A file of a sample cannot be read.

    Attributes:
        reason: why, without the name of the file.
        path: the file or folder.
        when_opened: whatever frames are asked for, it cannot be read.
        file: what is broken: ``path``, or one picture of the folder ``path``.
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
    """What an error of the pipeline says of the sample's media; None where it is not the media's fault.

    An error is the media's if it was raised while a transform opened or decoded them (by whatever code below it), is a
    ``BrokenVideoError`` of a reader, is an ``OSError`` before there are frames, or comes of a video without frames or
    without the segment asked for. It is not where a transform was used wrongly, a target store is damaged, or the machine
    ran out of memory or file handles.

    Args:
        error: as it was raised, with its traceback.
        info: the sample as the pipeline left it.
        path: of its file or folder of frames.
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
        if (
            isinstance(error, ValueError)
            and type(frames[-1].f_locals.get('self')).__name__ == 'TrimSegment'
        ):
            return MediaError(path, _reason(error, path), False)
        if not steps:
            unread = isinstance(error, OSError) and 'imgs' not in info
            return MediaError(path, _reason(error, path), False) if unread else None
        if missing := _undecoded(steps[-1].f_locals.get('imgs'), info, path):
            return missing
        if _is_own_mistake(error, frames[-1], steps[-1]):
            return None
    picture = steps[-1].f_locals.get('filepath') if steps else None  # of RawFrameDecode
    opening = any(_is_opening(step.f_locals['self']) for step in steps)
    picture = osp.basename(picture) if isinstance(picture, str) and 'filename' not in info else None
    if isinstance(error, FileNotFoundError):
        gone = picture is not None and not osp.isdir(path)  # the folder, not one picture
        return MediaError(path, _reason(error, path), opening or gone, None if gone else picture)
    where = f'{picture}: ' if picture else ''
    return MediaError(path, where + _reason(error, path), opening, picture)


class WholePictures:
    """File client for ``RawFrameDecode`` that refuses pictures that are cut off: OpenCV fills the rest with grey.

    Args:
        client: MMEngine's file client, which reads the bytes.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def get(self, path: str) -> bytes:
        """Content of a picture.

        Raises:
            BrokenVideoError: a JPEG or PNG without its end.
        """
        content = bytes(self._client.get(path))
        if is_cut_off(content):
            raise BrokenVideoError('is cut off')
        return content


def undecoded_frame(info: dict, path: str) -> MediaError | None:
    """The host's ``RawFrameDecode`` leaves None for a picture that cannot be decoded, which shows much later."""
    return _undecoded(info.get('imgs'), info, path)


def _undecoded(imgs: Any, info: dict, path: str) -> MediaError | None:
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
    """Whether an error came from the transform's or the host's own lines, not from a decoder or a file system."""
    if isinstance(error, OSError) or type(error).__module__.split('.')[0] == 'av':
        return False
    if isinstance(
        error, IndexError
    ):  # a frame beyond the video was asked for, or opening found no stream
        return not _is_opening(step.f_locals['self'])
    at_host = bool(_HOSTS.match(innermost.f_globals.get('__name__', '')))
    if isinstance(error, ValueError):
        return at_host  # such as an unknown io_backend
    return isinstance(error, _CONFIG_ERRORS) and (at_host or innermost is step)


def _reason(error: Exception, path: str) -> str:
    text = ' '.join(
        str(error).strip().partition('\n')[0].split()
    )  # below it decord shows its stack
    text = DECORD_PLACE.sub('', text)
    if isinstance(error, BrokenVideoError) or text.startswith(f'{path}: '):
        return text.removeprefix(f'{path}: ')
    if isinstance(error, FileNotFoundError):
        return (
            'no such file' if error.filename in (None, path) else f'no such file: {error.filename}'
        )
    if type(error).__module__ == 'cv2' and '.empty()' in text:
        return 'cannot be decoded'
    return f'{type(error).__name__}: {text[:300]}'
