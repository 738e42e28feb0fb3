"""Videos read by decord, MMAction2's reader, if chosen; decord2 installs under the same name.

decord 0.6 numbers packets, not frames. That is right for MP4, MOV and Matroska files in good order.
Of others it returns frames of another place without an error. Most of these are recognised here,
but open groups of pictures only with PyAV.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .base import RandomAccess, VideoFile
from .errors import BrokenVideoError, ReaderLimitError
from .pyav_index import Index, OpenVideo, is_mirrored, known_index, pyav_installed

_EXACT = ('mov,mp4,m4a,3gp,3g2,mj2', 'matroska,webm')
_MP4_BOXES = (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip')
_MATROSKA = b'\x1aE\xdf\xa3'
_ELSEWHERE = 'decord would give frames of another place'


def open_video(path: str | Path | BinaryIO) -> Any:
    """A ``decord.VideoReader`` on one thread (decord2 installs under the same name).

    Raises:
        ImportError: neither is installed.
        Exception: the file is no video; decord has no error class that all versions share.
    """
    import cv2  # noqa: F401  loaded after decord it uses decord's old zlib: "libpng error: bad parameters to zlib"
    import decord  # only who reads videos needs it

    return decord.VideoReader(
        path if hasattr(path, 'read') else str(path), ctx=decord.cpu(0), num_threads=1
    )


def _open(source: str | BinaryIO) -> tuple[Any, np.ndarray, float]:
    """A reader that numbers frames, the times of the frames from the first, and their average rate.

    Raises:
        ReaderLimitError: decord would give other frames.
    """
    if not isinstance(source, str):
        source.seek(0)
    reader = open_video(source)
    told = np.zeros(0)
    if len(reader):
        told = reader.get_frame_timestamp(np.arange(len(reader)))[:, 0].astype(float)
    index = _known_to_pyav(source) if pyav_installed() else None
    if index is None:
        _check_alone(source, reader, told)
    elif len(reader) != len(index):
        raise ReaderLimitError(f'decord finds {len(reader)} frames, {len(index)} can be shown')
    shape = reader[0].shape
    if shape[2] != 3:
        raise ReaderLimitError(
            f'decord gives {shape[2]} channels instead of 3 for frames {shape[1]} pixels wide'
        )
    if index is None:
        return reader, told - told[0], float(reader.get_avg_fps())
    return reader, index.seconds, index.fps


def _known_to_pyav(source: str | BinaryIO) -> Index | None:
    """PyAV's index of a file; None where PyAV cannot read it."""
    try:
        video = OpenVideo(source)
        index, _ = known_index(video, source)
    except BrokenVideoError:
        raise
    except Exception:  # what PyAV cannot read, decord may
        return None
    told = index is not None and index.pts is not None and not index.counted
    if not told or video.container.format.name not in _EXACT:
        raise ReaderLimitError(
            f'{_ELSEWHERE}: it is exact for MP4, MOV and Matroska files that begin with a key '
            'frame and tell when each frame is shown'
        )
    if is_mirrored(source):
        raise ReaderLimitError('decord does not mirror')
    if not _closed(OpenVideo(source)):
        raise ReaderLimitError(
            f'{_ELSEWHERE} behind a jump, since frames that are shown before a key frame, or right '
            'behind it, need others before it (open GOP, intra refresh)'
        )
    return index


def _closed(video: OpenVideo) -> bool:
    """Whether decoding can begin at each key frame, and what is stored behind it is shown later."""
    key = None
    for packet in video.packets():
        if packet.is_keyframe:
            key = packet.pts
            if video.stream.codec_context.name == 'h264' and not _has_idr(bytes(packet)):
                return False
        elif packet.pts is not None and key is not None and packet.pts < key:
            return False
    return True


def _has_idr(data: bytes) -> bool:
    """Whether an H.264 packet has a picture that resets the decoder.

    In MP4 and Matroska files each unit comes behind its length in 4 bytes.
    """
    start = 0
    while start + 4 < len(data):
        if data[start + 4] & 0x1F == 5:
            return True
        start += 4 + int.from_bytes(data[start : start + 4], 'big')
    return False


def _check_alone(source: str | BinaryIO, reader: Any, times: np.ndarray) -> None:
    """Refuse a file that decord would number wrongly, as far as decord itself shows it."""
    if isinstance(source, str):
        with open(source, 'rb') as file:
            head = file.read(12)
    else:
        source.seek(0)
        head = source.read(12)
    if head[4:8] not in _MP4_BOXES and head[:4] != _MATROSKA:
        raise ReaderLimitError(f'{_ELSEWHERE}: it is exact for MP4, MOV and Matroska files')
    ascending = len(times) and times[0] >= 0 and (np.diff(times) > 0).all()
    if not ascending or list(reader.get_key_indices()[:1]) != [0]:
        raise ReaderLimitError(
            f'{_ELSEWHERE}: the first ones are hidden, or need a key frame that is missing, or '
            'times repeat'
        )


class DecordFrames(RandomAccess):
    """Frames by number."""

    module = 'decord'

    def _open(self) -> None:
        self._reader, self.times, self.fps = _open(self._source)

    def _get(self, wanted: list[int]) -> dict[int, np.ndarray]:
        return dict(zip(wanted, self._reader.get_batch(wanted).asnumpy()))


class DecordFile(VideoFile):
    """Frames one after the other. Far ones are reached by jumping to the key frame before them."""

    module = 'decord'

    def _open(self, path: str) -> None:
        self._reader, self.times, self.fps = _open(path)
        self.num_frames = len(self._reader)

    def _read(self, skip: int) -> np.ndarray | None:
        number = self.position + skip
        if number < self.num_frames:
            self.position = number + 1
            return self._reader[number].asnumpy()
        if self.position < self.num_frames:
            # decord's thread may not have met damage in the last frames yet
            self._reader[self.num_frames - 1]
            self.position = self.num_frames
        return None
