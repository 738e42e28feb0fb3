"""Smaller copies of Kinetics videos, and the list of "path label" lines that training reads.

SOURCE holds <class>/<video>.mp4, or anything that --list names. OUT gets the same paths (blanks become underscores, a list
cannot hold them) with a short side of 320 and no sound, and list.txt with those that are usable; from class folders also
classes.txt. Without OUT the videos are only checked.

Examples:
    python tools/data/prepare_kinetics.py k400/train data/kinetics400/videos_train \\
        --list-out data/kinetics400/kinetics400_train_list_videos.txt
    python tools/data/prepare_kinetics.py k400 data/kinetics400/videos_val --list val.csv --short-side 256
"""
from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from _cli import VIDEO_SUFFIXES, inside, make_parser, run, video_item
from _media import StopRun, require_ffmpeg
from _report import READY, Item, Result


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = make_parser(__doc__, short_side=320, quality='crf', ann=None)
    parser.add_argument('--list', type=Path, metavar='FILE', help='lines "path label", paths below SOURCE; default: the '
                        'folders in SOURCE are the classes, numbered in order of their names')
    parser.add_argument('--list-out', type=Path, metavar='FILE', help='list to write; default OUT/list.txt')
    return parser.parse_args(argv)


def collect(args: argparse.Namespace) -> list[Item]:
    require_ffmpeg()
    args.labels, args.classes = read_list(args.list), None
    if args.list is None:
        out = args.out and args.out.resolve()
        args.classes = sorted(path.name for path in args.source.iterdir()
                              if path.is_dir() and not path.name.startswith('.') and path.resolve() != out)
        args.labels = {str(path.relative_to(args.source)): str(label) for label, name in enumerate(args.classes)
                       for path in sorted((args.source / name).rglob('*')) if path.suffix.lower() in VIDEO_SUFFIXES}
    targets: dict[str, str] = {}
    for name in args.labels:
        target = str(Path(name).with_suffix('.mp4')).replace(' ', '_')
        if targets.setdefault(target, name) != name:
            raise StopRun(f'{name!r} and {targets[target]!r} would both become {target}; rename one of them')
    sources = {name: args.source / name for name in targets.values()}
    return [video_item(args, name, sources[name] if sources[name].exists() else None, target)
            for target, name in targets.items()]


def read_list(path: Path | None) -> dict[str, str]:
    """Path -> label; a path may hold blanks."""
    labels: dict[str, str] = {}
    if path is None:
        return labels
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StopRun(f'{path}: cannot be read ({error}); give a list of "path label" lines') from None
    for row, line in enumerate(lines, 1):
        name, _, label = line.strip().rpartition(' ')
        if not line.strip():
            continue
        if not name or not label.isdecimal():
            raise StopRun(f'{path} line {row}: {line!r} is not "path label"; expected a path, a blank and a class number')
        if labels.setdefault(inside(name, path), label) != label:
            raise StopRun(f'{path} line {row}: {name!r} has label {label}, but {labels[name]} in a line before; remove one')
    return labels


def write_lists(args: argparse.Namespace, results: list[Result]) -> None:
    """The list of usable videos, and the names of the classes."""
    rows = [f'{result.item.target.relative_to(args.out).as_posix()} {args.labels[result.item.name]}' for result in results
            if result.state == READY]
    write_lines(args.list_out or args.out / 'list.txt', rows)
    if args.classes:
        write_lines(args.out / 'classes.txt', args.classes)


def write_lines(path: Path, lines: list[str]) -> None:
    partial = path.with_name(f'.{path.name}.partial')
    partial.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
    os.replace(partial, path)


if __name__ == '__main__':
    sys.exit(run(parse_args(), collect, write_lists))
