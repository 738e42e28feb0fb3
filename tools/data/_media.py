"""Calls of ffmpeg and ffprobe, folders of frames and archives of frames; standard library only."""
from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_FULL = ('No space left on device', 'Disk quota exceeded')
_children: set[subprocess.Popen] = set()
_stopped = threading.Event()


class MediaError(Exception):
    """One video cannot be used; the message says why and is to be put behind its path."""


class Interrupted(Exception):
    """The run is being ended; nothing is wrong with the video."""


class StopRun(Exception):
    """The run cannot go on; the message says why and what to do."""


class Video(NamedTuple):
    """Size in pixels and duration of a video; 0 seconds where the container does not say."""
    width: int
    height: int
    seconds: float


def disk_full(where: str | Path) -> StopRun:
    """The error for a full disk."""
    return StopRun(f'{where}: the disk is full; free space and run the same command again, finished videos are kept')


def is_disk_full(error: OSError) -> bool:
    """Whether space or quota ran out."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def require_ffmpeg() -> None:
    """Refuse to begin where ffmpeg or ffprobe is missing."""
    for program in ('ffmpeg', 'ffprobe'):
        if shutil.which(program) is None:
            raise StopRun(f'{program} is not on the PATH; install it, for example with "apt-get install ffmpeg" or '
                          '"conda install -c conda-forge ffmpeg", and run the same command again')


def stop_children() -> None:
    """End all running ffmpegs and start no more."""
    _stopped.set()
    for child in list(_children):
        child.kill()


def _run(command: list[str], source: Path, where: Path, cwd: Path | None = None) -> str:
    """Standard output of a program that reads ``source`` and writes to ``where``."""
    child = subprocess.Popen(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _children.add(child)
    if _stopped.is_set():
        child.kill()
    try:
        out, errors = (text.decode('utf-8', 'replace') for text in child.communicate())
    finally:
        _children.discard(child)
    if _stopped.is_set():
        raise Interrupted
    if child.returncode == 0:
        return out
    if any(text in errors for text in _FULL):
        raise disk_full(where)
    if 'Unknown encoder' in errors:
        raise StopRun(f'this ffmpeg has no encoder libx264 ({shutil.which("ffmpeg")}); install a full build, for example '
                      'with "apt-get install ffmpeg"')
    lines = [line for line in errors.strip().splitlines() if line.strip()]
    reason = lines[-1].replace(f'file:{source}', source.name) if lines else f'exit code {child.returncode}'
    raise MediaError(f'cannot be decoded ({reason.strip()})')


def _url(path: Path) -> str:
    return f'file:{path.resolve()}'  # neither a dash at the start nor a colon in a name means anything then


def probe(path: Path) -> Video:
    """Size and duration as the container tells them.

    Raises:
        MediaError: not a video.
    """
    out = _run(['ffprobe', '-v', 'error', '-select_streams', 'v:0', '-show_entries',
                'stream=width,height,duration:format=duration', '-of', 'json', _url(path)], path.resolve(), path)
    told = json.loads(out)
    stream = (told.get('streams') or [{}])[0]
    if not stream.get('width'):
        raise MediaError('holds no video stream')
    seconds = stream.get('duration') or told.get('format', {}).get('duration') or 0
    return Video(stream['width'], stream['height'], float(seconds))


def _scale(short_side: int) -> str:
    """Filter that shrinks the short side to ``short_side``, never enlarges, and keeps both sides even."""
    return (f"scale=w='if(lt(iw,ih),min({short_side},trunc(iw/2)*2),-2)'"
            f":h='if(lt(iw,ih),-2,min({short_side},trunc(ih/2)*2))'")


def extract_frames(source: Path, folder: Path, pattern: str, *, fps: float, short_side: int, quality: int,
                   threads: int) -> None:
    """Write the frames of a video, resampled to ``fps``, as JPGs ``pattern % 1``, ``pattern % 2``, ... into ``folder``."""
    seconds = probe(source).seconds
    folder.mkdir(parents=True)
    # ffmpeg runs inside the folder: a percent sign in a folder's name would be part of the pattern
    _run([*_read(source, threads), '-vf', f'fps={fps:g},{_scale(short_side)}', '-q:v', str(quality), '-threads',
          str(threads), '-start_number', '1', f'./{pattern}'], source.resolve(), folder, cwd=folder)
    made = sum(1 for _ in os.scandir(folder))
    _check_whole(made, seconds * fps, 'frames')


def reencode(source: Path, target: Path, *, short_side: int, crf: int, threads: int) -> None:
    """Write a smaller H.264 copy without sound, with a key frame every 32 frames, so that clips are quick to reach."""
    seconds = probe(source).seconds
    _run([*_read(source, threads), '-an', '-vf', _scale(short_side), '-c:v', 'libx264', '-preset', 'fast', '-crf', str(crf),
          '-g', '32', '-pix_fmt', 'yuv420p', '-threads', str(threads), '-movflags', '+faststart', '-f', 'mp4', _url(target)],
         source.resolve(), target)
    _check_whole(probe(target).seconds, seconds, 's')


def _read(source: Path, threads: int) -> list[str]:
    return ['ffmpeg', '-v', 'error', '-nostdin', '-y', '-threads', str(threads), '-i', _url(source), '-map', '0:v:0']


def _check_whole(made: float, expected: float, unit: str) -> None:
    """ffmpeg ends well on a file that breaks off in the middle; the duration tells."""
    if made < 0.95 * expected - (1 if unit == 's' else 2) or made == 0:
        raise MediaError(f'breaks off, {made:g} of about {expected:g} {unit} could be decoded')


def unpack_frames(archive: Path, folder: Path, frame_name: re.Pattern[str]) -> None:
    """Write the files of a tar or zip whose own name matches ``frame_name`` into ``folder``, without their folders."""
    folder.mkdir(parents=True)
    try:
        for name, data in _members(archive):
            if frame_name.fullmatch(name):
                if _stopped.is_set():
                    raise Interrupted
                with open(folder / name, 'xb') as file:
                    shutil.copyfileobj(data, file)
    except FileExistsError as error:
        raise MediaError(f'holds {Path(error.filename).name} twice') from None
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError) as error:
        raise MediaError(f'is damaged ({error})') from None


def _members(archive: Path) -> Iterator[tuple[str, BinaryIO]]:
    """File names without folders, and contents; only plain files, so that a link leads nowhere."""
    if archive.suffix.lower() == '.zip':
        with zipfile.ZipFile(archive) as bundle:
            for member in bundle.infolist():
                if not member.is_dir():
                    with bundle.open(member) as data:
                        yield member.filename.rpartition('/')[2], data
        return
    with tarfile.open(archive) as bundle:
        for entry in bundle:
            if entry.isfile():
                yield entry.name.rpartition('/')[2], bundle.extractfile(entry)


def count_frames(folder: Path, frame_name: re.Pattern[str]) -> int:
    """Number of frames in a folder, numbered 1, 2, ... by the first group of ``frame_name``.

    Raises:
        MediaError: none, a gap in the numbers, or an empty last file.
    """
    if not folder.is_dir():
        raise MediaError('is no folder')
    names = (frame_name.fullmatch(name) for name in os.listdir(folder))
    numbers = {int(match[1]): match[0] for match in names if match}
    if not numbers:
        raise MediaError(f'holds no frames with names like {frame_name.pattern}')
    lacking = next((n for n in range(1, max(numbers) + 1) if n not in numbers), None)
    if lacking is not None:
        raise MediaError(f'lacks frame {lacking} of {max(numbers)}')
    if not (folder / numbers[max(numbers)]).stat().st_size:
        raise MediaError(f'frame {max(numbers)} is an empty file')
    return len(numbers)
