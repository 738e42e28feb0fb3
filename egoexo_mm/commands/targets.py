r"""Convert released files into target stores, look into stores, check, join, average, draw them.

Examples:
    python tools/targets.py convert scores k400_ego_predicts.pkl data/targets/k400_ego_score \
        --signal ego_score --score-kind logits
    python tools/targets.py info data/targets/k400_ego_score data/targets/k400_interaction
    python tools/targets.py verify data/targets/k400_ego_score --list data/kinetics400/train.txt
    python tools/targets.py head data/targets/k400_interaction --video abc_000010_000020 --frame 16
    python tools/targets.py merge machine0/ego machine1/ego data/targets/k400_ego_score
    python tools/targets.py average data/targets/egoexo4d_keystep_clips \
        data/targets/egoexo4d_keystep --segments keystep_segment_train.json
    python tools/targets.py draw clip.mp4 pictures --interaction data/targets/k400_interaction
    python tools/targets.py rank data/targets/k400_ego_score pictures --videos data/kinetics400
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from ..targets import TargetStore, TargetStoreError
from ..targets.inspection.excerpt import excerpt
from ..targets.inspection.merging import merge_stores
from ..targets.inspection.summary import summarize, summary_lines
from ..targets.inspection.verification import verify_store
from ..targets.store.listed_videos import listed_ids
from ..targets.store.manifest import read_manifest
from . import average_targets, convert_targets, draw_targets
from .command import UsageError, add_out, complain, make_parser, run_command, set_run

_complain = functools.partial(complain, 'targets')


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``targets``; the exit code, see :mod:`.command`."""
    parser = make_parser('targets', __doc__)
    commands = parser.add_subparsers(metavar='SUBCOMMAND', required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text)

    convert_targets.add_convert(add('convert', 'released teacher files into stores'))

    info = add('info', 'figures of stores')
    info.add_argument('stores', metavar='STORE', nargs='+')
    set_run(info, run_info)

    verify = add('verify', 'read every row and report all that is wrong')
    verify.add_argument('store', metavar='STORE')
    verify.add_argument(
        '--list', metavar='ANN', help='list of "path label" lines whose videos must have a row'
    )
    set_run(verify, run_verify)

    head = add('head', 'the first rows, readable')
    head.add_argument('store', metavar='STORE')
    which = head.add_mutually_exclusive_group()
    which.add_argument('--video', metavar='ID', help='this video')
    which.add_argument(
        '-n', type=int, default=5, metavar='COUNT', help='number of videos; default 5'
    )
    head.add_argument(
        '--frame', type=int, help='frame whose boxes are shown; default the first that has some'
    )
    set_run(head, run_head)

    merge = add('merge', 'join stores with equal manifests')
    merge.add_argument('stores', metavar='STORE', nargs='+', help='two or more')
    add_out(merge, 'folder of the result, must not exist')
    merge.add_argument(
        '--keep',
        choices=['first'],
        help='where stores share a video, take the row of the first; without this it is an error',
    )
    set_run(merge, run_merge)

    average_targets.add_average(add('average', "mean of several videos' rows, as rows of segments"))

    draw_targets.add_draw(add('draw', 'a video with its targets, as mp4 and PNG'))
    draw_targets.add_rank(add('rank', 'the most and the least first-person videos, as PNG'))
    return run_command('targets', parser, argv, interrupted='no store was changed')


def run_info(args: argparse.Namespace) -> int:
    """Print the figures of each store; the exit code."""
    code = 0
    for store in args.stores:
        try:
            lines = summary_lines(summarize(store))
        except (TargetStoreError, OSError) as error:
            code = _complain(error)
        else:
            print('\n'.join(lines), flush=True)
    return code


def run_verify(args: argparse.Namespace) -> int:
    """Print all faults of a store; the exit code."""
    manifest = read_manifest(Path(args.store))
    listed = listed_ids(args.list, manifest.video_id) if args.list else None
    result = verify_store(args.store, listed)
    for fault in result.faults:
        print(fault)
    what = f'{result.rows} {manifest.rows} in {result.shards} shard(s)'
    if result.faults:
        return _complain(
            f'{args.store}: {len(result.faults)} fault(s), {what} read; mend them as said above'
        )
    in_list = '' if listed is None else f', all {len(listed)} listed videos are there'
    print(f'{args.store}: {what}, nothing wrong{in_list}')
    return 0


def run_head(args: argparse.Namespace) -> None:
    """Print the first rows of a store, or one."""
    if args.n < 1:
        raise UsageError('-n must be positive')
    store = TargetStore(args.store)
    for line in excerpt(store, video_id=args.video, count=args.n, frame=args.frame):
        print(line)


def run_merge(args: argparse.Namespace) -> None:
    """Join stores."""
    report = merge_stores(args.stores, args.out, keep_first=args.keep == 'first')
    left_out = f', {report.left_out} rows left out as double' if args.keep else ''
    print(f'{args.out}: {report.rows} {read_manifest(Path(args.out)).rows}{left_out}')


def convert_targets_main(argv: Sequence[str] | None = None) -> int:
    """Run the former ``convert_targets.py``."""
    parser = make_parser('convert_targets', convert_targets.__doc__)
    convert_targets.add_convert(parser, 'convert_targets')
    return run_command('convert_targets', parser, argv)


def visualize_targets_main(argv: Sequence[str] | None = None) -> int:
    """Run the former ``visualize_targets.py``."""
    parser = make_parser('visualize_targets', draw_targets.__doc__)
    draw_targets.add_former(parser)
    return run_command('visualize_targets', parser, argv)


def note_former_name(name: str, present: str) -> None:
    """Tell a person at a terminal how a former script is called now; logs stay as they were."""
    if sys.stderr.isatty():
        print(f'{name}.py is now: python tools/targets.py {present}', file=sys.stderr)
