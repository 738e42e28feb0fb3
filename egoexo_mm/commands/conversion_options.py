"""What the subcommands of ``targets convert`` share: options, frame sizes and the last line."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..targets.conversion import BoxesReport
from ..targets.conversion.frame_sizes import (
    FrameSize,
    SizeOf,
    sizes_from_csv,
    sizes_from_frames,
    sizes_from_videos,
)
from .command import UsageError, complain


def frame_size(text: str) -> tuple[int, int]:
    """``'WxH'`` as two positive integers."""
    width, _, height = text.lower().partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r} is not WxH, for example 512x288')
    return int(width), int(height)


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add the ways to say at which frame size boxes were detected."""
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument(
        '--frame-size',
        type=frame_size,
        metavar='WxH',
        help='frame size at which the boxes were detected, for all videos',
    )
    size.add_argument(
        '--sizes',
        metavar='CSV',
        help='the same per video: header video_id,width,height[,fps,num_frames]',
    )
    size.add_argument(
        '--short-side',
        type=int,
        metavar='PIXELS',
        help='the same by short side; the aspect ratio comes from --videos',
    )
    size.add_argument(
        '--frames',
        metavar='ROOT',
        help='the same from the frames themselves: the first picture of each folder ROOT/VIDEO',
    )
    parser.add_argument('--videos', metavar='ROOT', help='folder of the videos, for --short-side')


def sizes_of(args: argparse.Namespace) -> tuple[SizeOf, str | None]:
    """Frame sizes by video id, and the note on them for the manifest."""
    if (args.short_side is None) != (args.videos is None):
        raise UsageError('--short-side and --videos go together')
    if args.short_side is not None and args.short_side < 1:
        raise UsageError('--short-side must be positive')
    if args.frame_size:
        size = FrameSize(*args.frame_size)
        return lambda video_id: size, None
    if args.sizes:
        return sizes_from_csv(args.sizes), f'frame sizes from {Path(args.sizes).name}'
    if args.frames:
        return sizes_from_frames(args.frames), 'frame sizes from the frames'
    notes = f'frame sizes: short side {args.short_side}, aspect ratio of the videos'
    return sizes_from_videos(args.videos, args.short_side), notes


def check_fps(args: argparse.Namespace) -> None:
    """Refuse a frame rate that is none."""
    if not 0 <= args.fps < float('inf'):
        raise UsageError('--fps must be a positive number')


def tell(name: str, report: BoxesReport, out: str) -> int:
    """Print what a conversion of boxes did; its exit code."""
    print(f'{out}: {report.written} videos written, {report.already} were there already')
    if not report.failed:
        return 0
    return complain(
        name,
        f'{report.failed} bad file(s) left out, listed in {Path(out) / "failed.jsonl"}; '
        'mend them and run again',
    )
