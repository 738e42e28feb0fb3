#!/usr/bin/env python
"""Render the small world: clips of hands that act on things, in the layouts of the real data sets.

A run that was stopped continues where it ended. See docs/small_world.md.

Example:
    python tools/miniworld.py data/miniworld --size full --procs 2
    python tools/miniworld.py data/takes --takes
    python tools/miniworld.py data/miniworld --records segments.npz
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from study.world import SIZES, make_takes, make_world, write_records


def _parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('out', metavar='OUT', type=Path, help='folder of the world, new or begun')
    parser.add_argument(
        '--seed', type=int, default=0, help='another world for every seed; default 0'
    )
    parser.add_argument('--size', choices=list(SIZES), default='full', help='default full')
    parser.add_argument('--procs', type=int, default=2, help='processes; default 2')
    parser.add_argument(
        '--takes',
        action='store_true',
        help='render takes of several cameras instead, in the layout of Ego-Exo4D',
    )
    parser.add_argument(
        '--records',
        metavar='FILE',
        help='render nothing; write what the first-person segments of the world in OUT show '
        '(hands, contact, other things in sight) into this .npz',
    )
    args = parser.parse_args(argv)
    if args.seed < 0 or args.procs < 1:
        parser.error('--seed must be 0 or more and --procs 1 or more')
    return args


def main(argv: list[str] | None = None) -> int:
    """Render a world; the exit code.

    Args:
        argv: Arguments of the command line.
    """
    args = _parse_args(argv)
    begin = time.monotonic()
    try:
        if args.takes:
            count = make_takes(args.out, size=args.size, seed=args.seed, procs=args.procs)
            print(f'{args.out}: {count} clips after {time.monotonic() - begin:.1f} s')
            return 0
        if args.records:
            print(f'{args.records}: {write_records(args.out, args.records)} segments')
            return 0
        parts = make_world(args.out, size=args.size, seed=args.seed, procs=args.procs)
    except (ValueError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for name, part in parts.items():
        counts = ', '.join(f'{split} {count}' for split, count in part['items'].items())
        print(f'{name:<13} {counts:<30} {part["rendered"]:>5} rendered in {part["seconds"]:.1f} s')
    print(f'{args.out}: whole after {time.monotonic() - begin:.1f} s')
    return 0


if __name__ == '__main__':
    sys.exit(main())
