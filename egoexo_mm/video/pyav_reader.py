"""Videos read by PyAV: the reader whose rules the others are held to.

Frames are numbered in the order in which a player shows them; only those count that can be shown. ``F`` frames asked for,
``H x W`` pixels.
"""
from __future__ import annotations

import bisect
import errno
import importlib.util
import itertools
import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .base import RandomAccess, VideoFile
from .errors import BrokenVideoError, ReaderLimitError, naming, of_the_machine
from .pictures import Pictures, shown_size
from .streams import RAW, Packets, frame_rate, read_packets, video_stream

if TYPE_CHECKING:
    import av

_TRUSTED_SIZE = ('mov,mp4,m4a,3gp,3g2,mj2', 'matroska,webm')  # headers that tell the size of the first frame


_COUNTED: dict[tuple, Index] = {}
_MOST_COUNTED = 1024


def pyav_installed() -> bool:
    """Whether the others can ask PyAV about a file."""
    return importlib.util.find_spec('av') is not None


class OpenVideo:
    """An open file and its video stream, set up for decoding on one thread (one data worker a core)."""

    def __init__(self, source: str | BinaryIO) -> None:
        if not isinstance(source, str):
            source.seek(0)
        import av  # only who reads with it needs it
        self.container = av.open(source)
        self.stream = video_stream(self.container)
        context = self.stream.codec_context
        context.thread_count = 1
        context.thread_type = 'SLICE'  # whether a packet is skipped shall be known when it is decoded

    def __del__(self) -> None:
        # PyAV's containers refer to themselves: file and buffers would stay until the collector finds them
        if hasattr(self, 'container'):
            self.container.close()

    def packets(self) -> Iterator[av.Packet]:
        """Packets from here on, the last one empty. A file that is cut off ends there."""
        import av
        try:
            yield from self.container.demux(self.stream)
        except av.error.FFmpegError as error:
            if error.errno != errno.EIO and not isinstance(error, av.error.InvalidDataError):
                raise
            end = av.Packet(0)
            end.stream = self.stream
            yield end

    def frames(self, needed: set[int] | None = None, *, from_key: bool = False) -> Iterator[av.VideoFrame]:
        """Decode from here on.

        Packets before the first frame that cannot be decoded are passed over, as are those behind the last one.

        Args:
            needed: times of the frames to give; others may be left out where nothing depends on them. None: all.
            from_key: pass over the packets before the first key frame, of which some decoders make grey pictures.

        Raises:
            av.error.FFmpegError: for damage between two frames.
        """
        context, damage, begun = self.stream.codec_context, None, False
        try:
            for packet in self.packets():
                if from_key and packet.size and not packet.is_keyframe:
                    continue
                from_key = False
                if needed is not None and packet.size:
                    context.skip_frame = 'DEFAULT' if packet.pts in needed else 'NONREF'
                decoded, error = decode(packet)
                if error is not None:
                    damage = error if begun else None
                elif damage is not None and decoded and packet.size:
                    raise damage
                begun = begun or bool(decoded)
                yield from decoded
        finally:
            if needed is not None:
                context.skip_frame = 'DEFAULT'


def decode(packet: av.Packet) -> tuple[list[av.VideoFrame], Exception | None]:
    """Frames that come out of the decoder with a packet, and what is wrong with the packet."""
    from av.error import FFmpegError
    try:
        return packet.decode(), None
    except FFmpegError as error:
        if of_the_machine(error):
            raise
        return [], error


def key_frame_sizes(source: str) -> set[tuple[int, int]]:
    """Widths and heights that occur in a file; they change at key frames."""
    video = OpenVideo(source)
    video.stream.codec_context.skip_frame = 'NONKEY'
    return {(frame.width, frame.height) for frame in video.frames()}


class Index:
    """Number and times of the frames of a file.

    Attributes:
        pts: time of each frame in units of the stream; None where frames are found by counting alone.
        seconds: float64 (n,) from the first frame on, never descending.
        keys: ``pts`` of key frames, ascending.
        fps: average rate, 0 where unknown.
        counted: the file was decoded to count its frames.
        clean_start, from_key, promised: see :class:`Packets`.
    """

    def __init__(self, video: OpenVideo, source: str | BinaryIO, packets: Packets) -> None:
        stream = video.stream
        self.fps = frame_rate(video.container, stream)
        self.keys, self.clean_start, self.from_key = packets.keys, packets.clean_start, packets.from_key
        self.counted = bool(packets.doubt)
        shown = _decoded_times(source, packets.from_key) if self.counted else packets.pts
        self.promised = max(len(shown), packets.promised if packets.promised > len(packets.pts) else 0)
        told = packets.timed and None not in shown and len(set(shown)) == len(shown)
        if self.counted:  # frames without a time of their own get one that the demuxer may guess otherwise after a seek
            told = told and shown == sorted(shown) and set(shown) <= set(packets.pts)
        self.pts = sorted(shown) if told else None
        unit = float(stream.time_base or 0)
        self.seconds = _seconds(self.pts or _best_times(shown, packets, video.container.format.name), unit, self.fps,
                                len(shown))
        measured = (len(shown) - 1) / self.seconds[-1] if len(shown) > 2 and self.seconds[-1] > 0 else self.fps
        if abs(self.fps - measured) > 0.1 * measured:  # headers of videos of variable rate name another, or none
            self.fps = float(measured)

    def __len__(self) -> int:
        return len(self.seconds)


def _decoded_times(source: str | BinaryIO, from_key: bool) -> list[int | None]:
    """Times of all frames that can be shown, in their order."""
    video, shown, damage = OpenVideo(source), [], None
    for packet in video.packets():
        if from_key and not packet.is_keyframe:
            continue
        from_key = False
        decoded, error = decode(packet)
        shown += [frame.pts for frame in decoded]
        damage = damage or error
    if not shown and damage is not None:
        raise damage
    return shown


def _best_times(shown: list[int | None], packets: Packets, container: str) -> list[int] | None:
    """Ascending times of frames whose own are not told for each packet."""
    if container in RAW:
        return None
    if container in ('avi', 'asf'):  # which tell when a packet is to be decoded: as many times, in order
        shown = sorted(packets.dts) if None not in packets.dts and len(packets.dts) == len(shown) else [None]
    elif not packets.timed and None not in shown and len(shown) == len(packets.pts) and not packets.doubt:
        shown = sorted(shown)
    return None if None in shown else shown


def _seconds(times: list[int] | None, unit: float, fps: float, count: int) -> np.ndarray:
    frame = 1 / fps if fps else 0.
    if times is None or not unit:
        return np.arange(count) * frame
    steps = np.diff(np.array(times, np.int64)) * unit
    steps[steps < 0] = frame  # recordings joined without new time stamps
    return np.concatenate([np.zeros(min(count, 1)), np.cumsum(steps)])


def build_index(video: OpenVideo, source: str | BinaryIO) -> Index:
    """Index of an open file; of files that must be decoded for it, the latest ones are remembered."""
    index, packets = known_index(video, source)
    if index is not None:
        return index
    index, key = Index(video, source, packets), _key(source)
    if key is not None:
        if len(_COUNTED) >= _MOST_COUNTED:
            _COUNTED.pop(next(iter(_COUNTED)))
        _COUNTED[key] = index
    return index


def known_index(video: OpenVideo, source: str | BinaryIO) -> tuple[Index | None, Packets | None]:
    """Index of an open file without decoding it, or None and its packets."""
    if _key(source) in _COUNTED:
        return _COUNTED[_key(source)], None
    packets = read_packets(video.container, video.stream, video.packets())
    return (None if packets.doubt else Index(video, source, packets)), packets


def _key(source: str | BinaryIO) -> tuple | None:
    """What stands for the file while it stays as it is."""
    if not isinstance(source, str):
        return None
    facts = os.stat(source)
    return os.path.abspath(source), facts.st_size, facts.st_mtime_ns


def _first(source: str | BinaryIO, from_key: bool) -> av.VideoFrame:
    for frame in OpenVideo(source).frames(from_key=from_key):
        return frame
    raise ReaderLimitError('has no frame that can be decoded')


def _first_size(source: str | BinaryIO, from_key: bool) -> tuple[int, int]:
    frame = _first(source, from_key)
    return frame.width, frame.height


class PyAVFrames(RandomAccess):
    """Frames by number. Reading starts at the key frame before the first frame asked for. Frames between those asked for
    that no other frame is predicted from are not decoded, and none of them is converted to RGB.

    Where the file does not say when each frame is shown, frames are counted from the beginning.
    """

    module = 'av'

    def _open(self) -> None:
        self._video = OpenVideo(self._source)
        self._index = build_index(self._video, self._source)
        if not len(self._index):
            raise ReaderLimitError('has no frame that can be decoded')
        self.times, self.fps = self._index.seconds, self._index.fps
        context = self._video.stream.codec_context
        stored = (context.width, context.height)
        if self._video.container.format.name in _TRUSTED_SIZE and 0 not in stored:
            self._pictures = Pictures(stored, partial(_first_size, self._source, self._index.from_key))
        else:
            self._pictures = Pictures(_first_size(self._source, self._index.from_key))

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
        return found if len(found) == len(wanted) else self._by_count(wanted)  # seeking does not arrive everywhere

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
        """Split ascending numbers where a key frame lies between two of them: what is before it need not be decoded."""
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
        for number, frame in enumerate(self._numbered()):
            if frame is not None and number in numbers:
                found[number] = self._pictures.rgb(frame)
            if number == wanted[-1]:
                break
        return found

    def _numbered(self) -> Iterator[av.VideoFrame | None]:
        """All frames from the first on; None for one that cannot be decoded."""
        return numbered(OpenVideo(self._source), self._index)


def numbered(video: OpenVideo, index: Index) -> Iterator[av.VideoFrame | None]:
    """Frames of a file that has just been opened, each at its number; None for one that cannot be decoded."""
    if index.pts is None:
        yield from video.frames(from_key=index.from_key)
        return
    number_of = {pts: number for number, pts in enumerate(index.pts)}
    position = 0
    for frame in video.frames(from_key=index.from_key):
        number = number_of.get(frame.pts, -1)
        if number < position:  # of no packet that is shown
            continue
        for _ in range(position, number):
            yield None
        yield frame
        position = number + 1


class PyAVFile(VideoFile):
    """Frames one after the other. Passed-over frames are decoded but not converted."""

    module = 'av'

    def _open(self, path: str) -> None:
        self._video = OpenVideo(path)
        index, packets = known_index(self._video, path)
        if index is None:
            self.fps = frame_rate(self._video.container, self._video.stream)
            if packets.promised > len(packets.pts):  # cut off
                self.num_frames = packets.promised
        else:
            self.fps, self.num_frames, self.times = index.fps, index.promised, index.seconds
        self._video = OpenVideo(path)
        frames = numbered(self._video, index) if index else self._video.frames(from_key=packets.from_key)
        first = next(frames, None)  # what cannot be decoded at all is seen here
        if first is None:
            raise ReaderLimitError('has no frame that can be decoded')
        self._frames = itertools.chain([first], frames)
        self._pictures = Pictures((first.width, first.height))

    def _read(self, skip: int) -> np.ndarray | None:
        for frame in self._frames:
            if frame is None:
                raise BrokenVideoError(f'frame {self.position} of {self.num_frames} cannot be decoded')
            self.position += 1
            if skip == 0:
                return self._pictures.rgb(frame)
            skip -= 1
        self._video.container.close()
        return None
