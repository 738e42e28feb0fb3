"""Arguments of the prepare scripts, finding sources, and how a run ends."""

from __future__ import annotations

import argparse
import functools
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from egoexo_light.commands import command
from egoexo_light.failed_jsonl import FAILED_NAME
from egoexo_light.video.ffmpeg import StopRun, disk_full, is_disk_full, probe, reencode, seconds_of
from egoexo_light.video.names import files_below, is_image

from .jobs import prepare
from .report import READY, Found, Item, settings_lines, table

# lists, notes and check sums
_ASIDE = set('.txt .csv .json .jsonl .pkl .md .html .pdf .xml .md5 .sha1 .sha256 .log'.split())


def make_parser(
    description: str, *, short_side: int, ann: str | None, quality: str
) -> argparse.ArgumentParser:
    """Arguments that all scripts have.

    Args:
        description: Docstring of the script.
        short_side: Default, in pixels.
        ann: Help for ``--ann``; None: the script has no such option.
        quality: Which setting of quality it has, ``'jpg'`` or ``'crf'``.
    """
    parser = command.make_parser(Path(sys.argv[0]).stem, description)
    parser.add_argument(
        'source',
        metavar='SOURCE',
        type=Path,
        help='folder of what was downloaded, searched at any depth',
    )
    parser.add_argument(
        'out',
        metavar='OUT',
        type=Path,
        nargs='?',
        help='folder to prepare; a second run continues the first. Without it, SOURCE is checked '
        'as it is',
    )
    if ann:
        parser.add_argument('--ann', type=Path, nargs='+', default=[], metavar='FILE', help=ann)
    parser.add_argument(
        '--short-side',
        type=command.positive(int),
        default=short_side,
        metavar='PIXELS',
        help='shrink to this short side (videos are never enlarged); default %(default)s',
    )
    if quality == 'jpg':
        parser.add_argument(
            '--quality',
            type=command.positive(int),
            default=3,
            help='of JPGs, 1 best to 31; default %(default)s',
        )
    else:
        parser.add_argument(
            '--crf',
            type=command.positive(int),
            default=20,
            help='of H.264, lower is better; default %(default)s',
        )
    parser.add_argument(
        '--workers',
        type=command.positive(int),
        default=max(1, (os.cpu_count() or 2) // 2),
        metavar='N',
        help='videos at a time; default %(default)s (half the cores)',
    )
    parser.add_argument('--check-only', action='store_true', help='only look, write nothing')
    return parser


def threads(args: argparse.Namespace) -> int:
    """Threads for one ffmpeg, so that all together use the cores."""
    return max(1, (os.cpu_count() or 1) // args.workers)


def run(
    parser: argparse.ArgumentParser,
    collect: Callable[[argparse.Namespace], list[Item]],
    after: Callable[[argparse.Namespace, list], None] | None = None,
) -> int:
    """Prepare what ``collect`` finds and print the table.

    Returns:
        Exit code: 0 all usable, 1 something is not (or one line on stderr), 130 interrupted.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # how a scheduler ends a job
    command.set_run(parser, functools.partial(_prepare, collect, after))
    return command.run_command(
        Path(sys.argv[0]).stem,
        parser,
        errors=(StopRun,),
        interrupted='run the same command again to go on',
    )


def _prepare(
    collect: Callable[[argparse.Namespace], list[Item]],
    after: Callable[[argparse.Namespace, list], None] | None,
    args: argparse.Namespace,
) -> int:
    if not args.source.is_dir():
        raise StopRun(f'{args.source}: no such folder; give the folder of what was downloaded')
    if args.out and args.out.resolve() == args.source.resolve():
        raise StopRun(
            f'{args.out}: is the source folder; give another folder to write to, or none to check '
            'it as it is'
        )
    check_only = args.check_only or args.out is None
    out = args.out or args.source
    try:
        items = collect(args)
        if not items:
            raise StopRun(
                f'{args.source}: nothing to prepare was found; give the folder of what was '
                'downloaded'
            )
        results = prepare(items, out, workers=args.workers, check_only=check_only)
        if after and not check_only:
            after(args, results)
    except OSError as error:
        raise disk_full(args.out) if is_disk_full(error) else error from None
    different = settings_lines(results)
    print('\n'.join([table(results, out), *different]))
    failed = out / FAILED_NAME
    if not check_only and failed.exists():
        print(f'each of the others, with the reason: {failed}')
    return 0 if all(result.state == READY for result in results) and len(different) < 2 else 1


def find_files(
    args: argparse.Namespace, *kinds: tuple[str, ...], skip: str | None = None, frames: bool = False
) -> list[dict[str, Path]]:
    """Files in SOURCE by name without suffix (any case). Other files are named on stderr.

    Args:
        args: Of the script.
        kinds: Suffixes; a file belongs to the first kind that has its suffix.
        skip: Do not look into folders with this in their name.
        frames: SOURCE may hold pictures as well.

    Returns:
        The files of each kind.

    Raises:
        StopRun: Two files share a name.
    """
    found: list[dict[str, Path]] = [{} for _ in kinds]
    others: list[Path] = []
    for path in files_below(args.source, leave=args.out, skip=skip):
        lower = path.name.lower()
        match = next(
            (
                (place, end)
                for place, ends in zip(found, kinds)
                for end in ends
                if lower.endswith(end)
            ),
            None,
        )
        if match:
            first = match[0].setdefault(path.name[: -len(match[1])], path)
            if first != path:
                raise StopRun(
                    f'{path} and {first} have one name; move one of them out of {args.source}'
                )
        elif not (frames and is_image(path)):
            others.append(path)
    tell_passed_over(args.source, others)
    return found


def tell_passed_over(root: Path, paths: list[Path]) -> None:
    """Say on stderr how many files are left out, by suffix, without lists and check sums."""
    others = [path for path in paths if path.suffix.lower() not in _ASIDE]
    if others:
        counts = Counter(path.suffix.lower() or 'no suffix' for path in others)
        kinds = ', '.join(f'{count} x {suffix}' for suffix, count in counts.most_common(5))
        print(
            f'{Path(sys.argv[0]).stem}: {len(others)} files in {root} are passed over, no videos '
            f'by their suffix ({kinds}; such as {others[0].relative_to(root)})',
            file=sys.stderr,
        )


def video_item(
    args: argparse.Namespace,
    name: str,
    source: Path | None,
    relative: str,
    need: float = 0,
    settings: str = '',
) -> Item:
    """A video to be re-encoded to ``OUT/relative``, or without OUT, to be checked where it is.

    Args:
        args: Of the script.
        name: Id, as tables name it.
        source: The video, None where there is none.
        relative: Where it is below OUT.
        need: Seconds that the annotations reach to.
        settings: Of the data set, with which a video that is only checked is read.
    """
    count = threads(args)
    target = args.out / relative if args.out else source or args.source / relative
    return Item(
        name,
        source,
        target,
        make=lambda one, other: reencode(
            one, other, short_side=args.short_side, crf=args.crf, threads=count
        ),
        check=lambda path: Found(seconds_of(path, need), settings),
        check_source=probe,
        need=need,
        unit='s',
    )
