r"""``targets average``: the mean of several videos' rows as rows of segments.

Examples:
    python tools/targets.py average data/targets/egoexo4d_keystep_clips \
        data/targets/egoexo4d_keystep --segments keystep_segment_train.json
    python tools/targets.py average STORE OUT --segments cameras.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from ..targets import video_id_from_path
from ..targets.inspection.averaging import Group, average_store
from ..targets.store.manifest import read_manifest
from .command import add_out, set_run

COLUMNS = ('video_id', 'segment_of', 'start', 'stop')


def add_average(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``average``."""
    parser.add_argument('store', metavar='STORE', help='scores or embeddings, a row for each video')
    add_out(parser, 'folder of the result, must not exist')
    parser.add_argument(
        '--segments',
        required=True,
        metavar='FILE',
        help=f'csv with the columns {", ".join(COLUMNS)}, a line for each video; or '
        'keystep_segment_*.json of Ego-Exo4D, whose segments are known by take_uid, start_time and '
        'end_time',
    )
    parser.add_argument(
        '--views',
        choices=['all', 'exo'],
        default='all',
        help='cameras of a keystep: all (default), or all but the first-person one',
    )
    set_run(parser, run_average)


def run_average(args: argparse.Namespace) -> None:
    """Write the store of means."""
    if args.segments.endswith('.json'):
        rule = read_manifest(Path(args.store)).video_id
        groups, what = list(_keysteps(args.segments, args.views, rule)), f'{args.views} cameras'
    else:
        groups, what = list(_table(args.segments)), 'the videos'
    notes = f'mean over {what} of {Path(args.segments).name}'
    report = average_store(args.store, args.out, groups, notes=notes)
    left = f', {report.absent} videos had no row' if report.absent else ''
    empty = f', {report.empty} segments had none at all' if report.empty else ''
    print(f'{args.out}: {report.rows} segments{left}{empty}')


def _keysteps(path: str, views: str, rule: str) -> Iterator[Group]:
    # late: it imports the host
    from ..datasets.annotations import read_json_rows

    for row in read_json_rows(path, 'segments'):
        ego, names = row.text('ego_segment_name'), row.value('segment_name_list')
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise row.bad('segment_name_list is no list of clip names; take the published file')
        names = [name for name in names if views == 'all' or name != ego]
        members = [video_id_from_path(name, rule) for name in names]
        yield Group(row.text('take_uid'), row.span('start_time', 'end_time'), members)


def _table(path: str) -> Iterator[Group]:
    from ..datasets.annotations import read_table

    groups: dict[tuple, list[str]] = {}
    for row in read_table(path, required=COLUMNS):
        key = row.text('segment_of'), row.span('start', 'stop')
        groups.setdefault(key, []).append(row.text('video_id'))
    for (video_id, span), members in groups.items():
        yield Group(video_id, span, members)
