#!/usr/bin/env python
r"""Encode folders of frames as videos, for teachers, which read videos.

OUT gets <name of the folder>.mp4 for every folder, with its pictures (JPG, PNG, BMP or WebP) in the
order of their numbers, and list.txt of them all. Videos that are there are kept. Hidden files are
left out. Numbers may begin anywhere, as in a
folder for each segment: the first picture is frame 0 of the video.

Example:
    python tools/data/frames_to_videos.py data/epic100 data/epic100_videos \
        --folders '*/rgb_frames/*' --fps 50
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.video import VideoWriteError, write_mp4
from egoexo_mm.video.names import IMAGE_SUFFIXES, frame_files, is_hidden
from egoexo_mm.video.picture_files import is_cut_off


def encode(folder: Path, out: Path, fps: float) -> str:
    """Encode one folder.

    Returns:
        How many frames it has, and the first frame where its number is above 1.

    Raises:
        SystemExit: it holds no picture, frames are lacking, one cannot be read, sizes differ, or
            the video cannot be written.
    """
    names = frame_files(folder)
    if not names:
        raise SystemExit(
            f'{folder}: holds no picture ({", ".join(IMAGE_SUFFIXES)}); give the folders of frames '
            'as --folders PATTERN'
        )
    first = check_numbers(names)
    try:
        count = write_mp4(out, pictures(names), fps)
    except (VideoWriteError, OSError) as error:
        raise SystemExit(str(error)) from None
    start = f'; {names[0].name} is frame 0 of the video' if first > 1 else ''
    return f'{count} frames{start}'


def check_numbers(names: list[Path]) -> int:
    """The number of the first frame.

    Names without any number are taken as they are sorted, from 0 on.

    Raises:
        SystemExit: frames are lacking or there twice, so each later frame would be another one than
            its number says.
    """
    digits = [re.findall(r'\d+', path.stem) for path in names]
    lengths = {len(found) for found in digits}
    if lengths == {0}:
        return 0
    if 0 in lengths:
        odd = next(path for path, found in zip(names, digits) if not found)
        raise SystemExit(
            f'{odd}: has no number, other pictures of the folder have one; move it to another '
            'folder'
        )
    changing = (
        [i for i in range(min(lengths)) if len({found[i] for found in digits}) > 1]
        if len(lengths) == 1
        else []
    )
    place = changing[0] if len(changing) == 1 else -1
    numbers, before = [int(found[place]) for found in digits], None
    for path, number in zip(names, numbers):
        if before is not None and number != before[1] + 1:
            problem = (
                'follow each other'
                if number <= before[1]
                else f'lack frame {before[1] + 1} between them'
            )
            raise SystemExit(
                f'{before[0]} and {path.name} {problem}; expected one picture for each number: '
                'extract the frames of this video again, or remove what is no frame of it'
            )
        before = (path, number)
    return numbers[0]


def pictures(names: list[Path]) -> Iterator[np.ndarray]:
    """RGB frames, all of the size of the first."""
    size = None
    for name in names:
        frame = cv2.imread(str(name))
        if frame is None or is_cut_off(name.read_bytes()):
            raise SystemExit(
                f'{name}: is no picture that can be read; extract the frames of this video again'
            )
        found = frame.shape[1::-1]
        size = size or found
        if found != size:
            raise SystemExit(
                f'{name}: is {found[0]} x {found[1]}, those before it {size[0]} x {size[1]}; '
                'extract the frames of this video again'
            )
        yield frame[..., ::-1]


def main() -> None:
    """Encode the folders that the arguments name, and write the list."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'root', metavar='ROOT', type=Path, help='folder below which the folders of frames are'
    )
    parser.add_argument('out', metavar='OUT', type=Path, help='folder for the videos')
    parser.add_argument(
        '--folders',
        default='*',
        metavar='PATTERN',
        help='folders of frames below it; default %(default)s',
    )
    parser.add_argument('--fps', type=float, required=True, help='frames a second')
    args = parser.parse_args()
    folders = sorted(
        path for path in args.root.glob(args.folders) if path.is_dir() and not is_hidden(path)
    )
    names = [f'{folder.name}.mp4' for folder in folders]
    if not folders:
        raise SystemExit(f'{args.root}: no folder is named {args.folders}; correct --folders')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SystemExit(
            f'{args.root}: two folders of {args.folders} would become {twice[0]}; encode them into '
            'two folders'
        )
    for folder, name in zip(folders, names):
        if not (args.out / name).exists():
            print(f'{name}: {encode(folder, args.out / name, args.fps)}', flush=True)
    with whole_file(args.out / 'list.txt') as temporary:
        Path(temporary).write_text('\n'.join(names) + '\n')
    print(f'{args.out}: {len(names)} videos, named in list.txt')


if __name__ == '__main__':
    main()
