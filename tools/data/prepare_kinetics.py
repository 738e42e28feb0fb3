r"""Smaller copies of Kinetics videos, and the list of "path label" lines that training reads.

SOURCE holds <class>/<video>.mp4 (or .mkv, .webm, .avi, .ts, ...), or anything that --list names.
OUT gets the same paths, all as .mp4 (blanks become underscores), with a short side of 320 and no
sound, and list.txt with those that are usable; from class folders also classes.txt. Without OUT the
videos are only checked.

Examples:
    python tools/data/prepare_kinetics.py k400/train data/kinetics400/videos_train \
        --list-out data/kinetics400/kinetics400_train_list_videos.txt
    python tools/data/prepare_kinetics.py k400/val data/kinetics400/videos_val \
        --list-out data/kinetics400/kinetics400_val_list_videos.txt \
        --classes data/kinetics400/videos_train/classes.txt
    python tools/data/prepare_kinetics.py k400 data/kinetics400/videos_val \
        --list val.csv --short-side 256
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

import preparing  # noqa: F401  makes egoexo_light importable
from egoexo_light.untrusted import quote, quote_names, shorten
from egoexo_light.video.ffmpeg import StopRun, require_ffmpeg
from egoexo_light.video.names import files_below, is_hidden, is_video
from egoexo_light.video_lists import parse_video_list
from preparing.annotations import inside, read_text
from preparing.arguments import make_parser, run, tell_passed_over, video_item
from preparing.report import READY, Item, Result

SPLITS = {'train', 'training', 'val', 'valid', 'validate', 'validation', 'test', 'testing'}


def build_parser() -> argparse.ArgumentParser:
    """Arguments of this script."""
    parser = make_parser(__doc__, short_side=320, quality='crf', ann=None)
    parser.add_argument(
        '--list',
        type=Path,
        metavar='FILE',
        help='lines "path label", paths below SOURCE; default: the '
        'folders in SOURCE are the classes, numbered in order of their names',
    )
    parser.add_argument(
        '--classes',
        type=Path,
        metavar='FILE',
        help='names of all classes, one a line, numbered from 0: classes.txt of another split, so '
        'that both have the same labels; default: the folders in SOURCE',
    )
    parser.add_argument(
        '--list-out', type=Path, metavar='FILE', help='list to write; default OUT/list.txt'
    )
    return parser


def collect(args: argparse.Namespace) -> list[Item]:
    """Videos of the list, or of the folders of classes."""
    require_ffmpeg()
    if args.list and args.classes:
        raise StopRun('--list has labels already; leave out --classes')
    args.names = None
    args.labels = read_list(args.list) if args.list else label_folders(args)
    targets: dict[str, str] = {}
    for name in args.labels:
        target = re.sub(r'\s', '_', str(Path(name).with_suffix('.mp4')))
        if targets.setdefault(target, name) != name:
            raise StopRun(
                f'{name!r} and {targets[target]!r} would both become {target}; rename one of them'
            )
    sources = {name: args.source / name for name in targets.values()}
    return [
        video_item(args, name, sources[name] if sources[name].exists() else None, target)
        for target, name in targets.items()
    ]


def label_folders(args: argparse.Namespace) -> dict[str, str]:
    """Path -> label of the videos in the folders of SOURCE, which are the classes."""
    out = args.out and args.out.resolve()
    folders = sorted(
        path.name
        for path in args.source.iterdir()
        if path.is_dir() and not is_hidden(path) and path.resolve() != out
    )
    files = [
        (path, path.relative_to(args.source)) for path in files_below(args.source, leave=args.out)
    ]
    tell_passed_over(args.source, [path for path, _ in files if not is_video(path)])
    loose = [str(name) for _, name in files if is_video(name) and len(name.parts) == 1]
    if loose:
        print(
            f'prepare_kinetics: {len(loose)} videos lie in no folder of a class and are passed '
            f'over ({", ".join(loose[:3])}); move them into one',
            file=sys.stderr,
        )
    with_videos = {name.parts[0] for _, name in files if is_video(name) and len(name.parts) > 1}
    args.names = class_names(args, folders, with_videos)
    labels = {name: str(label) for label, name in enumerate(args.names)}
    found = {
        str(name): labels[name.parts[0]]
        for _, name in files
        if is_video(name) and len(name.parts) > 1
    }
    return {name: found[name] for name in sorted(found, key=lambda name: (int(found[name]), name))}


def class_names(args: argparse.Namespace, folders: list[str], with_videos: set[str]) -> list[str]:
    """Names of the classes in order of their labels."""
    splits = sorted(name for name in with_videos if name.lower() in SPLITS)
    if splits and not args.classes:
        raise StopRun(
            f'{args.source}: has the folder{"s" * (len(splits) > 1)} {", ".join(splits)}, which '
            f'look like parts of a data set and not like classes; give {args.source / splits[0]}, '
            'or the labels by --list'
        )
    empty = [name for name in folders if name not in with_videos]
    if empty:
        print(
            f'prepare_kinetics: {len(empty)} folders without videos are passed over '
            f'({quote_names(empty)})',
            file=sys.stderr,
        )
    if not args.classes:
        names = [name for name in folders if name in with_videos]
        warn_of_other_classes(args, names)
        return names
    names = [line.strip() for line in read_text(args.classes).splitlines() if line.strip()]
    unknown = sorted(with_videos - set(names))
    if unknown or len(set(names)) < len(names):
        problem = (
            f'lacks {quote_names(unknown)}, which are folders in {args.source}'
            if unknown
            else 'has a name twice'
        )
        raise StopRun(f'{args.classes}: {problem}; give classes.txt of the split that has all')
    return names


def warn_of_other_classes(args: argparse.Namespace, names: list[str]) -> None:
    """Say where another split, in a folder beside OUT, has other labels."""
    beside = args.out.resolve().parent.glob('*/classes.txt') if args.out else ()
    for path in sorted(beside):
        if path.parent == args.out.resolve() or not path.is_file():
            continue
        if path.read_text(encoding='utf-8', errors='replace').splitlines() != names:
            print(
                f'prepare_kinetics: warning: {path} has other classes; if it is another split of '
                f'the same data, run again with --classes {path}, else labels differ',
                file=sys.stderr,
            )


def read_list(path: Path) -> dict[str, str]:
    """Path -> label, or labels with blanks between them; a path may hold blanks."""
    labels: dict[str, str] = {}
    hidden = 0
    try:
        videos = parse_video_list(read_text(path), path, several=True)
    except ValueError as error:
        raise StopRun(str(error)) from None
    for row, name, found in videos:
        label = ' '.join(map(str, found))
        if is_hidden(name):
            hidden += 1
        elif labels.setdefault(inside(name, path), label) != label:
            raise StopRun(
                f'{path}, line {row}: {quote(name)} has label {shorten(label, 60)}, but '
                f'{shorten(labels[name], 60)} in a line before; remove one'
            )
    if hidden:
        print(
            f'prepare_kinetics: {hidden} lines of {path} name hidden files, which are passed over',
            file=sys.stderr,
        )
    return labels


def write_lists(args: argparse.Namespace, results: list[Result]) -> None:
    """The list of usable videos, and the names of the classes."""
    rows = [
        f'{result.item.target.relative_to(args.out).as_posix()} {args.labels[result.item.name]}'
        for result in results
        if result.state == READY
    ]
    write_lines(args.list_out or args.out / 'list.txt', rows)
    if args.names:
        write_lines(args.out / 'classes.txt', args.names)


def write_lines(path: Path, lines: list[str]) -> None:
    """Write a text file, which appears when it is complete."""
    partial = path.with_name(f'.{path.name}.partial')
    partial.write_text(''.join(f'{line}\n' for line in lines), encoding='utf-8')
    os.replace(partial, path)


if __name__ == '__main__':
    sys.exit(run(build_parser(), collect, write_lists))
