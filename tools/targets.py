"""Look into target stores, check them, and join them.

Examples:
    python tools/targets.py info data/targets/k400_ego data/targets/k400_interaction
    python tools/targets.py verify data/targets/k400_ego --list data/kinetics400/kinetics400_train_list_videos.txt
    python tools/targets.py merge machine0/ego machine1/ego data/targets/k400_ego
    python tools/targets.py head data/targets/k400_interaction --video abc_000010_000020 --frame 16
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from egoexo_mm.targets import TargetStore, TargetStoreError  # noqa: E402
from egoexo_mm.targets.inspection.excerpt import excerpt  # noqa: E402
from egoexo_mm.targets.inspection.merging import merge_stores  # noqa: E402
from egoexo_mm.targets.inspection.summary import summarize, summary_lines  # noqa: E402
from egoexo_mm.targets.inspection.verification import listed_ids, verify_store  # noqa: E402
from egoexo_mm.targets.store.manifest import read_manifest  # noqa: E402


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='command', required=True)

    info = commands.add_parser('info', help='what stores hold, in figures')
    info.add_argument('stores', metavar='STORE', nargs='+')

    verify = commands.add_parser('verify', help='read every row and report all that is wrong')
    verify.add_argument('store', metavar='STORE')
    verify.add_argument(
        '--list', metavar='ANN', help='list of "path label" lines whose videos must have a row'
    )

    merge = commands.add_parser('merge', help='join stores with equal manifests')
    merge.add_argument('stores', metavar='STORE', nargs='+', help='two or more')
    merge.add_argument('out', metavar='OUT', help='folder of the result, must not exist')
    merge.add_argument(
        '--keep',
        choices=['first'],
        help='where stores share a video, take the row of the first; without this it is an error',
    )

    head = commands.add_parser('head', help='the first rows, readable')
    head.add_argument('store', metavar='STORE')
    which = head.add_mutually_exclusive_group()
    which.add_argument('--video', metavar='ID', help='this video')
    which.add_argument(
        '-n', type=int, default=5, metavar='COUNT', help='number of videos; default 5'
    )
    head.add_argument(
        '--frame', type=int, help='frame whose boxes are shown; default the first that has some'
    )
    args = parser.parse_args(argv)
    if args.command == 'head' and args.n < 1:
        head.error('-n must be positive')
    return args


def run_info(args: argparse.Namespace) -> int:
    code = 0
    for store in args.stores:
        try:
            print('\n'.join(summary_lines(summarize(store))), flush=True)
        except (TargetStoreError, OSError) as error:
            code = complain(error)
    return code


def run_verify(args: argparse.Namespace) -> int:
    listed = listed_ids(args.list, read_manifest(Path(args.store)).video_id) if args.list else None
    result = verify_store(args.store, listed)
    for fault in result.faults:
        print(fault)
    what = f'{result.rows} videos in {result.shards} shard(s)'
    if result.faults:
        return complain(
            f'{args.store}: {len(result.faults)} fault(s), {what} read; mend them as said above'
        )
    covered = '' if listed is None else f', all {len(listed)} listed videos are there'
    print(f'{args.store}: {what}, nothing wrong{covered}')
    return 0


def run_merge(args: argparse.Namespace) -> int:
    report = merge_stores(args.stores, args.out, keep_first=args.keep == 'first')
    print(
        f'{args.out}: {report.rows} videos'
        + (f', {report.left_out} rows left out as double' if args.keep else '')
    )
    return 0


def run_head(args: argparse.Namespace) -> int:
    for line in excerpt(
        TargetStore(args.store), video_id=args.video, count=args.n, frame=args.frame
    ):
        print(line)
    return 0


def complain(error: Exception | str) -> int:
    print(f'targets: error: {error}', file=sys.stderr)
    return 1


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 something is wrong (one line on stderr each), 2 bad usage, 130 interrupted."""
    args = parse_args(argv)
    try:
        code = dict(info=run_info, verify=run_verify, merge=run_merge, head=run_head)[args.command](
            args
        )
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `| head`
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # so that Python's own flush at exit says nothing
        return 0
    except (TargetStoreError, OSError) as error:
        return complain(error)
    except KeyboardInterrupt:
        print('targets: interrupted; no store was changed', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
