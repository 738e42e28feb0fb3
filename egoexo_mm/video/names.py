"""Which files are videos and which are frames, by their names; standard library only."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

VIDEO_SUFFIXES = tuple(
    (
        '.mp4 .m4v .mov .qt .mkv .webm .avi .ts .mts .m2ts .mpg .mpeg .m1v .m2v .vob .wmv '
        '.asf .flv .f4v .3gp .3g2 .ogv .rm .rmvb .divx .mjpeg .mjpg .mxf .gif .h264 .264 .avc '
        '.h265 .265 .hevc .ivf .av1 .obu .y4m'
    ).split()
)
IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')


def is_hidden(name: str | os.PathLike) -> bool:
    """Whether a file or folder is no data of the user.

    Its name begins with a dot, as the ``._`` companions of macOS do, or is that of a folder that
    macOS or a Synology station adds.
    """
    base = os.path.basename(os.fspath(name))
    return base.startswith('.') or base in ('__MACOSX', '@eaDir')


def is_video(name: str | os.PathLike) -> bool:
    """Whether a file is a video by its suffix, in any case; hidden files are not."""
    return os.fspath(name).lower().endswith(VIDEO_SUFFIXES) and not is_hidden(name)


def is_image(name: str | os.PathLike) -> bool:
    """Whether a file is a picture by its suffix, in any case; hidden files are not."""
    return os.fspath(name).lower().endswith(IMAGE_SUFFIXES) and not is_hidden(name)


def files_below(
    root: str | os.PathLike,
    *,
    leave: Path | Collection[Path] | None = None,
    skip: str | None = None,
) -> Iterator[Path]:
    """All files at any depth, in order of their paths, without hidden files and folders.

    Links are followed.

    Args:
        root: folder to look into.
        leave: Folders not to look into.
        skip: Folders with this in their name are left out too.
    """
    leave = [leave] if isinstance(leave, Path) else leave or ()
    left = {one.resolve() for one in leave}
    for folder, folders, names in os.walk(os.fspath(root), followlinks=True):
        folders[:] = sorted(
            name
            for name in folders
            if not is_hidden(name)
            and not (skip and skip in name)
            and not (left and Path(folder, name).resolve() in left)
        )
        yield from (Path(folder, name) for name in sorted(names) if not is_hidden(name))


def natural_key(name: str | os.PathLike) -> list:
    """Sort key that takes digits as numbers: ``img_2`` before ``img_10``."""
    parts = re.split(r'(\d+)', os.fspath(name))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)] + [os.fspath(name)]


def frame_files(folder: str | os.PathLike) -> list[Path]:
    """The pictures in a folder, in natural order of their names.

    Raises:
        OSError: there is no such folder.
    """
    names = sorted(filter(is_image, os.listdir(folder)), key=natural_key)
    return [Path(folder, name) for name in names]
