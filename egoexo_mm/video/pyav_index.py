"""What PyAV knows of a video: the open file, and number and times of its frames."""

from __future__ import annotations

import errno
import importlib.util
import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from .errors import of_the_machine
from .pictures import display_turns
from .streams import (
    DECODING_TIMES,
    RAW,
    Packets,
    frame_rate,
    nearly_in_order,
    read_packets,
    video_stream,
)

if TYPE_CHECKING:
    import av

_MOST_COUNTED, _MOST_ASCENDING = 1024, 65536  # files that had to be decoded are remembered
_SOME = 48  # frames


def pyav_installed() -> bool:
    """Whether the others can ask PyAV about a file."""
    return importlib.util.find_spec('av') is not None


class OpenVideo:
    """An open file and its video stream, decoded on one thread: there is one data worker a core."""

    def __init__(self, source: str | BinaryIO) -> None:
        if not isinstance(source, str):
            source.seek(0)
        import av  # only who reads with it needs it

        self.container = av.open(source)
        self.stream = video_stream(self.container)
        context = self.stream.codec_context
        context.thread_count = 1
        # with threads for frames, a packet is decoded after it was said whether to skip it
        context.thread_type = 'SLICE'

    def __del__(self) -> None:
        # PyAV's containers refer to themselves: file and buffers would stay until the collector
        # finds them
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

    def frames(
        self, needed: set[int] | None = None, *, from_key: bool = False
    ) -> Iterator[av.VideoFrame]:
        """Decode from here on.

        Packets before the first frame that cannot be decoded are passed over, as are those behind
        the last one.

        Args:
            needed: times of the frames to give; others may be left out where nothing depends on
                them. None: all.
            from_key: pass over the packets before the first key frame, of which some decoders make
                grey pictures.

        Raises:
            av.error.FFmpegError: for damage between two frames.
        """
        from av.error import FFmpegError

        context, damage, begun = self.stream.codec_context, None, False
        try:
            for packet in self.packets():
                size = packet.size
                if from_key and size and not packet.is_keyframe:
                    continue
                from_key = False
                if needed is not None and size:
                    context.skip_frame = 'DEFAULT' if packet.pts in needed else 'NONREF'
                try:
                    decoded = packet.decode()
                except FFmpegError as error:
                    if of_the_machine(error):
                        raise
                    damage = error if begun else None
                    continue
                if decoded:
                    if damage is not None and size:
                        raise damage
                    begun = True
                    yield from decoded
        finally:
            if needed is not None:
                context.skip_frame = 'DEFAULT'


def key_frame_facts(source: str) -> tuple[set[tuple[int, int, int, bool]], bool]:
    """What may change at key frames.

    Returns:
        Widths, heights, quarter turns and mirroring in the file, and whether any key frame is
        interlaced.
    """
    video, shapes, interlaced = OpenVideo(source), set(), False
    video.stream.codec_context.skip_frame = 'NONKEY'
    for frame in video.frames():
        shapes.add((frame.width, frame.height, *display_turns(frame)))
        interlaced |= frame.interlaced_frame
    return shapes, interlaced


def is_mirrored(source: str | BinaryIO) -> bool:
    """Whether a player exchanges left and right."""
    return any(display_turns(frame)[1] for frame in itertools.islice(OpenVideo(source).frames(), 1))


class Index:
    """Number and times of the frames of a file.

    Attributes:
        pts: time of each frame in units of the stream; None where frames are found by counting
            alone.
        seconds: float64 (n,) from the first frame on, never descending.
        keys: ``pts`` of key frames, ascending.
        fps: average rate, 0 where unknown.
        counted: the file was decoded to count its frames.
        clean_start, from_key, promised: see :class:`Packets`.
    """

    def __init__(self, video: OpenVideo, source: str | BinaryIO, packets: Packets) -> None:
        stream = video.stream
        self.fps = frame_rate(video.container, stream)
        self.keys = packets.keys
        self.clean_start, self.from_key = packets.clean_start, packets.from_key
        self.counted = bool(packets.doubt)
        shown = _decoded_times(source, packets.from_key) if self.counted else packets.pts
        cut_off = packets.promised > len(packets.pts)
        self.promised = max(len(shown), packets.promised if cut_off else 0)
        told = packets.timed and None not in shown and len(set(shown)) == len(shown)
        if self.counted:
            # frames without a time get one that the demuxer may guess otherwise after a seek
            told = told and shown == sorted(shown) and set(shown) <= set(packets.pts)
        self.pts = sorted(shown) if told else None
        unit = float(stream.time_base or 0)
        times = self.pts or _best_times(shown, packets, video.container.format.name)
        self.seconds = _seconds(times, unit, self.fps, len(shown))
        if len(shown) > 2 and self.seconds[-1] > 0:
            measured = float((len(shown) - 1) / self.seconds[-1])
            # headers of videos of variable rate name another rate, or none
            if abs(self.fps - measured) > 0.1 * measured:
                self.fps = measured

    def __len__(self) -> int:
        return len(self.seconds)


def _decoded_times(source: str | BinaryIO, from_key: bool) -> list[int | None]:
    """Times of all frames that can be shown, in their order."""
    from av.error import FFmpegError

    video, shown, damage = OpenVideo(source), [], None
    for packet in video.packets():
        if from_key and not packet.is_keyframe:
            continue
        from_key = False
        try:
            shown += [frame.pts for frame in packet.decode()]
        except FFmpegError as error:
            if of_the_machine(error):
                raise
            damage = error
    if not shown and damage is not None:
        raise damage
    return shown


def _best_times(shown: list[int | None], packets: Packets, container: str) -> list[int] | None:
    """Ascending times of frames, where packets do not have a time of showing each."""
    if container in RAW:
        return None
    if container in DECODING_TIMES:  # as many times as packets, in order
        shown = packets.dts if len(packets.dts) == len(shown) else [None]
    if None in shown:
        return None
    return sorted(shown) if not packets.jumps and nearly_in_order(shown) else shown


def _seconds(times: list[int] | None, unit: float, fps: float, count: int) -> np.ndarray:
    frame = 1 / fps if fps else 0.0
    if times is None or not unit:
        return np.arange(count) * frame
    steps = np.diff(np.array(times, np.int64)) * unit
    steps[steps < 0] = frame  # recordings joined without new time stamps
    return np.concatenate([np.zeros(min(count, 1)), np.cumsum(steps)])


def build_index(video: OpenVideo, source: str | BinaryIO) -> Index:
    """Index of an open file; the latest ones for which files had to be decoded are remembered."""
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
    """Index of an open file without decoding all of it, or None and its packets."""
    if _key(source) in _COUNTED:
        return _COUNTED[_key(source)], None
    packets = read_packets(video.container, video.stream, video.packets())
    if not packets.doubt and packets.timed and _suspicious(video, packets) and not _ascend(source):
        packets.doubt, packets.timed = 'its times are not those of showing', False
    return (None if packets.doubt else Index(video, source, packets)), packets


def _suspicious(video: OpenVideo, packets: Packets) -> bool:
    """Whether frames are stored in the order of their times though the codec reorders them.

    So it is in files copied from AVI with guessed times, and in some that are right.
    """
    codec = video.stream.codec_context
    return (
        bool(codec.has_b_frames)
        and codec.codec.reorder
        and len(packets.pts) > 2
        and packets.pts == sorted(packets.pts)
    )


def _ascend(source: str | BinaryIO) -> bool:
    """Whether the first frames leave the decoder in the order of their times."""
    key = _key(source)
    if key not in _ASCENDING:
        shown = [frame.pts for frame in itertools.islice(OpenVideo(source).frames(), _SOME)]
        if shown != sorted(shown):
            return False
        if key is not None and len(_ASCENDING) < _MOST_ASCENDING:
            _ASCENDING.add(key)
    return True


_COUNTED: dict[tuple, Index] = {}
_ASCENDING: set[tuple] = set()


def _key(source: str | BinaryIO) -> tuple | None:
    """What stands for the file while it stays as it is."""
    if not isinstance(source, str):
        return None
    facts = os.stat(source)
    return os.path.abspath(source), facts.st_size, facts.st_mtime_ns


def numbered(video: OpenVideo, index: Index) -> Iterator[av.VideoFrame | None]:
    """Frames of a file just opened, each at its number; None for one that cannot be decoded."""
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
