r"""Smaller copies of the Ego4D clips of the forecasting benchmark (fho_lta_*.json).

SOURCE holds <clip_uid>.mp4 (the clips, not the full videos). OUT gets <clip_uid>.mp4 with a short
side of 320 and no sound.
Without OUT the clips are only checked: each opens and lasts as long as its annotations.

Example:
    python tools/data/prepare_ego4d.py ego4d_data/v2/clips data/ego4d/clips \
        --ann fho_lta_train.json fho_lta_val.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import preparing  # noqa: F401  makes egoexo_light importable
from egoexo_light.video.ffmpeg import require_ffmpeg
from egoexo_light.video.names import VIDEO_SUFFIXES
from preparing.annotations import inside, number, read_json
from preparing.arguments import find_files, make_parser, run, video_item
from preparing.report import Item

_SLACK = 0.5  # seconds; annotated ends are rounded


def build_parser() -> argparse.ArgumentParser:
    """Arguments of this script."""
    return make_parser(
        __doc__,
        short_side=320,
        quality='crf',
        ann='fho_lta_*.json: which clips are needed, and how far; default all in SOURCE',
    )


def collect(args: argparse.Namespace) -> list[Item]:
    """Clips that the annotations need, or all in SOURCE."""
    require_ffmpeg()
    (videos,) = find_files(args, VIDEO_SUFFIXES)
    need = {} if args.ann else dict.fromkeys(sorted(videos), 0.0)
    for path in args.ann:
        for row in read_json(path, 'clips'):
            name = inside(str(row.get('clip_uid') or ''), path)
            need[name] = max(need.get(name, 0), number(row, 'action_clip_end_sec', path) - _SLACK)
    return [clip_item(args, name, videos.get(name), need[name]) for name in need]


def clip_item(args: argparse.Namespace, name: str, source: Path | None, need: float) -> Item:
    """A clip. One that is only checked and has another name has the setting that reads it."""
    settings = ''
    if args.out is None and source and source != args.source / f'{name}.mp4':
        where = source.relative_to(args.source).as_posix().replace(name, '{clip_uid}')
        settings = f"path_tmpl='{where}'"
    return video_item(args, name, source, f'{name}.mp4', need, settings)


if __name__ == '__main__':
    sys.exit(run(build_parser(), collect))
