"""Turn the teacher files released with Ego-Exo into target stores.

Examples:
    python tools/convert_targets.py scores k400_ego_predicts.pkl data/k400_ego \\
        --signal ego_score --score-kind logits
    python tools/convert_targets.py boxes k400_handobj_predicts data/k400_handobj \\
        --short-side 288 --videos data/kinetics400/videos_train
"""
import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from egoexo_mm.targets import TargetStoreError  # noqa: E402
from egoexo_mm.targets.frame_sizes import FrameSize, sizes_from_csv, sizes_from_videos  # noqa: E402
from egoexo_mm.targets.released import convert_scores  # noqa: E402
from egoexo_mm.targets.released_boxes import convert_boxes  # noqa: E402


def frame_size(text: str) -> tuple[int, int]:
    """``'WxH'`` as two positive integers."""
    width, _, height = text.lower().partition('x')
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f'{text!r} is not WxH, for example 512x288')
    return int(width), int(height)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)

    scores = commands.add_parser('scores', help='a pickle of scores per video')
    scores.add_argument('source', metavar='IN.pkl')
    scores.add_argument('out', help='folder of the store, must not exist')
    scores.add_argument('--signal', required=True, choices=['ego_score', 'object_score'])
    scores.add_argument('--score-kind', required=True, choices=['logits', 'probabilities'],
                        help='what the numbers are; checked against them')
    scores.add_argument('--id', default='stem', choices=['stem', 'path'],
                        help='video id: file stem (default) or path without extension')
    scores.add_argument('--force', action='store_true',
                        help='keep --score-kind even where the numbers contradict it')

    boxes = commands.add_parser('boxes', help='a folder of <video>.npy with boxes in pixels')
    boxes.add_argument('source', metavar='FOLDER')
    boxes.add_argument('out', help='folder of the store; a second run continues the first')
    size = boxes.add_mutually_exclusive_group(required=True)
    size.add_argument('--frame-size', type=frame_size, metavar='WxH',
                      help='frame size at which the boxes were detected, for all videos')
    size.add_argument('--sizes', metavar='CSV',
                      help='the same per video: header video_id,width,height[,fps,num_frames]')
    size.add_argument('--short-side', type=int, metavar='PIXELS',
                      help='the same by short side; the aspect ratio comes from --videos')
    boxes.add_argument('--videos', metavar='ROOT', help='folder of the videos, for --short-side')
    boxes.add_argument('--fps', type=float, default=0., help='frame rate, where not in the sizes')
    boxes.add_argument('--skip-bad', action='store_true',
                       help='list bad files in OUT/failed.jsonl and go on')

    for command in (scores, boxes):
        command.add_argument('--dataset', default='k400', help='name for the manifest')
        command.add_argument('--teacher', help='name of the teacher for the manifest')
    args = parser.parse_args(argv)
    if args.command == 'boxes':
        if (args.short_side is None) != (args.videos is None):
            boxes.error('--short-side and --videos go together')
        if args.short_side is not None and args.short_side < 1:
            boxes.error('--short-side must be positive')
        if not 0 <= args.fps < float('inf'):
            boxes.error('--fps must be a positive number')
    return args


def run_scores(args: argparse.Namespace) -> int:
    count = convert_scores(
        args.source, args.out, signal=args.signal, score_kind=args.score_kind, video_id=args.id,
        dataset=args.dataset, teacher=args.teacher, force=args.force)
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
        args.source, args.out, size_of, fps=args.fps, dataset=args.dataset, teacher=args.teacher,
        frame_size=args.frame_size, notes=notes, skip_bad=args.skip_bad)
    print(f'{args.out}: {report.written} videos written, {report.already} were there already')
    if report.failed:
        print(f'convert_targets: error: {report.failed} bad file(s) left out, listed in '
              f'{Path(args.out) / "failed.jsonl"}; mend them and run again', file=sys.stderr)
    return 1 if report.failed else 0


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 bad input (one line on stderr), 2 bad usage, 130 interrupted."""
    args = parse_args(argv)
    try:
        return run_scores(args) if args.command == 'scores' else run_boxes(args)
    except (TargetStoreError, OSError) as error:
        print(f'convert_targets: error: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('convert_targets: interrupted; run the same command again', file=sys.stderr)
        return 130


if __name__ == '__main__':
    sys.exit(main())
