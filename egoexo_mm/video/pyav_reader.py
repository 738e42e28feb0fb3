"""Videos read by PyAV: the reader whose rules the others are held to.

Frames are numbered in the order in which a player shows them; only those count that can be shown.
"""

from __future__ import annotations

import bisect
import itertools
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .base import RandomAccess, VideoFile
from .errors import BrokenVideoError, ReaderLimitError, naming
from .pictures import Pictures, shown_size
from .pyav_index import OpenVideo, build_index, known_index, numbered
from .streams import frame_rate

if TYPE_CHECKING:
    import av

# containers whose headers tell the size of the first frame
_TRUSTED_SIZE = ('mov,mp4,m4a,3gp,3g2,mj2', 'matroska,webm')
_END = object()
_NO_FRAME = 'has no frame that can be decoded'


def _first(source: str | BinaryIO, from_key: bool) -> av.VideoFrame:
    for frame in OpenVideo(source).frames(from_key=from_key):
        return frame
    raise ReaderLimitError(_NO_FRAME)


def _first_size(source: str | BinaryIO, from_key: bool) -> tuple[int, int]:
    frame = _first(source, from_key)
    return frame.width, frame.height


class PyAVFrames(RandomAccess):
    """Frames by number.

    Reading starts at the key frame before the first frame asked for. Frames between those asked for
    that no other frame is predicted from are not decoded, and none of them is converted to RGB.

    Where the file does not say when each frame is shown, frames are counted from the beginning.
    """

    module = 'av'

    def _open(self) -> None:
        self._video = OpenVideo(self._source)
        self._index = build_index(self._video, self._source)
        if not len(self._index):
            raise ReaderLimitError(_NO_FRAME)
        self.times, self.fps = self._index.seconds, self._index.fps
        context = self._video.stream.codec_context
        stored = (context.width, context.height)
        first_size = partial(_first_size, self._source, self._index.from_key)
        if self._video.container.format.name in _TRUSTED_SIZE and 0 not in stored:
            self._pictures = Pictures(stored, first_size)
        else:
            self._pictures = Pictures(first_size())

    @property
    def timed(self) -> bool:
        """Frames are found by time and not by counting."""
        return self._index.pts is not None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all frames, as shown."""
        if self._other:
            return self._other.size
        with naming(self.name):
            return shown_size(_first(self._source, self._index.from_key))

    def _get(self, wanted: list[int]) -> dict[int, np.ndarray]:
        found = self._by_time(wanted) if self.timed else {}
        # seeking does not arrive everywhere
        return found if len(found) == len(wanted) else self._by_count(wanted)

    def _by_time(self, wanted: list[int]) -> dict[int, np.ndarray]:
        from av.error import FFmpegError

        pts = self._index.pts
        number_at = {pts[number]: number for number in wanted}
        found = {}
        for run in self._runs(wanted):
            try:
                self._video.container.seek(self._key_before(run[0]), stream=self._video.stream)
            except FFmpegError:  # a raw stream
                return {}
            missing = {pts[number] for number in run}
            for frame in self._video.frames(missing, from_key=bool(self._index.keys)):
                if frame.pts in missing:
                    found[number_at[frame.pts]] = self._pictures.rgb(frame)
                    missing.remove(frame.pts)
                    if not missing:
                        break
        return found

    def _runs(self, wanted: list[int]) -> list[list[int]]:
        """Split ascending numbers where a key frame lies between two of them.

        What is before it need not be decoded.
        """
        runs = [wanted[:1]]
        for previous, number in zip(wanted, wanted[1:]):
            if self._key_before(number) > self._index.pts[previous]:
                runs.append([])
            runs[-1].append(number)
        return runs

    def _key_before(self, number: int) -> int:
        keys, pts = self._index.keys, self._index.pts
        i = bisect.bisect_right(keys, pts[number])
        return keys[i - 1] if i else pts[0]

    def _by_count(self, wanted: list[int]) -> dict[int, np.ndarray]:
        found, numbers = {}, set(wanted)
        for number, frame in enumerate(numbered(OpenVideo(self._source), self._index)):
            if frame is not None and number in numbers:
                found[number] = self._pictures.rgb(frame)
            if number == wanted[-1]:
                break
        return found


class PyAVFile(VideoFile):
    """Frames one after the other. Passed-over frames are decoded but not converted."""

    module = 'av'

    def _open(self, path: str) -> None:
        self._video = OpenVideo(path)
        index, packets = known_index(self._video, path)
        if index is None:
            told = frame_rate(self._video.container, self._video.stream)
            self.fps = told or build_index(self._video, path).fps
            if packets.promised > len(packets.pts):  # cut off
                self.num_frames = packets.promised
        else:
            self.fps, self.num_frames, self.times = index.fps, index.promised, index.seconds
        self._video = OpenVideo(path)
        if index is None:
            frames = self._video.frames(from_key=packets.from_key)
        else:
            frames = numbered(self._video, index)
        first = next(frames, _END)
        if first is _END:  # what cannot be decoded at all is seen here
            raise ReaderLimitError(_NO_FRAME)
        if first is None:
            raise BrokenVideoError(f'frame 0 of {self.num_frames} cannot be decoded')
        self._frames = itertools.chain([first], frames)
        self._pictures = Pictures((first.width, first.height))

    def _read(self, skip: int) -> np.ndarray | None:
        for frame in self._frames:
            if frame is None:
                raise BrokenVideoError(
                    f'frame {self.position} of {self.num_frames} cannot be decoded'
                )
            self.position += 1
            if skip == 0:
                return self._pictures.rgb(frame)
            skip -= 1
        self._video.container.close()
        return None
