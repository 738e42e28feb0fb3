r"""Folders of frames for Charades-Ego, from the videos (CharadesEgo_v1_480) or as released.

OUT gets ABCDEEGO/ABCDEEGO-000001.jpg, ... at 24 frames a second. Released frames need no work:
extract the archive and check it with the folder as SOURCE and no OUT.

Examples:
    python tools/data/prepare_charades_ego.py CharadesEgo_v1_480 data/charades_ego/rgb \
        --ann CharadesEgo_v1_train.csv
    python tools/data/prepare_charades_ego.py CharadesEgo_v1_rgb \
        --ann CharadesEgo_v1_train.csv CharadesEgo_v1_test.csv
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import preparing  # noqa: F401  makes egoexo_light importable
from egoexo_light.untrusted import quote
from egoexo_light.video.ffmpeg import StopRun, extract_frames, probe, require_ffmpeg
from egoexo_light.video.names import VIDEO_SUFFIXES, is_hidden
from preparing.annotations import inside, number, read_table, read_text
from preparing.arguments import find_files, make_parser, run, threads
from preparing.frames import FrameName, count_frames
from preparing.report import Item

FPS = 24
_NUMBER = re.compile(r'-(\d+)\.jpg')


def build_parser() -> argparse.ArgumentParser:
    """Arguments of this script."""
    parser = make_parser(
        __doc__,
        short_side=320,
        quality='jpg',
        ann='the official csv, or frame lists of Ego-Exo: which videos are needed, how far; '
        'default all',
    )
    return parser


def collect(args: argparse.Namespace) -> list[Item]:
    """Videos that the annotations need, or all in SOURCE and OUT."""
    (videos,) = find_files(args, VIDEO_SUFFIXES, frames=True)
    need: dict[str, float] = {}
    for path in args.ann:
        for name, frames in wanted(path):
            need[inside(name, path)] = max(need.get(name, 0), frames)
    if not args.ann:
        folders = sorted(
            path.name for path in args.source.iterdir() if path.is_dir() and not is_hidden(path)
        )
        need = dict.fromkeys(sorted(videos) or folders, 0)
    if any(name in videos for name in need):
        require_ffmpeg()
    return [frames_item(args, name, videos.get(name), need[name]) for name in need]


def wanted(path: Path) -> list[tuple[str, float]]:
    """Video ids and how many frames the annotation reaches to."""
    is_pickle = path.suffix.lower() in ('.pkl', '.pickle')
    header, *lines = (
        ['']
        if is_pickle
        else [line for line in read_text(path).split('\n') if line.strip()] or ['']
    )
    if not header.startswith('original_vid'):
        # a frame more or less at the end is a matter of rounding: a second of slack
        return [
            (row['id'], max(0, int((number(row, 'length', path) - 1) * FPS)))
            for row in read_table(path, 'id', 'length')
        ]
    found = []
    for fields in map(str.split, lines):
        match = _NUMBER.search(fields[3]) if len(fields) == 5 else None
        if not match:
            raise StopRun(
                f'{path}: {quote(" ".join(fields))} is no line of a frame list; expected five '
                'fields, the fourth a path such as ABCDEEGO/ABCDEEGO-000001.jpg'
            )
        found.append((Path(fields[3]).parent.name, int(match[1])))
    return found


def frames_item(args: argparse.Namespace, name: str, source: Path | None, need: float) -> Item:
    """A folder of frames of a video."""
    count = threads(args)
    return Item(
        name,
        source,
        (args.out or args.source) / name,
        make=lambda one, folder: extract_frames(
            one,
            folder,
            f'{name.replace("%", "%%")}-%06d.jpg',
            fps=FPS,
            short_side=args.short_side,
            quality=args.quality,
            threads=count,
        ),
        check=lambda folder: count_frames(
            folder, FrameName(f'{name}-', 6, '{video_id}-{{:06}}.jpg')
        ),
        check_source=probe,
        need=need,
    )


if __name__ == '__main__':
    sys.exit(run(build_parser(), collect))
