"""Kinds of video files: how each is made, what it shows, and when."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .numbered import COUNT, RATE, copy, encode, ffmpeg, join

YUV = ('-pix_fmt', 'yuv420p')
X264 = ('-c:v', 'libx264', *YUV, '-g', '8', '-bf', '2', '-x264-params', 'scenecut=0')
X265 = (
    '-c:v',
    'libx265',
    *YUV,
    '-x265-params',
    'log-level=error:keyint=8:bframes=3:open-gop=1:pools=1',
)
VP9 = ('-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '8')
ALT_REF = (
    '-cpu-used',
    '5',
    '-auto-alt-ref',
    '1',
    '-lag-in-frames',
    '16',
    *YUV,
)  # frames to predict from, not to show
MPEG = (*YUV, '-g', '8', '-bf', '2', '-q:v', '3')
RATES = "setpts='if(lt(N,20),N,20+(N-20)*4)/25/TB'"  # 20 frames at 25 a second, 10 at 6.25


class Kind(NamedTuple):
    """Attributes:
    make: writes the file at a path.
    suffix: of the file.
    numbers: that its frames show.
    times: of its frames in seconds from the first; None where they are not known.
    size: width and height as shown.
    """

    make: Callable[[Path], object]
    suffix: str
    numbers: list[int] = list(range(COUNT))
    times: np.ndarray | None = np.arange(COUNT) / RATE
    size: tuple[int, int] = (96, 64)


def _encoded(suffix: str, *options, **kwargs) -> Kind:
    count, rate = kwargs.get('count', COUNT), eval(str(kwargs.get('rate', RATE)))
    return Kind(
        lambda path: encode(path, *options, **kwargs),
        suffix,
        list(range(count)),
        np.arange(count) / rate,
        kwargs.get('size', (96, 64)),
    )


def _variable(suffix: str, *options) -> Kind:
    numbers = np.arange(COUNT)
    return Kind(
        lambda path: encode(path, '-vf', RATES, '-vsync', 'vfr', *options),
        suffix,
        times=np.where(numbers < 20, numbers, 20 + (numbers - 20) * 4) / RATE,
    )


def _part(numbers: range, make: Callable[[Path], object], suffix: str, **kwargs) -> Kind:
    return Kind(make, suffix, list(numbers), np.arange(len(numbers)) / RATE, **kwargs)


def _turned(suffix: str, degrees: int) -> Kind:
    """As phones store it: on its side, with the rotation in the header."""

    def make(path: Path) -> None:
        stored = encode(
            path.with_suffix('.stored.mp4'), *X264, turns=-degrees // 90
        )  # ffmpeg 5 counts so
        ffmpeg('-i', stored, '-c', 'copy', '-metadata:s:v', f'rotate={degrees}', path)

    return Kind(make, suffix)


def _without_first_key(first: int, *options) -> Kind:
    """Begins in the middle: frames before the second key frame, ``first``, cannot be shown."""

    def make(path: Path) -> None:
        data = encode(path.with_suffix('.plain.ts'), *options, '-f', 'mpegts').read_bytes()
        packets = [data[i : i + 188] for i in range(0, len(data), 188)]
        video = [
            i for i, packet in enumerate(packets) if packet[1] & 0x5F == 0x41 and packet[2] == 0
        ]  # start of a picture
        path.write_bytes(b''.join(packets[:3] + packets[video[1] :]))

    numbers = list(range(first, COUNT))
    return Kind(make, '.ts', numbers, np.arange(len(numbers)) / RATE)


def _boxes(data: bytes, start: int, end: int):
    while start < end:
        size, name = struct.unpack('>I4s', data[start : start + 8])
        yield start, size, name
        start += size


def _cover_first(path: Path) -> None:
    """The cover picture's box before the tracks makes it stream 0."""
    plain = encode(path.with_suffix('.plain.mp4'), *X264)
    image = path.with_suffix('.jpg')
    ffmpeg('-f', 'lavfi', '-i', 'color=blue:s=640x480', '-frames:v', '1', image)

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack('>I4s', len(body) + 8, name) + body

    cover = box(b'covr', box(b'data', struct.pack('>II', 13, 0) + image.read_bytes()))
    meta = box(
        b'meta', b'\0' * 4 + box(b'hdlr', b'\0' * 8 + b'mdirappl' + b'\0' * 9) + box(b'ilst', cover)
    )
    data = plain.read_bytes()
    start, size, name = list(_boxes(data, 0, len(data)))[-1]
    assert name == b'moov'
    rest = b''.join(
        data[s : s + n] for s, n, name in _boxes(data, start + 8, start + size) if name != b'udta'
    )
    path.write_bytes(data[:start] + box(b'moov', box(b'udta', meta) + rest))


def _cover_last(path: Path) -> None:
    image = path.with_suffix('.jpg')
    ffmpeg('-f', 'lavfi', '-i', 'color=blue:s=640x480', '-frames:v', '1', image)
    plain = encode(path.with_suffix('.plain.mp4'), *X264)
    if path.suffix == '.mkv':
        copy(plain, path, '-attach', image, '-metadata:s:t', 'mimetype=image/jpeg')
    else:
        ffmpeg(
            '-i',
            plain,
            '-i',
            image,
            '-map',
            '1',
            '-map',
            '0',
            '-c',
            'copy',
            '-disposition:v:0',
            'attached_pic',
            path,
        )


def _two_sizes(suffix: str, options: tuple, sizes=((96, 64), (192, 128))) -> Kind:
    def make(path: Path) -> None:
        parts = [
            encode(path.with_suffix(f'.{i}{suffix}'), *options, count=15, first=15 * i, size=size)
            for i, size in enumerate(sizes)
        ]
        if suffix in ('.avi', '.ts'):
            path.write_bytes(b''.join(part.read_bytes() for part in parts))
        else:
            join(path, *parts)

    return Kind(make, suffix, size=sizes[0])


def _cut(path: Path) -> None:
    """Cut without encoding: an edit list hides the key frame that the first frames need."""
    copy(encode(path.with_suffix('.long.mp4'), *X264, '-g', '20'), path, before=('-ss', '0.4'))


def _open_gop_cut(path: Path) -> None:
    """Cut without encoding at an open group: its first packets have no frame and no time."""
    encode(path.with_suffix('.long.mkv'), *X264[:-1], 'scenecut=0:open-gop=1:bframes=3')
    copy(path.with_suffix('.long.mkv'), path, before=('-ss', '0.7'))


def _copied_from_avi(path: Path) -> None:
    """Times guessed from those of decoding, as AVI has no others."""
    ffmpeg('-fflags', '+genpts', '-i', encode(path.with_suffix('.avi'), *X264), '-c', 'copy', path)


def _live(path: Path) -> None:
    """Written to a pipe: no duration, no index."""
    plain = encode(path.with_suffix('.plain.webm'), *VP9, *YUV)
    path.write_bytes(ffmpeg('-i', plain, '-c', 'copy', '-f', 'webm', '-live', '1', '-'))


def _restart(path: Path) -> None:
    parts = [encode(path.with_suffix(f'.{i}.ts'), *X264, count=15, first=15 * i) for i in range(2)]
    path.write_bytes(b''.join(part.read_bytes() for part in parts))


def _offset_restart(path: Path) -> None:
    """The second recording's times lie between those of the first."""
    parts = [
        encode(
            path.with_suffix(f'.{i}.ts'),
            *X264,
            '-output_ts_offset',
            0.02 * i,
            count=15,
            first=15 * i,
        )
        for i in range(2)
    ]
    path.write_bytes(b''.join(part.read_bytes() for part in parts))


KINDS: dict[str, Kind] = dict(
    h264_mp4=_encoded('.mp4', *X264),
    h264_mov=_encoded('.mov', *X264),
    h264_open_gop=_encoded('.mp4', *X264[:-1], 'scenecut=0:open-gop=1:bframes=3'),
    h264_intra_refresh=_encoded('.mp4', *X264[:-1], 'scenecut=0:intra-refresh=1:bframes=0'),
    h264_interlaced=_encoded('.mp4', *X264, '-flags', '+ildct+ilme'),
    h264_all_keys=_encoded('.mkv', *X264, '-g', '1'),
    h264_fragments=_encoded('.mp4', *X264, '-movflags', 'frag_keyframe+empty_moov'),
    h264_odd=_encoded('.mp4', '-c:v', 'libx264', '-pix_fmt', 'yuv444p', '-g', '8', size=(97, 65)),
    h264_48_wide=_encoded('.mp4', *X264, size=(48, 48)),
    h264_flv=_encoded('.flv', *X264),
    h264_avi=_encoded('.avi', *X264),
    h264_ts=_encoded('.ts', *X264),
    h264_m2ts=_encoded('.m2ts', *X264),
    h264_ts_wrap=_encoded('.ts', *X264, '-output_ts_offset', '95443.2'),
    h264_from_avi=Kind(_copied_from_avi, '.mkv'),
    h264_raw=_encoded('.h264', *X264),
    h264_no_key=_without_first_key(8, *X264),
    h264_open_no_key=_without_first_key(8, *X264[:-1], 'scenecut=0:open-gop=1:bframes=3'),
    hevc_mkv=_encoded('.mkv', *X265),
    hevc_mp4_10bit=_encoded('.mp4', *X265, '-pix_fmt', 'yuv420p10le'),
    hevc_ts=_encoded('.ts', *X265),
    hevc_raw=_encoded('.hevc', *X265),
    hevc_no_key=_without_first_key(8, *X265),
    vp9_webm=_encoded('.webm', *VP9, *YUV),
    vp9_alt_ref=_encoded('.webm', '-c:v', 'libvpx-vp9', *ALT_REF),
    vp8_alt_ref=_encoded('.webm', '-c:v', 'libvpx', *ALT_REF),
    vp9_alpha=_encoded('.webm', *VP9, '-pix_fmt', 'yuva420p'),
    vp9_odd=_encoded('.webm', *VP9, *YUV, size=(97, 65)),
    vp9_live=Kind(_live, '.webm'),
    av1_mp4=_encoded('.mp4', '-c:v', 'libaom-av1', '-cpu-used', '8', '-g', '8', *YUV),
    mpeg4_mp4=_encoded('.mp4', '-c:v', 'mpeg4', *MPEG),
    mpeg4_3gp=_encoded('.3gp', '-c:v', 'mpeg4', *YUV, '-g', '8'),
    mpeg4_avi=_encoded('.avi', '-c:v', 'mpeg4', *YUV, '-g', '8'),
    mpeg4_avi_b=_encoded('.avi', '-c:v', 'mpeg4', *MPEG),
    # two frames in a packet; this encoder loses the last but two
    mpeg4_packed=Kind(
        lambda path: encode(path, '-c:v', 'libxvid', *MPEG), '.avi', [*range(27), 28], None
    ),
    mpeg1_mpg=_encoded('.mpg', '-c:v', 'mpeg1video', *MPEG),
    mpeg2_vob=_encoded('.vob', '-c:v', 'mpeg2video', *MPEG),
    mpeg2_ts=_encoded('.ts', '-c:v', 'mpeg2video', *MPEG, '-flags', '+ildct+ilme'),
    mpeg2_no_key=_without_first_key(9, '-c:v', 'mpeg2video', *MPEG),
    mpeg4_no_key=_without_first_key(8, '-c:v', 'mpeg4', *YUV, '-g', '8', '-q:v', '3'),
    wmv1_asf=_encoded('.asf', '-c:v', 'wmv1', *YUV, '-g', '8'),
    wmv2_wmv=_encoded('.wmv', '-c:v', 'wmv2', *YUV, '-g', '8'),
    mjpeg_avi=_encoded('.avi', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p'),
    mjpeg_mov_odd=_encoded('.mov', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', size=(97, 65)),
    flv1_flv=_encoded('.flv', '-c:v', 'flv1', *YUV, '-g', '8'),
    theora_ogv=_encoded('.ogv', '-c:v', 'libtheora', *YUV, '-g', '8', '-q:v', '7'),
    gif=_encoded('.gif'),
    variable_mp4=_variable('.mp4', *X264),
    variable_mkv=_variable('.mkv', *X264),
    variable_webm=_variable('.webm', *VP9, *YUV),
    variable_ts=_variable('.ts', *X264),
    turned_90=_turned('.mp4', 90),
    turned_180=_turned('.mov', 180),
    turned_270=_turned('.mp4', 270),
    cover_first=Kind(_cover_first, '.mp4'),
    cover_mkv=Kind(_cover_last, '.mkv'),
    cover_mp4=Kind(_cover_last, '.mp4'),
    edit_list=_part(range(10, COUNT), _cut, '.mp4'),
    open_gop_cut=_part(range(8, COUNT), _open_gop_cut, '.mkv'),
    late_start=_encoded('.mp4', *X264, '-output_ts_offset', '3'),
    late_start_mkv=_encoded('.mkv', *X264, '-output_ts_offset', '3'),
    grows_mp4=_two_sizes('.mp4', X264),
    shrinks_mp4=_two_sizes('.mp4', X264, ((192, 128), (96, 64))),
    grows_ts=_two_sizes('.ts', X264),
    grows_avi=_two_sizes('.avi', ('-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p')),
    grows_webm=_two_sizes('.webm', (*VP9, *YUV)),
    restart_ts=Kind(_restart, '.ts'),
    offset_restart_ts=Kind(_offset_restart, '.ts'),
    one_frame=_encoded('.mp4', *X264, count=1),
    equal_times=_encoded('.mkv', '-c:v', 'mpeg4', *YUV, '-g', '8', rate=2000),
    equal_times_b=_encoded('.mkv', *X264, rate=2000),
)
# tried with --slow only
RARE = (
    'h264_mov',
    'h264_interlaced',
    'h264_all_keys',
    'h264_m2ts',
    'h264_open_no_key',
    'hevc_raw',
    'vp9_alpha',
    'mpeg4_3gp',
    'mpeg4_packed',
    'mpeg2_no_key',
    'wmv1_asf',
    'flv1_flv',
    'variable_ts',
    'turned_270',
    'cover_mkv',
    'late_start_mkv',
    'grows_webm',
    'restart_ts',
    'equal_times_b',
)
