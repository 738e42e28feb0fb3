r"""Write a submission to the EPIC-KITCHENS-100 action recognition challenge, or check one.

Examples:
    bash tools/dist_test.sh CONFIG CHECKPOINT 8 --dump work_dirs/test.pkl
    python tools/epic_submission.py work_dirs/test.pkl work_dirs/submission \
        --annotation data/epic100/EPIC_100_test_timestamps.csv
    python tools/epic_submission.py --check submission.zip \
        --annotation data/epic100/EPIC_100_test_timestamps.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..evaluation import epic_submission
from ..evaluation.class_lists import read_column
from ..evaluation.dumps import read_dump
from ..evaluation.epic_submission_check import check_submission
from .command import UsageError, add_out, make_parser, run_command, set_run

NAME = 'epic_submission'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    parser = make_parser(NAME, __doc__)
    parser.add_argument(
        'dump',
        nargs='?',
        type=Path,
        metavar='DUMP',
        help='what tools/test.py --dump wrote, .npz or .pkl',
    )
    add_out(parser, 'folder for submission.zip', default='')
    parser.add_argument('--force', action='store_true', help='replace an existing submission.zip')
    parser.add_argument(
        '--check',
        type=Path,
        metavar='FILE',
        help='check this submission (.zip or .json), write nothing',
    )
    parser.add_argument(
        '--annotation',
        type=Path,
        metavar='CSV',
        help='csv with a column narration_id, or the official pickle: the segments that are '
        'expected, no more and no fewer (EPIC_100_test_timestamps.csv)',
    )
    parser.add_argument(
        '--score-kind',
        default='probabilities',
        choices=['probabilities', 'logits'],
        help='what the dump holds; probabilities are submitted as logarithms, because the '
        'evaluation server applies a softmax (default: %(default)s)',
    )
    for (key, meaning), default in zip(epic_submission.SUPERVISION.items(), (2, 3, 4)):
        parser.add_argument(
            f'--{key.replace("_", "-")}',
            f'--{key}',
            type=int,
            default=default,
            metavar='0-5',
            help=f'supervision level, {meaning} (default: %(default)s)',
        )
    set_run(parser, run)
    return run_command(NAME, parser, argv)


def run(args: argparse.Namespace) -> None:
    """Write or check, and print the result."""
    if args.check and (args.dump or args.out or args.force):
        raise UsageError('--check goes with --annotation alone')
    if not args.check and not (args.dump and args.out):
        raise UsageError('give DUMP and OUT, or --check FILE')
    print(_check(args) if args.check else _write(args))


def _check(args: argparse.Namespace) -> str:
    expected = _expected(args)
    with _naming(args.check):
        return f'{args.check}: valid, {_compare(check_submission(args.check), expected, args)}'


def _write(args: argparse.Namespace) -> str:
    levels = {key: getattr(args, key) for key in epic_submission.SUPERVISION}
    epic_submission.check_supervision(levels)
    target = Path(args.out, 'submission.zip')
    if target.exists() and not args.force:
        raise ValueError(
            f'{target} is there already; name another folder, or say --force to replace it'
        )
    expected = _expected(args)
    with _naming(args.dump):
        scores = epic_submission.collect_scores(read_dump(args.dump), args.score_kind)
        compared = _compare(scores.ids, expected, args)
    epic_submission.write_submission(target, scores, **levels)
    return f'{target}: {compared}'


def _expected(args: argparse.Namespace) -> list[str] | None:
    return read_column(args.annotation, 'narration_id') if args.annotation else None


def _compare(ids: list[str], expected: list[str] | None, args: argparse.Namespace) -> str:
    """Check the segments; their number, and whether they were compared with an annotation."""
    if expected is not None:
        epic_submission.check_segments(ids, expected, args.annotation)
        return f'{len(ids)} segments, all of the annotation'
    most = epic_submission.TEST_SEGMENTS
    return f'{len(ids)} segments, not compared with an annotation (the test set has {most})'


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Put the file in front of errors that do not name it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error) if str(path) in str(error) else f'{path}: {error}') from None
