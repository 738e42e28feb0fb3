"""Video frames by number, at little more than the cost of the codec (PyAV).

Shape legend: ``F`` frames asked for, ``H x W`` pixels.
"""
from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np
from av.video.reformatter import VideoReformatter


class Frames(list):
    """Arrays that pass for a batch of decord's."""

    def asnumpy(self) -> Frames:
        return self


class ClipReader:
    """Index of a video file, and its frames, in the words of ``decord.VideoReader``, so that ``DecordDecode`` reads it.

    Frames are numbered in the order in which they are shown, and identical to decord's. Reading starts at the key frame
    before the first frame asked for. Frames between those asked for that no other frame is predicted from are not decoded,
    and none of them is converted to RGB.

    Args:
        source: path or binary file of a video.

    Raises:
        ValueError: the file has no video stream.
        av.error.FFmpegError: the file is not a video or is damaged.
    """

    def __init__(self, source: str | BinaryIO) -> None:
        self._container = av.open(source)
        if not self._container.streams.video:
            raise ValueError('the file has no video stream')
        self._stream = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1  # one data worker a core
        self._stream.codec_context.thread_type = 'SLICE'  # whether a packet is skipped shall be known when it is decoded
        shown, self._keys = [], []
        for packet in self._container.demux(self._stream):
            if packet.size and not packet.is_discard:  # an edit list may hide the first packets
                shown.append(packet.pts)
                if packet.is_keyframe and packet.pts is not None:
                    self._keys.append(packet.pts)
        # Some containers (AVI) do not say when a frame is shown: it is then found by counting from the start.
        self.timed = None not in shown and len(set(shown)) == len(shown)
        self._times = sorted(shown) if self.timed else shown
        self._keys.sort()

    def __del__(self) -> None:
        # PyAV's containers refer to themselves: file and buffers would stay until the collector finds them
        if hasattr(self, '_container'):
            self._container.close()

    def __len__(self) -> int:
        return len(self._times)

    def get_avg_fps(self) -> float:
        """Average frame rate; 0 where unknown."""
        return float(self._stream.average_rate or 0)

    def get_batch(self, numbers: np.ndarray) -> Frames:
        """RGB frames (H, W, 3), uint8.

        Args:
            numbers: (F,) from 0, in any order; a frame asked for twice is one array twice.

        Raises:
            IndexError: a number is beyond the video.
            ValueError: a frame cannot be decoded.
        """
        wanted = {int(number): None for number in np.unique(numbers)}
        first, last = min(wanted), max(wanted)
        if first < 0 or last >= len(self):
            raise IndexError(f'frame {last if first >= 0 else first} is beyond the {len(self)} frames of the video')
        found = self._by_time(list(wanted)) if self.timed else {}
        if len(found) < len(wanted):  # not timed, or seeking does not arrive (MPEG transport streams)
            found = self._by_count(wanted)
        for number in wanted:
            if number not in found:
                raise ValueError(f'frame {number} of {len(self)} cannot be decoded')
        return Frames(found[int(number)] for number in numbers)

    def _by_time(self, wanted: list[int]) -> dict[int, np.ndarray]:
        number_at = {self._times[number]: number for number in wanted}
        found, convert = {}, VideoReformatter()  # one for all frames: it keeps its tables
        runs = self._runs(wanted)
        for run in runs:
            self._container.seek(self._key_before(run[0]), stream=self._stream)
            ends = {self._times[number] for number in run}
            for frame in self._decode(ends):
                if frame.pts in ends:
                    found[number_at[frame.pts]] = _rgb(frame, convert)
                    ends.remove(frame.pts)
                    if not ends:
                        break
        return found

    def _runs(self, wanted: list[int]) -> list[list[int]]:
        """Split ascending numbers where a key frame lies between two of them: what is before it need not be decoded."""
        runs = [wanted[:1]]
        for previous, number in zip(wanted, wanted[1:]):
            if self._key_before(number) > self._times[previous]:
                runs.append([])
            runs[-1].append(number)
        return runs

    def _key_before(self, number: int) -> int:
        i = bisect.bisect_right(self._keys, self._times[number])
        return self._keys[max(i - 1, 0)] if self._keys else self._times[0]

    def _decode(self, needed: set[int]) -> Iterator[av.VideoFrame]:
        """Frames from here on; others than the ``needed`` may be left out where nothing depends on them."""
        context = self._stream.codec_context
        try:
            for packet in self._container.demux(self._stream):
                if packet.size:
                    context.skip_frame = 'DEFAULT' if packet.pts in needed else 'NONREF'
                yield from packet.decode()
        finally:
            context.skip_frame = 'DEFAULT'

    def _by_count(self, wanted: dict[int, None]) -> dict[int, np.ndarray]:
        self._container.seek(0)
        found, convert, last = {}, VideoReformatter(), max(wanted)
        for number, frame in enumerate(self._container.decode(self._stream)):
            if number in wanted:
                found[number] = _rgb(frame, convert)
            if number == last:
                break
        return found


def _rgb(frame: av.VideoFrame, convert: VideoReformatter) -> np.ndarray:
    picture = convert.reformat(frame, format='rgb24').to_ndarray()
    turns = getattr(frame, 'rotation', 0) // 90 % 4  # as players show it
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
