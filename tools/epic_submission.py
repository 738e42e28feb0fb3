"""Write a submission to the EPIC-KITCHENS-100 action recognition challenge, or check one.

Examples:
    bash tools/dist_test.sh CONFIG CHECKPOINT 8 --dump work_dirs/test.pkl
    python tools/epic_submission.py work_dirs/test.pkl --out work_dirs/submission \\
        --annotation data/epic100/EPIC_100_test_timestamps.csv
    python tools/epic_submission.py --check submission.zip --annotation
    data/epic100/EPIC_100_test_timestamps.csv
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from egoexo_mm.evaluation import epic_submission  # noqa: E402
from egoexo_mm.evaluation.class_lists import read_column  # noqa: E402
from egoexo_mm.evaluation.dumps import read_dump  # noqa: E402
from egoexo_mm.evaluation.epic_submission_check import check_submission  # noqa: E402


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'dump',
        nargs='?',
        type=Path,
        metavar='DUMP',
        help='what tools/test.py --dump wrote, .npz or .pkl',
    )
    parser.add_argument('--out', type=Path, metavar='DIR', help='folder for submission.zip')
    parser.add_argument(
        '--force', action='store_true', help='replace a submission.zip that is there'
    )
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
        help='csv with a column narration_id, or the official '
        'pickle: the segments that must be there, no more and no fewer (EPIC_100_test_timestamps.csv)',
    )
    parser.add_argument(
        '--score-kind',
        default='probabilities',
        choices=['probabilities', 'logits'],
        help='what the dump holds; probabilities are submitted as logarithms, because the evaluation server '
        'applies a softmax (default: %(default)s)',
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
    args = parser.parse_args(argv)
    if args.check and (args.dump or args.out or args.force):
        parser.error('--check goes with --annotation alone')
    if not args.check and not (args.dump and args.out):
        parser.error('give DUMP.pkl and --out DIR, or --check FILE')
    return args


def write(args: argparse.Namespace) -> str:
    levels = {key: getattr(args, key) for key in epic_submission.SUPERVISION}
    epic_submission.check_supervision(levels)
    target = args.out / 'submission.zip'
    if target.exists() and not args.force:
        raise ValueError(
            f'{target} is there already; name another folder, or say --force to replace it'
        )
    expected = read_column(args.annotation, 'narration_id') if args.annotation else None
    try:
        samples = read_dump(args.dump)
        scores = epic_submission.collect_scores(samples, args.score_kind)
        if expected is not None:
            epic_submission.check_segments(scores.ids, expected, args.annotation)
    except ValueError as error:
        raise ValueError(
            str(error) if str(args.dump) in str(error) else f'{args.dump}: {error}'
        ) from None
    epic_submission.write_submission(target, scores, **levels)
    return f'{target}: {summary(len(scores.ids), expected)}'


def check(args: argparse.Namespace) -> str:
    expected = read_column(args.annotation, 'narration_id') if args.annotation else None
    ids = check_submission(args.check)
    if expected is not None:
        try:
            epic_submission.check_segments(ids, expected, args.annotation)
        except ValueError as error:
            raise ValueError(f'{args.check}: {error}') from None
    return f'{args.check}: valid, {summary(len(ids), expected)}'


def summary(count: int, expected: list[str] | None) -> str:
    """How many segments, and against what they were compared."""
    if expected is not None:
        return f'{count} segments, all of the annotation'
    return f'{count} segments, not compared with an annotation (the test set has {epic_submission.TEST_SEGMENTS})'


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 bad input (one line on stderr), 2 bad usage."""
    args = parse_args(argv)
    try:
        print(check(args) if args.check else write(args))
    except (ValueError, OSError) as error:
        print(f'epic_submission: error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
