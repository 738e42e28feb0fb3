"""What PyAV finds in a video file without decoding: which stream is the video, and its packets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .errors import BrokenVideoError, ReaderLimitError

if TYPE_CHECKING:
    import av

# FFmpeg's disposition bits, which PyAV gives as a number
_DEFAULT, _NOT_A_VIDEO = 0x1, 0x400 | 0x800 | 0x100000  # cover picture, thumbnails, still image
_STILLS = ('mjpeg', 'png', 'bmp', 'gif', 'webp')
# Containers whose packets carry the time at which their frame is shown. MPEG-TS does for most
# codecs.
_TIMED = ('mov,mp4,m4a,3gp,3g2,mj2', 'matroska,webm', 'flv')
# Containers with one time a packet, that of decoding: the order of showing is known only where the
# codec does not reorder.
DECODING_TIMES = ('avi', 'asf')
RAW = tuple('h264 hevc m4v mpegvideo obu vvc cavsvideo h263 h261 vc1 dirac mjpeg'.split())
_TAG = re.compile(r'(\d+):(\d+):(\d+(?:\.\d+)?)')
_FARTHEST = 32  # places by which codecs reorder frames at most
_NOTHING_CODED = 8  # bytes; smaller MPEG-4 packets stand for a frame that an earlier packet brought


def video_stream(container: av.container.InputContainer) -> av.video.stream.VideoStream:
    """The stream that a player shows.

    It is never a cover picture, and is marked as default and of the largest frames, as FFmpeg
    selects. Before PyAV 13, which cannot tell a cover picture, one of a codec for films comes
    first.

    Raises:
        BrokenVideoError: there is none.
    """
    videos = container.streams.video
    streams = [stream for stream in videos if not _disposition(stream) & _NOT_A_VIDEO]
    if not streams:
        cover = 'a cover picture but ' if videos else ''
        raise BrokenVideoError(f'has {cover}no video stream')
    known = [stream for stream in streams if stream.codec_context is not None]
    if not known:
        raise ReaderLimitError('PyAV has no decoder for its video stream')
    return max(
        known,
        key=lambda stream: (
            stream.codec_context.name not in _STILLS,
            _disposition(stream) & _DEFAULT,
            stream.codec_context.width * stream.codec_context.height,
        ),
    )


def _disposition(stream: av.video.stream.VideoStream) -> int:
    flags = getattr(stream, 'disposition', 0)  # from PyAV 13 on; later an enumeration
    return int(getattr(flags, 'value', flags))


def frame_rate(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream
) -> float:
    """Average frames per second as the file says, 0 where it does not."""
    # of raw streams the average is a constant of FFmpeg's, and the codec may know better
    if container.format.name in RAW:
        return float(stream.guessed_rate or stream.average_rate or 0)
    return float(stream.average_rate or 0)


@dataclass
class Packets:
    """Packets of a stream, in the order in which they are stored.

    Attributes:
        pts: when the frame of each packet is shown, in ``time_base``; None where the file does not
            say.
        dts: when each is to be decoded.
        keys: ``pts`` of key frames, ascending.
        doubt: why the number of packets may not be the number of frames that can be shown, or their
            times not those of the frames; '' where both are sure.
        clean_start: the first packet is a key frame, and no frame before it needs others.
        from_key: there is a key frame, but not at the start; what comes before it cannot be shown.
        jumps: the times of decoding jump back, as in recordings that were joined.
        timed: ``pts`` identifies a frame, also after seeking.
        promised: number of frames by the header; more than there are packets where the file ends
            early.
    """

    pts: list[int | None] = field(default_factory=list)
    dts: list[int | None] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    doubt: str = ''
    clean_start: bool = True
    from_key: bool = False
    jumps: bool = False
    timed: bool = False
    promised: int = 0


def read_packets(
    container: av.container.InputContainer,
    stream: av.video.stream.VideoStream,
    packets: Iterable[av.Packet],
) -> Packets:
    """Read the file once without decoding."""
    found = Packets()
    shown, stored, keys = found.pts.append, found.dts.append, found.keys.append
    first = last = None  # first of all packets, also of those that an edit list hides
    corrupt, any_key, smallest = False, False, 1 << 60
    vp8 = stream.codec_context.name in ('vp8', 'libvpx')
    for packet in packets:
        size = packet.size
        if not size:
            continue
        key = packet.is_keyframe
        if first is None:
            first = packet
        if packet.is_corrupt:
            corrupt = True
        if key:
            any_key = True
        # of VP8, without this bit a frame is to predict from and not to show
        if packet.is_discard or vp8 and not bytes(packet)[0] & 0x10:
            continue
        last, pts = packet, packet.pts
        shown(pts)
        stored(packet.dts)
        if size < smallest:
            smallest = size
        if key and pts is not None:
            keys(pts)
    found.keys.sort()
    if first is None:
        return found
    told = [time for time in found.dts if time is not None]
    found.jumps = told != sorted(told)
    found.timed, found.doubt = _judge(container.format.name, stream, found, smallest)
    if corrupt:
        found.doubt = found.doubt or 'a packet is damaged'
    early = found.timed and first.pts is not None and min(found.pts, default=first.pts) < first.pts
    found.clean_start = first.is_keyframe and not early
    found.from_key = any_key and not first.is_keyframe
    if not found.clean_start:
        found.doubt = found.doubt or 'its first frames need others that the file lacks'
    found.promised = _promised(container, stream, found, last)
    return found


def _judge(
    container: str, stream: av.video.stream.VideoStream, found: Packets, smallest: int
) -> tuple[bool, str]:
    """Whether times identify frames, and why packets may not stand for frames."""
    codec = stream.codec_context
    known = None not in found.pts and len(set(found.pts)) == len(found.pts)
    family = codec.name
    if container in _TIMED or container == 'mpegts' and family in ('h264', 'hevc'):
        if found.jumps or None not in found.pts and not nearly_in_order(found.pts):
            return False, 'its time stamps jump back'
        doubt = 'may be coded in half frames' if _half_frames(codec) else ''
        if None in found.pts or not known and container == 'mpegts':
            doubt = 'does not say when each frame is shown'
        return known, doubt
    if container in DECODING_TIMES and not codec.codec.reorder:
        return known and found.pts == sorted(found.pts), ''
    if container == 'avi' and family == 'mpeg4':
        return False, '' if smallest > _NOTHING_CODED else 'may hold two frames in one packet'
    return False, 'does not say when each frame is shown'


def nearly_in_order(times: list[int]) -> bool:
    """Whether sorting moves no time further than a codec reorders frames."""
    places = np.argsort(np.array(times, np.int64), kind='stable')
    return not len(places) or np.abs(places - np.arange(len(places))).max() <= _FARTHEST


def _half_frames(codec: av.video.codeccontext.VideoCodecContext) -> bool:
    order = getattr(codec, 'field_order', 0)
    return codec.name in ('h264', 'hevc') and int(getattr(order, 'value', order) or 0) > 1


def _promised(container, stream, found: Packets, last: av.Packet) -> int:
    """Number of frames by the header if it promises far more than were found, else those found."""
    count = len(found.pts)
    if None in found.dts or not count:
        return count
    length = max(found.dts) - min(found.dts) + (last.duration or 0)
    told = 0
    if container.format.name == 'avi':
        told = stream.frames  # of time steps, some of them empty
    elif container.format.name == _TIMED[0]:
        told = stream.duration or 0
    elif container.format.name == _TIMED[1] and container.duration:
        tag = _TAG.fullmatch(stream.metadata.get('DURATION', ''))
        if tag:  # of the stream; the other duration is of the file
            seconds = int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
            told = min(seconds, container.duration / 1e6) / float(stream.time_base)
    promised = round(count * told / length) if length > 0 else count
    return promised if promised - max(2, promised // 20) > count else count
