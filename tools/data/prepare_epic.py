r"""Folders of frames for EPIC-KITCHENS-55 or -100, from archives of frames or from videos.

SOURCE holds P01_01.tar (or .zip, or a folder already extracted to OUT) or P01_01.MP4, in any
folders; an archive is preferred. Frames from videos are taken at 60 per second (P01_01) or 50
(P01_101), which is how the annotation counts, with a short side of 256. OUT gets
P01/rgb_frames/P01_01/frame_0000000001.jpg, ... (--release 55: P01_01/frame_0000000001.jpg).

Example:
    python tools/data/prepare_epic.py ~/EPIC-KITCHENS data/epic100 \
        --ann EPIC_100_train.csv EPIC_100_validation.csv
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import preparing  # noqa: F401  makes egoexo_light importable
from egoexo_light.video.ffmpeg import MediaError, extract_frames, probe, require_ffmpeg
from egoexo_light.video.names import VIDEO_SUFFIXES, is_hidden, is_video
from preparing.annotations import inside, number, read_table
from preparing.arguments import find_files, make_parser, run, threads
from preparing.frames import FrameName, count_frames, unpack_frames
from preparing.report import Item

_ARCHIVES = ('.tar', '.tar.gz', '.tgz', '.zip')
_FRAME = re.compile(r'frame_(\d{10})\.jpg')
_NAME = FrameName('frame_', 10, 'frame_{:010}.jpg')
_ID = re.compile(r'(P\d\d)_(\d\d\d?)')
_WRONG_AT_FIRST = (
    'P01_109',
    'P27_103',
)  # archives of these were replaced; see the README of the EPIC-100 annotations


def build_parser() -> argparse.ArgumentParser:
    """Arguments of this script."""
    parser = make_parser(
        __doc__,
        short_side=256,
        quality='jpg',
        ann='csv files or pickles of the annotations: which videos are needed, and how far; '
        'default all in SOURCE',
    )
    parser.add_argument(
        '--release', type=int, choices=[55, 100], default=100, help='layout of OUT; default 100'
    )
    return parser


def collect(args: argparse.Namespace) -> list[Item]:
    """Videos that the annotations need, or all in SOURCE and OUT."""
    archives, videos = find_files(args, _ARCHIVES, VIDEO_SUFFIXES, skip='flow', frames=True)
    need: dict[str, float] = {}
    for path in args.ann:
        for row in read_table(path, 'video_id', 'stop_frame'):
            name = inside(row['video_id'], path)
            need[name] = max(need.get(name, 0), number(row, 'stop_frame', path))
    root = args.out or args.source
    if not args.ann:
        folders = [
            path.name
            for path in root.glob('*' if args.release == 55 else '*/rgb_frames/*')
            if path.is_dir() and not is_hidden(path)
        ]
        need = dict.fromkeys(
            sorted(name for name in {*archives, *videos, *folders} if _ID.fullmatch(name)), 0
        )
    sources = {name: archives.get(name) or videos.get(name) for name in need}
    if any(path and is_video(path) for path in sources.values()):
        require_ffmpeg()
    for name in _WRONG_AT_FIRST:
        if str(sources.get(name, '')).endswith(_ARCHIVES):
            print(
                f'prepare_epic: warning: the first archive of {name} was wrong; make sure that '
                f'{sources[name]} is the corrected one',
                file=sys.stderr,
            )
    return [frames_item(args, name, sources[name], root, need[name]) for name in need]


def frames_item(
    args: argparse.Namespace, name: str, source: Path | None, root: Path, need: float
) -> Item:
    """A folder of frames, from an archive or a video."""
    count = threads(args)

    def make(one: Path, folder: Path) -> None:
        if one.name.lower().endswith(_ARCHIVES):
            unpack_frames(one, folder, _FRAME)
        else:
            extract_frames(
                one,
                folder,
                'frame_%010d.jpg',
                fps=frame_rate(name),
                short_side=args.short_side,
                quality=args.quality,
                threads=count,
            )

    target = (
        root / name if args.release == 55 else root / name.partition('_')[0] / 'rgb_frames' / name
    )
    is_video = source is not None and not source.name.lower().endswith(_ARCHIVES)
    return Item(
        name,
        source,
        target,
        make=make,
        check=lambda folder: count_frames(folder, _NAME),
        check_source=probe if is_video else Path.stat,
        need=need,
    )


def frame_rate(name: str) -> int:
    """60 frames a second for P01_01, 50 for P01_101."""
    match = _ID.fullmatch(name)
    if not match:
        raise MediaError(
            f'the name {name!r} is no EPIC video id such as P01_01 or P01_101, so the frame rate '
            'is unknown'
        )
    return 60 if len(match[2]) == 2 else 50


if __name__ == '__main__':
    sys.exit(run(build_parser(), collect))
