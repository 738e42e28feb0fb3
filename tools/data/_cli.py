"""What the prepare scripts share: arguments, reading annotation files, finding sources, and how a run ends."""
from __future__ import annotations

import argparse
import csv
import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from _jobs import prepare
from _media import StopRun, disk_full, is_disk_full, probe, reencode
from _report import READY, Item, table

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.webm', '.avi', '.mov', '.m4v')


def make_parser(description: str, *, short_side: int, ann: str | None, quality: str) -> argparse.ArgumentParser:
    """Arguments that all scripts have; ``quality`` is the name of the quality setting: ``'jpg'`` or ``'crf'``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', metavar='SOURCE', type=Path, help='folder of what was downloaded, searched at any depth')
    parser.add_argument('out', metavar='OUT', type=Path, nargs='?',
                        help='folder to prepare; a second run continues the first. Without it, SOURCE is checked as it is')
    if ann:
        parser.add_argument('--ann', type=Path, nargs='+', default=[], metavar='FILE', help=ann)
    parser.add_argument('--short-side', type=_positive, default=short_side, metavar='PIXELS',
                        help='shrink to this short side (videos are never enlarged); default %(default)s')
    if quality == 'jpg':
        parser.add_argument('--quality', type=_positive, default=3, help='of JPGs, 1 best to 31; default %(default)s')
    else:
        parser.add_argument('--crf', type=_positive, default=20, help='of H.264, lower is better; default %(default)s')
    parser.add_argument('--workers', type=_positive, default=max(1, (os.cpu_count() or 2) // 2), metavar='N',
                        help='videos at a time; default %(default)s (half the cores)')
    parser.add_argument('--check-only', action='store_true', help='only look, write nothing')
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a positive whole number')
    return int(text)


def threads(args: argparse.Namespace) -> int:
    """Threads of one ffmpeg, so that all together use the cores."""
    return max(1, (os.cpu_count() or 1) // args.workers)


def run(args: argparse.Namespace, collect: Callable[[argparse.Namespace], list[Item]],
        after: Callable[[argparse.Namespace, list], None] | None = None) -> int:
    """Prepare and print the table. Exit code: 0 all usable, 1 something is not (or one line on stderr), 130 interrupted."""
    program = Path(sys.argv[0]).stem
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # how a scheduler ends a job
    try:
        if not args.source.is_dir():
            raise StopRun(f'{args.source}: no such folder; give the folder of what was downloaded')
        if args.out and args.out.resolve() == args.source.resolve():
            raise StopRun(f'{args.out}: is the source folder; give another folder to write to, or none to check it as it is')
        check_only = args.check_only or args.out is None
        items = collect(args)
        if not items:
            raise StopRun(f'{args.source}: nothing to prepare was found; give the folder of what was downloaded')
        results = prepare(items, args.out or args.source, workers=args.workers, check_only=check_only)
        if after and not check_only:
            after(args, results)
    except (StopRun, OSError) as error:
        if isinstance(error, OSError) and is_disk_full(error):
            error = disk_full(args.out)
        print(f'{program}: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f'{program}: interrupted; run the same command again to go on', file=sys.stderr)
        return 130
    print(table(results, args.out or args.source))
    failed = (args.out or args.source) / 'failed.jsonl'
    if not check_only and failed.exists():
        print(f'each of the others, with the reason: {failed}')
    return 0 if all(result.state == READY for result in results) else 1


def read_csv(path: Path, *columns: str) -> list[dict[str, str]]:
    """Rows of a csv with a header.

    Raises:
        StopRun: it cannot be read, lacks a column, or has no rows.
    """
    try:
        with open(path, newline='', encoding='utf-8-sig') as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise StopRun(f'{path}: cannot be read as csv ({error}); give the published csv') from None
    lacking = [name for name in columns if rows and rows[0].get(name) is None]
    if lacking or not rows:
        problem = 'has no rows' if not rows else f'lacks the columns {", ".join(lacking)}'
        raise StopRun(f'{path}: {problem}; give the published csv')
    return rows


def read_json(path: Path, key: str) -> list[dict]:
    """The objects listed under ``key`` of a json file.

    Raises:
        StopRun: it cannot be read, or has no such list.
    """
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        raise StopRun(f'{path}: cannot be read as json ({error}); give the published json') from None
    rows = content.get(key) if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise StopRun(f'{path}: expected a list of objects under {key!r}; give the published json')
    return rows


def number(row: dict, name: str, path: Path) -> float:
    """A number in a row of an annotation file."""
    try:
        value = float(row[name])
    except (KeyError, TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise StopRun(f'{path}: {name} is {row.get(name)!r}, expected a number ({row}); correct or remove the row')
    return value


def inside(name: str, path: Path) -> str:
    """``name`` from an annotation file as a path below a folder."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith('/') or '..' in parts:
        raise StopRun(f'{path}: the name {name!r} leads out of the folder; use the published file')
    return name


def find_files(root: Path, suffixes: Iterable[str], *, leave: Path | None = None,
               skip: str | None = None) -> dict[str, Path]:
    """Files below ``root`` by name without ``suffixes`` (any case).

    Args:
        leave: A folder not to look into.
        skip: Nor into folders with this in their name; hidden ones never.

    Raises:
        StopRun: two files share a name.
    """
    found: dict[str, Path] = {}
    leave = leave.resolve() if leave else None
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith('.') and not (skip and skip in name)
                            and not (leave and Path(folder, name).resolve() == leave))
        for name in names:
            suffix = next((end for end in suffixes if name.lower().endswith(end)), None)
            if suffix and not name.startswith('.'):
                path = Path(folder, name)
                first = found.setdefault(name[:-len(suffix)], path)
                if first != path:
                    raise StopRun(f'{path} and {first} have one name; move one of them out of {root}')
    return found


def video_item(args: argparse.Namespace, name: str, source: Path | None, relative: str, need: float = 0) -> Item:
    """A video to be re-encoded to ``OUT/relative``, or with no OUT, to be checked where it is."""
    count = threads(args)
    target = args.out / relative if args.out else source or args.source / relative
    return Item(name, source, target,
                make=lambda one, other: reencode(one, other, short_side=args.short_side, crf=args.crf, threads=count),
                check=lambda path: probe(path).seconds, check_source=probe, need=need, unit='s')
