"""Folders of frames and archives of frames; standard library only."""

from __future__ import annotations

import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from egoexo_light.untrusted import quote, shorten
from egoexo_light.video.ffmpeg import MediaError, check_not_stopped
from egoexo_light.video.names import is_image

from .report import Found

_ANY_SIZE, _MOST_GROWTH = (
    100_000_000,
    20,
)  # bytes that any archive may hold; images hardly shrink in one

_PARTS = re.compile(
    r'(.*?)(\d+)(\.\w+)', re.DOTALL
)  # of the name of a frame: prefix, number, suffix


class FrameName(NamedTuple):
    """How frames are named: ``prefix``, a number of ``digits`` digits from 1 on, ``.jpg``.

    ``setting`` is the ``filename_tmpl`` of the data set for it.
    """

    prefix: str
    digits: int
    setting: str


def unpack_frames(archive: Path, folder: Path, frame_name: re.Pattern[str]) -> None:
    """Unpack the files of a tar or zip whose name matches ``frame_name``, without their folders.

    Raises:
        MediaError: it is damaged, holds a name twice, or no such file.
    """
    folder.mkdir(parents=True)
    others: list[str] = []
    room = _ANY_SIZE + _MOST_GROWTH * archive.stat().st_size
    try:
        for name, data in _members(archive):
            if frame_name.fullmatch(name):
                check_not_stopped()
                with open(folder / name, 'xb') as file:
                    room -= _copy(data, file, room)
            elif is_image(name):
                others.append(name)
    except FileExistsError as error:
        raise MediaError(f'holds {Path(error.filename).name} twice') from None
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        RuntimeError,
    ) as error:
        raise MediaError(f'is damaged ({shorten(str(error))})') from None
    if others and not any(folder.iterdir()):
        raise MediaError(
            f'holds no frames with names like {frame_name.pattern}, but {len(others)} such as '
            f'{quote(others[0])}; get the official archive, or extract it yourself and check that '
            'folder, which tells the setting that reads such names'
        )


def _copy(data: BinaryIO, file: BinaryIO, most: int) -> int:
    """Copy to the end; the number of bytes."""
    copied = 0
    while chunk := data.read(1 << 20):
        copied += len(chunk)
        if copied > most:
            raise MediaError(
                f'unpacks to more than {_MOST_GROWTH} times its size, which images do not; get it '
                'again where it was published'
            )
        file.write(chunk)
    return copied


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


def count_frames(folder: Path, frame: FrameName) -> Found:
    """Number of frames in a folder, numbered without a gap.

    Returns:
        The count and, as a note, the settings of the data set for frames that are named otherwise:
            numbers from 0, without or with another number of leading zeros, another prefix or
            suffix.

    Raises:
        MediaError: no frames, several kinds of names, a gap in the numbers, or an empty last file.
    """
    if not folder.is_dir():
        raise MediaError('is no folder')
    (prefix, suffix), numbers = _frame_numbers(folder, frame)
    last = max(numbers)
    lacking = next((n for n in range(0 if 0 in numbers else 1, last + 1) if n not in numbers), None)
    if lacking is not None:
        raise MediaError(f'lacks frame {lacking} of {last}')
    if not (folder / numbers[last]).stat().st_size:
        raise MediaError(f'frame {last} is an empty file')
    widths = {n: len(name) - len(prefix) - len(suffix) for n, name in numbers.items()}
    least = min(widths.values())
    if any(width != max(least, len(str(n))) for n, width in widths.items()):
        raise MediaError(
            'pads its numbers in several ways; rename the frames so that all have one width, or no '
            'zeros in front'
        )
    settings = []
    if (prefix, suffix) != (frame.prefix, '.jpg') or least != frame.digits:
        head, number = re.fullmatch(r'(.*?)(\{+:\d+\}+)\.jpg', frame.setting).groups()
        number = re.sub(r':\d+', f':0{least}' if least > 1 else '', number)
        settings.append(
            f"filename_tmpl='{head if prefix == frame.prefix else prefix}{number}{suffix}'"
        )
    return Found(len(numbers), ', '.join(settings + ['start_index=0'] * (0 in numbers)))


def _frame_numbers(folder: Path, frame: FrameName) -> tuple[tuple[str, str], dict[int, str]]:
    """Prefix and suffix of the frames in a folder, and their names by number.

    Frames with other than the usual names count where there are no usual ones.
    """
    kinds: dict[tuple[str, str], dict[int, str]] = {}
    for name in os.listdir(folder):
        match = _PARTS.fullmatch(name) if is_image(name) else None
        if match:
            numbers = kinds.setdefault((match[1], match[3]), {})
            first = numbers.setdefault(int(match[2]), name)
            if first != name:
                raise MediaError(
                    f'holds frame {int(match[2])} twice, as {first} and {name}; remove one of them'
                )
    usual = (frame.prefix, '.jpg')
    if usual in kinds:
        return usual, kinds[usual]
    if not kinds:
        raise MediaError(f'holds no frames with names like {frame.prefix}{1:0{frame.digits}d}.jpg')
    if len(kinds) > 1:
        names = sorted(min(numbers.values()) for numbers in kinds.values())
        raise MediaError(
            f'holds {len(kinds)} kinds of frames ({", ".join(names[:3])}); keep one of them'
        )
    return next(iter(kinds.items()))
