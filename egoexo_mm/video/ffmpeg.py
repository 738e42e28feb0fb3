"""Calls of the programs ffmpeg and ffprobe.

Standard library only, so that preparing data needs no PyTorch. The rules are those of the readers
in this folder: the video stream that a player shows, never a cover picture, turned as a player
turns it; every frame at the size of the first; each frame once, at its own time.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, NamedTuple

_FULL = ('No space left on device', 'Disk quota exceeded')
_MORE = '-probesize 200M -analyzeduration 100M'  # for streams whose size comes late
_NOT_A_VIDEO = ('attached_pic', 'timed_thumbnails', 'still_image')
_children: set[subprocess.Popen] = set()
_stopped = threading.Event()


class MediaError(Exception):
    """One file cannot be used; the message says why and is to be put behind its path."""


class Interrupted(Exception):
    """The run is being ended; nothing is wrong with the file."""


class StopRun(Exception):
    """The run cannot go on; the message says why and what to do."""


class Probe(NamedTuple):
    """What a video file says of itself.

    Attributes:
        width, height: of frames as they are shown, in pixels.
        seconds: how long the video stream lasts.
        stream: number of the video stream in the file.
        rate: frames a second as text, such as ``'30000/1001'``; ``'0/0'`` where unknown.
        turn: degrees by which a player turns the frames.
        timed: whether frames have times of showing; AVI and ASF keep none for H.264 and HEVC with
            B-frames.
        keyless: the stream does not begin with a key frame, and its codec decodes the frames before
            it all the same (H.264 does not).
    """

    width: int
    height: int
    seconds: float
    stream: int
    rate: str
    turn: int
    timed: bool
    keyless: bool


def disk_full(where: str | os.PathLike) -> StopRun:
    """The error for a full disk."""
    return StopRun(
        f'{where}: the disk is full; free space and run the same command again, finished videos '
        'are kept'
    )


def is_disk_full(error: OSError) -> bool:
    """Whether space or quota ran out."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def require_ffmpeg() -> None:
    """Refuse to begin where ffmpeg or ffprobe is missing.

    Raises:
        StopRun: one of them is not on the PATH.
    """
    for program in ('ffmpeg', 'ffprobe'):
        if shutil.which(program) is None:
            raise StopRun(
                f'{program} is not on the PATH; install it, for example with "apt-get install '
                'ffmpeg" or "conda install -c conda-forge ffmpeg", and run the same command again'
            )


def stop_children() -> None:
    """End all running ffmpegs and start no more."""
    _stopped.set()
    for child in list(_children):
        child.kill()


def check_not_stopped() -> None:
    """Raise ``Interrupted`` after ``stop_children``."""
    if _stopped.is_set():
        raise Interrupted


def probe(path: Path) -> Probe:
    """Stream, shown size and duration of a video.

    Packets are counted where the container does not say how long it is.

    Raises:
        MediaError: not a video.
    """
    stream, told = _video_stream(path)
    if not stream.get('width'):
        stream, told = _video_stream(path, _MORE)
    if not stream.get('width'):
        raise MediaError(
            'has a video stream of unknown size; it holds no frame that can be decoded'
        )
    container = told.get('format', {})
    kind, codec = container.get('format_name', ''), stream.get('codec_name')
    # the durations of Matroska count from 0, not from the first frame
    late = _number(container.get('start_time')) if kind.startswith('matroska') else 0.0
    seconds = _seconds(stream, late) or _number(container.get('duration')) - late
    width, height, turn = stream['width'], stream['height'], _turn(stream)
    if turn % 180 == 90:
        width, height = height, width
    reorders = stream.get('has_b_frames')
    number = stream['index']
    return Probe(
        width=width,
        height=height,
        seconds=seconds if seconds > 0 else packet_seconds(path, number)[0],
        stream=number,
        rate=stream.get('r_frame_rate') or '0/0',
        turn=turn,
        timed=not reorders or kind != 'avi' and (kind != 'asf' or codec not in ('h264', 'hevc')),
        keyless=codec != 'h264' and not _begins_with_key(path, number),
    )


def _ffprobe(path: Path, options: str) -> str:
    return _run(['ffprobe', '-v', 'error', *options.split(), _url(path)], path, path)


def _begins_with_key(path: Path, stream: int) -> bool:
    first = f'-select_streams {stream} -read_intervals %+#1'
    out = _ffprobe(path, f'{first} -show_entries packet=flags -of csv=p=0')
    return out.strip().startswith('K')


def _video_stream(path: Path, options: str = '') -> tuple[dict, dict]:
    """The stream that a player shows, and all that ffprobe says.

    A player takes one that is marked as default and has the largest frames.
    """
    told = json.loads(_ffprobe(path, f'{options} -show_streams -show_format -of json'))
    videos = [stream for stream in told.get('streams') or [] if stream.get('codec_type') == 'video']
    shown = [
        stream for stream in videos if not any(map(stream.get('disposition', {}).get, _NOT_A_VIDEO))
    ]
    if not shown:
        raise MediaError(
            'holds a cover picture and no video' if videos else 'holds no video stream'
        )
    return max(shown, key=_rank), told


def _rank(stream: dict) -> tuple[int, int]:
    marked = stream.get('disposition', {}).get('default', 0)
    return marked, stream.get('width', 0) * stream.get('height', 0)


def _turn(stream: dict) -> int:
    """By how many degrees a player turns the frames."""
    for entry in stream.get('side_data_list') or []:
        if 'rotation' in entry:
            return round(_number(entry['rotation']))
    return round(_number(stream.get('tags', {}).get('rotate')))


def _seconds(stream: dict, late: float) -> float:
    """Duration of the stream itself.

    Matroska has it as a tag, 00:00:05.033000000, that counts from 0.
    """
    told = _number(stream.get('duration'))
    tags = {name.upper(): text for name, text in stream.get('tags', {}).items()}
    clock = re.match(r'(\d+):(\d+):(\d+(?:\.\d*)?)', tags.get('DURATION', ''))
    if told or not clock:
        return told
    return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) - late


def _number(text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        return 0.0


def seconds_of(path: Path, need: float = 0) -> float:
    """How long a video lasts, in seconds.

    Some containers only guess. So the packets are counted where that is less than ``need``.

    Raises:
        MediaError: not a video.
    """
    found = probe(path)
    if found.seconds >= need:
        return found.seconds
    return max(found.seconds, packet_seconds(path, found.stream)[0])


def packet_seconds(path: Path, stream: int) -> tuple[float, float, float]:
    """Seconds of packets, without decoding; 0 where they have no times.

    Returns:
        How long those of ``stream`` last, how long those of all streams last, and how far the last
        one of ``stream`` begins behind the first.

    Raises:
        MediaError: the file cannot be read.
    """
    entries = 'packet=stream_index,pts_time,dts_time,duration_time'
    out = _ffprobe(path, f'-show_entries {entries} -of compact=print_section=0')
    spans: list[tuple[int, float, float]] = []  # stream, begin, end
    for line in out.splitlines():
        fields = dict(part.split('=', 1) for part in line.split('|') if '=' in part)
        times = (fields.get(name, 'N/A') for name in ('pts_time', 'dts_time'))
        begin = next((float(time) for time in times if time != 'N/A'), None)
        stream_index = fields.get('stream_index', '')
        if begin is not None and stream_index.isdecimal():
            end = begin + _number(fields.get('duration_time'))
            spans.append((int(stream_index), begin, end))
    own = [(begin, end) for number, begin, end in spans if number == stream]
    if not own:
        return 0.0, 0.0, 0.0
    first = min(begin for begin, _ in own)
    everything = max(end for _, _, end in spans) - min(begin for _, begin, _ in spans)
    return max(end for _, end in own) - first, everything, max(begin for begin, _ in own) - first


def even_size(width: int, height: int) -> tuple[int, int]:
    """The size that H.264 and MPEG-4 can store.

    Odd sides are scaled to the even number below, at least 2. Boxes relative to the frame stay
    where they are.
    """
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


def shrunk_size(width: int, height: int, short_side: int) -> tuple[int, int]:
    """Size with the short side at most ``short_side``, never enlarged, with even sides."""
    if short_side >= min(width, height):
        return even_size(width, height)
    short = max(2, short_side // 2 * 2)
    long = max(2, round(max(width, height) * short / min(width, height) / 2) * 2)
    return (short, long) if width <= height else (long, short)


def extract_frames(
    source: Path,
    folder: Path,
    pattern: str,
    *,
    fps: float,
    short_side: int,
    quality: int,
    threads: int,
) -> None:
    """Write the frames of a video, resampled to ``fps``, as JPGs into ``folder``.

    They are named ``pattern % 1``, ``pattern % 2``, ...

    Raises:
        MediaError: the video cannot be decoded, or breaks off.
        StopRun: the disk is full.
    """
    found = probe(source)
    folder.mkdir(parents=True)
    # ffmpeg runs inside the folder: a percent sign in a folder's name would be part of the pattern
    output = f'-q:v {quality} -threads {threads} -start_number 1 -progress pipe:1'
    command = _read(source, found, threads) + ['-vf', _filters(found, short_side, f'fps={fps:g}')]
    out = _run([*command, *output.split(), f'./{pattern}'], source, folder, cwd=folder)
    frames = sum(1 for _ in os.scandir(folder))
    if not frames and 0 < found.seconds < 1 / fps:
        raise MediaError(
            f'lasts {found.seconds:.3g} s, less than one frame at {fps:g} frames a second'
        )
    reached = _progress(out).get('out_time_us', 1e6 * frames / fps) / 1e6
    if not frames or reached < 0.95 * found.seconds - 2 / fps:
        _check_packets(source, found, frames, reached, slack=2 / fps)


def reencode(source: Path, target: Path, *, short_side: int, crf: int, threads: int) -> None:
    """Write a smaller H.264 copy without sound.

    A key frame every 32 frames makes clips quick to reach. Each frame is written once and keeps its
    time, at a variable rate too.

    Raises:
        MediaError: the video cannot be decoded, or breaks off.
        StopRun: the disk is full, or this ffmpeg has no libx264.
    """
    found = probe(source)
    encoder = f'-c:v libx264 -preset fast -crf {crf} -g 32 -pix_fmt yuv420p -threads {threads}'
    output = '-movflags +faststart -progress pipe:1 -f mp4'
    command = _read(source, found, threads) + ['-an', '-vf', _filters(found, short_side)]
    command += [*_own_times(), *encoder.split(), *output.split(), _url(target)]
    out = _run(command, source, target)
    told = _progress(out)
    dropped, repeated = told.get('drop_frames', 0), told.get('dup_frames', 0)
    if dropped or repeated:
        raise MediaError(
            f'{dropped} frames were left out and {repeated} repeated by ffmpeg; install another '
            'version of it'
        )
    frames = told.get('frame', 1)
    if not frames or probe(target).seconds < 0.95 * found.seconds - 1:
        reached = packet_seconds(target, 0)[2] if frames else 0.0
        _check_packets(source, found, frames, reached, slack=1)


def _progress(out: str) -> dict[str, int]:
    """Numbers in the last report of ``-progress``."""
    lines = (line.partition('=') for line in out.splitlines())
    return {name: int(text) for name, _, text in lines if text.isdecimal()}


def _read(source: Path, found: Probe, threads: int) -> list[str]:
    more = _MORE if found.rate == '0/0' else ''
    # Filters that are set up anew where the frame size changes lose a frame; turning needs it.
    keep = '' if found.turn else '-reinit_filter 0'
    options = f'-v error -nostdin -y -threads {threads} -fflags +genpts {more} {keep}'
    return ['ffmpeg', *options.split(), '-i', _url(source), '-map', f'0:{found.stream}']


def _filters(found: Probe, short_side: int, *last: str) -> str:
    """One size for all frames, and only those that can be shown.

    Where frames have no times, they are evenly spaced.
    """
    width, height = shrunk_size(found.width, found.height, short_side)
    filters = [f'scale={width}:{height}']
    if found.keyless:
        filters.append("select='key+gt(selected_n,0)'")
    if not found.timed and not found.rate.startswith('0/'):
        filters.append(f'setpts=round(N/({found.rate})/TB)')
    return ','.join([*filters, *last])


def _own_times() -> list[str]:
    """Options that keep each frame and its time; their names changed with ffmpeg 5.1 and 6.1."""
    version = _version()
    keep = '-vsync 0' if version < (5, 1) else '-fps_mode passthrough'
    base = '-1' if version < (6, 1) else 'demux'
    return [*keep.split(), '-enc_time_base', base]


@functools.cache
def _version() -> tuple[int, int]:
    """Of ffmpeg; a build from its repository, which has no such number, counts as new."""
    told = subprocess.run(
        ['ffmpeg', '-version'], stdin=subprocess.DEVNULL, capture_output=True, check=False
    ).stdout
    match = re.match(rb'ffmpeg version n?(\d+)\.(\d+)', told)
    return (int(match[1]), int(match[2])) if match else (99, 0)


def _check_packets(source: Path, found: Probe, frames: int, reached: float, slack: float) -> None:
    """Refuse a file that breaks off in the middle, on which ffmpeg itself ends without an error.

    Where ffmpeg came less far than the header promises, the packets tell that from a longer sound
    track and from a long last frame.
    """
    _, everything, last = packet_seconds(source, found.stream)
    if not frames or everything < 0.95 * found.seconds - slack or reached < 0.95 * last - slack:
        raise MediaError(
            f'breaks off, {reached:.4g} of about {found.seconds:.4g} s could be decoded'
        )


def _url(path: Path) -> str:
    # so that neither a dash at the start nor a colon in the name means anything
    return f'file:{path.resolve()}'


def _run(command: list[str], source: Path, where: Path, cwd: Path | None = None) -> str:
    """Standard output of a program that reads ``source`` and writes to ``where``."""
    child = subprocess.Popen(
        command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _children.add(child)
    if _stopped.is_set():
        child.kill()
    try:
        out, errors = (text.decode('utf-8', 'replace') for text in child.communicate())
    finally:
        _children.discard(child)
    check_not_stopped()
    if child.returncode == 0:
        return out
    if any(text in errors for text in _FULL):
        raise disk_full(where)
    if 'Unknown encoder' in errors:
        raise StopRun(
            f'this ffmpeg has no encoder libx264 ({shutil.which("ffmpeg")}); install a full build, '
            'for example with "apt-get install ffmpeg"'
        )
    lines = errors.strip().splitlines() or [f'exit code {child.returncode}']
    reason = lines[-1].replace(_url(source), source.name).strip()
    raise MediaError(f'cannot be decoded ({reason})')
