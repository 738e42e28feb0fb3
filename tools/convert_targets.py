"""Turn released teacher files (of Ego-Exo, of EPIC-KITCHENS-100) into target stores.

Examples:
    python tools/convert_targets.py scores k400_ego_predicts.pkl data/k400_ego \\
        --signal ego_score --score-kind logits
    python tools/convert_targets.py boxes k400_handobj_predicts data/k400_handobj \\
        --short-side 288 --videos data/kinetics400/videos_train
    python tools/convert_targets.py boxes epic_handobj_predicts data/targets/epic100_interaction \\
        --frame-size 456x256 --first-frame 0 --dataset epic100
    python tools/convert_targets.py epic-boxes hand-objects data/targets/epic100_interaction
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from egoexo_mm.targets import TargetStoreError  # noqa: E402
from egoexo_mm.targets.conversion import BoxesReport  # noqa: E402
from egoexo_mm.targets.conversion.epic_boxes import FRAME_SIZE, convert_epic_boxes  # noqa: E402
from egoexo_mm.targets.conversion.frame_sizes import FrameSize, sizes_from_csv, sizes_from_videos  # noqa: E402
from egoexo_mm.targets.conversion.released_boxes import convert_boxes  # noqa: E402
from egoexo_mm.targets.conversion.released_scores import convert_scores  # noqa: E402


def frame_size(text: str) -> tuple[int, int]:
    """``'WxH'`` as two positive integers."""
    width, _, height = text.lower().partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r} is not WxH, for example 512x288')
    return int(width), int(height)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest='command', required=True)

    scores = commands.add_parser('scores', help='a pickle of scores per video')
    scores.add_argument('source', metavar='IN.pkl')
    scores.add_argument('out', help='folder of the store, must not exist')
    scores.add_argument('--signal', required=True, choices=['ego_score', 'object_score'])
    scores.add_argument(
        '--score-kind',
        required=True,
        choices=['logits', 'probabilities'],
        help='what the numbers are; checked against them',
    )
    scores.add_argument(
        '--id',
        default='stem',
        choices=['stem', 'path'],
        help='video id: file stem (default) or path without extension',
    )
    scores.add_argument(
        '--force',
        action='store_true',
        help='keep --score-kind even where the numbers contradict it',
    )

    boxes = commands.add_parser('boxes', help='a folder of <video>.npy with boxes in pixels')
    boxes.add_argument('source', metavar='FOLDER')
    boxes.add_argument('out', help='folder of the store; a second run continues the first')
    size = boxes.add_mutually_exclusive_group(required=True)
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
    boxes.add_argument('--videos', metavar='ROOT', help='folder of the videos, for --short-side')
    boxes.add_argument('--fps', type=float, default=0.0, help='frame rate, where not in the sizes')
    boxes.add_argument(
        '--first-frame',
        type=int,
        choices=[0, 1],
        default=1,
        help='number, counted from 1, of the frame that row 0 of a file belongs to; default 1. With 0, row 0 '
        'is left out: Ego-Exo reads the row of an EPIC frame by its file number, which counts from 1',
    )

    epic = commands.add_parser(
        'epic-boxes', help="EPIC-KITCHENS-100's own release of hand-object boxes, <video>.pkl"
    )
    epic.add_argument('source', metavar='FOLDER', help='searched at any depth')
    epic.add_argument('out', help='folder of the store; a second run continues the first')
    for what in ('hand', 'object'):
        epic.add_argument(
            f'--{what}-threshold',
            type=float,
            default=0.5,
            metavar='SCORE',
            help=f'leave out {what}s of a lower score; default 0.5, the files go down to '
            f'{0.1 if what == "hand" else 0.01}',
        )
    epic.add_argument(
        '--frame-size',
        type=frame_size,
        metavar='WxH',
        default=FRAME_SIZE,
        help='frame size at which the boxes were detected; default 456x256',
    )
    epic.add_argument(
        '--fps',
        type=float,
        default=0.0,
        help='frame rate; default that of the released frames, 60 for P01_02 and 50 for P01_102',
    )

    for command in (boxes, epic):
        command.add_argument(
            '--skip-bad', action='store_true', help='list bad files in OUT/failed.jsonl and go on'
        )
    for command in (scores, boxes, epic):
        command.add_argument(
            '--dataset',
            default='epic100' if command is epic else 'k400',
            help='name for the manifest',
        )
        command.add_argument('--teacher', help='name of the teacher for the manifest')
    args = parser.parse_args(argv)
    check_usage(args, boxes if args.command == 'boxes' else epic)
    return args


def check_usage(args: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End the program where arguments contradict each other or are out of range."""
    if args.command == 'epic-boxes':
        for name in ('hand_threshold', 'object_threshold'):
            if not 0 <= getattr(args, name) <= 1:
                parser.error(f'--{name.replace("_", "-")} must be from 0 to 1')
    if args.command == 'boxes':
        if (args.short_side is None) != (args.videos is None):
            parser.error('--short-side and --videos go together')
        if args.short_side is not None and args.short_side < 1:
            parser.error('--short-side must be positive')
    if args.command != 'scores' and not 0 <= args.fps < float('inf'):
        parser.error('--fps must be a positive number')


def run_scores(args: argparse.Namespace) -> int:
    count = convert_scores(
        args.source,
        args.out,
        signal=args.signal,
        score_kind=args.score_kind,
        video_id=args.id,
        dataset=args.dataset,
        teacher=args.teacher,
        force=args.force,
    )
    print(f'{args.out}: {count} videos, signal {args.signal}, {args.score_kind}')
    return 0


def run_boxes(args: argparse.Namespace) -> int:
    notes = None
    if args.frame_size:
        size = FrameSize(*args.frame_size)
        size_of = lambda video_id: size  # noqa: E731
    elif args.sizes:
        size_of = sizes_from_csv(args.sizes)
        notes = f'frame sizes from {Path(args.sizes).name}'
    else:
        size_of = sizes_from_videos(args.videos, args.short_side)
        notes = f'frame sizes: short side {args.short_side}, aspect ratio of the videos'
    report = convert_boxes(
        args.source,
        args.out,
        size_of,
        fps=args.fps,
        dataset=args.dataset,
        teacher=args.teacher,
        frame_size=args.frame_size,
        notes=notes,
        first_frame=args.first_frame,
        skip_bad=args.skip_bad,
    )
    return say(report, args)


def run_epic_boxes(args: argparse.Namespace) -> int:
    report = convert_epic_boxes(
        args.source,
        args.out,
        hand_threshold=args.hand_threshold,
        object_threshold=args.object_threshold,
        fps=args.fps,
        frame_size=args.frame_size,
        dataset=args.dataset,
        teacher=args.teacher,
        skip_bad=args.skip_bad,
    )
    return say(report, args)


def say(report: BoxesReport, args: argparse.Namespace) -> int:
    """Print what a conversion of boxes did; its exit code."""
    print(f'{args.out}: {report.written} videos written, {report.already} were there already')
    if report.failed:
        print(
            f'convert_targets: error: {report.failed} bad file(s) left out, listed in '
            f'{Path(args.out) / "failed.jsonl"}; mend them and run again',
            file=sys.stderr,
        )
    return 1 if report.failed else 0


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 bad input (one line on stderr), 2 bad usage, 130 interrupted."""
    args = parse_args(argv)
    try:
        return {'scores': run_scores, 'boxes': run_boxes, 'epic-boxes': run_epic_boxes}[
            args.command
        ](args)
    except (TargetStoreError, OSError) as error:
        print(f'convert_targets: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('convert_targets: interrupted; run the same command again', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
