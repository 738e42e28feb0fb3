r"""Smaller copies of the Ego-Exo4D keystep clips (keystep_benchmark/clips_448p).

SOURCE holds the clips under the names in the json (segment_name_list, ego_segment_name). OUT gets
the same names with a short side of 256 and no sound. Without OUT the clips are only checked: each
opens and lasts as long as its segment.

Example:
    python tools/data/prepare_egoexo4d.py egoexo/keystep_benchmark/clips_448p \
        --ann keystep_segment_train.json
"""

from __future__ import annotations

import argparse
import glob
import sys
from pathlib import Path

import preparing  # noqa: F401  makes egoexo_light importable
from egoexo_light.video.ffmpeg import StopRun, require_ffmpeg
from egoexo_light.video.names import is_video
from preparing.annotations import inside, number, read_json
from preparing.arguments import make_parser, run, video_item
from preparing.report import Item

_SLACK = 0.5  # seconds; clips are cut at frames


def build_parser() -> argparse.ArgumentParser:
    """Arguments of this script."""
    parser = make_parser(__doc__, short_side=256, quality='crf', ann='keystep_segment_*.json')
    parser.add_argument(
        '--views',
        choices=['ego', 'exo', 'all'],
        default='ego',
        help='cameras of each segment; default ego, the view of the benchmark',
    )
    return parser


def collect(args: argparse.Namespace) -> list[Item]:
    """Clips of the segments in the annotations."""
    require_ffmpeg()
    need: dict[str, float] = {}
    for path in args.ann:
        for row in read_json(path, 'segments'):
            length = number(row, 'end_time', path) - number(row, 'start_time', path)
            for name in segment_names(row, args.views, path):
                need[inside(name, path)] = length - _SLACK
    if not args.ann:
        raise StopRun(
            'give --ann keystep_segment_*.json; clip names do not tell which segments are needed'
        )
    return [clip_item(args, name, need[name]) for name in need]


def segment_names(row: dict, views: str, path: Path) -> list[str]:
    """Clip names of a segment for the cameras wanted."""
    ego, names = row.get('ego_segment_name'), row.get('segment_name_list')
    if (
        not isinstance(ego, str)
        or not isinstance(names, list)
        or not all(isinstance(name, str) for name in names)
    ):
        raise StopRun(
            f'{path}: a segment lacks ego_segment_name or segment_name_list '
            f'({row.get("take_name")}); use the published file'
        )
    return [ego] if views == 'ego' else [name for name in names if views == 'all' or name != ego]


def clip_item(args: argparse.Namespace, name: str, need: float) -> Item:
    """A clip by the name that the json gives."""
    relative = name if is_video(name) else f'{name}.mp4'
    return video_item(
        args,
        name,
        find_clip(args.source / relative, any_container=args.out is not None),
        relative,
        need,
    )


def find_clip(path: Path, *, any_container: bool) -> Path | None:
    """The clip at ``path``, or one of that name in another container."""
    if path.exists() or not any_container:
        return path if path.exists() else None
    return next(
        (
            other
            for other in sorted(path.parent.glob(f'{glob.escape(path.stem)}.*'))
            if is_video(other) and other.stem == path.stem
        ),
        None,
    )


if __name__ == '__main__':
    sys.exit(run(build_parser(), collect))
