"""Videos whose frames show their own number, made with ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

FFMPEG = shutil.which('ffmpeg')
SIZE = (96, 64)  # width, height
COUNT, RATE = 30, 25


def picture(number: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """(H, W, 3): 8 black or white blocks for the bits of a number; the upper left corner is red."""
    width, height = size
    image = np.full((height, width, 3), 60, np.uint8)
    for bit in range(8):
        rows, columns = _block(bit, size)
        image[rows, columns] = 235 if number >> bit & 1 else 16
    image[: height // 3, : width // 3] = 220, 30, 30
    return image


def _block(bit: int, size: tuple[int, int]) -> tuple[slice, slice]:
    width, height = size
    row, column = divmod(bit, 4)
    top, left = height * (row + 1) // 3, width * column // 4
    return slice(top, height * (row + 2) // 3), slice(left, width * (column + 1) // 4)


def number(image: np.ndarray) -> int:
    """The number that a frame shows; -1 where it shows none, or lies on its side."""
    height, width = image.shape[:2]
    corner = image[height // 12 : height // 4, width // 12 : width // 4].reshape(-1, 3).mean(0)
    if image.shape[2] != 3 or corner[0] < 150 or corner[1:].max() > 100:
        return -1
    found = 0
    for bit in range(8):
        rows, columns = _block(bit, (width, height))
        block = image[rows, columns]
        value = block[3:-3, 3:-3].mean()
        if 90 < value < 160:
            return -1
        found |= int(value > 125) << bit
    return found


def ffmpeg(*args, data: bytes = b'') -> bytes:
    if FFMPEG is None:
        pytest.skip('ffmpeg is not installed')
    done = subprocess.run(
        [FFMPEG, '-v', 'error', '-y', *map(str, args)], input=data, capture_output=True
    )
    if done.returncode:
        raise RuntimeError(f'{args}: {done.stderr.decode()[-600:]}')
    return done.stdout


def encode(
    path: Path,
    *options,
    count: int = COUNT,
    rate: object = RATE,
    size: tuple[int, int] = SIZE,
    first: int = 0,
    turns: int = 0,
    inputs: tuple = (),
) -> Path:
    """Frames ``first`` .. ``first + count - 1``, stored turned counterclockwise by quarters."""
    frames = np.stack([np.rot90(picture(n, size), turns) for n in range(first, first + count)])
    height, width = frames.shape[1:3]
    ffmpeg(
        '-f',
        'rawvideo',
        '-pix_fmt',
        'rgb24',
        '-s',
        f'{width}x{height}',
        '-r',
        rate,
        '-i',
        '-',
        *inputs,
        *options,
        path,
        data=frames.tobytes(),
    )
    return path


def copy(source: Path, path: Path, *options, before: tuple = ()) -> Path:
    """Another container, or a part, without encoding."""
    ffmpeg(*before, '-i', source, '-c', 'copy', *options, path)
    return path


def join(path: Path, *parts: Path, options: tuple = ('-c', 'copy')) -> Path:
    """One stream of several files."""
    listing = path.with_suffix('.txt')
    listing.write_text(''.join(f"file '{part}'\n" for part in parts))
    ffmpeg('-f', 'concat', '-safe', '0', '-i', listing, *options, path)
    return path
