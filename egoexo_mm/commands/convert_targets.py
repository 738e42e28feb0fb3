r"""``targets convert``: released teacher files into target stores.

Examples:
    python tools/targets.py convert scores k400_ego_predicts.pkl data/targets/k400_ego_score \
        --signal ego_score --score-kind logits
    python tools/targets.py convert boxes k400_handobj_predicts data/targets/k400_interaction \
        --short-side 288 --videos data/kinetics400/videos_train
    python tools/targets.py convert boxes epic_handobj_predicts data/targets/epic100_interaction \
        --frame-size 456x256 --first-frame 0 --dataset epic100
    python tools/targets.py convert epic-boxes hand-objects data/targets/epic100_interaction
    python tools/targets.py convert coco results.json data/targets/mine --annotations images.json
    python tools/targets.py convert visor annotations data/targets/epic100_visor \
        --frame-mapping frame_mapping.json --hold 15
"""

from __future__ import annotations

import argparse
import functools

from ..targets.conversion.epic_boxes import FRAME_SIZE, convert_epic_boxes
from ..targets.conversion.released_boxes import convert_boxes
from ..targets.conversion.released_scores import convert_scores
from .command import UsageError, add_out, set_run
from .conversion_options import add_sizes, check_fps, frame_size, sizes_of, tell
from .convert_detections import add_detections


def add_convert(parser: argparse.ArgumentParser, name: str = 'targets') -> None:
    """Add a subcommand per kind of file; messages begin with ``name``."""
    kinds = parser.add_subparsers(dest='files', required=True)
    scores = kinds.add_parser('scores', help='a pickle of scores per video')
    scores.add_argument('source', metavar='IN.pkl')
    add_out(scores, 'folder of the store, must not exist')
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
    set_run(scores, run_scores)

    boxes = kinds.add_parser('boxes', help='a folder of <video>.npy with boxes in pixels')
    boxes.add_argument('source', metavar='FOLDER')
    add_sizes(boxes)
    boxes.add_argument(
        '--first-frame',
        type=int,
        choices=[0, 1],
        default=1,
        help='number, counted from 1, of the frame that row 0 of a file belongs to; default 1. '
        'With 0, row 0 is left out: Ego-Exo reads the row of an EPIC frame by its file number, '
        'which counts from 1',
    )
    set_run(boxes, functools.partial(run_boxes, name))

    epic = kinds.add_parser(
        'epic-boxes', help="EPIC-KITCHENS-100's own release of hand-object boxes, <video>.pkl"
    )
    epic.add_argument('source', metavar='FOLDER', help='searched at any depth')
    for what, lowest in (('hand', 0.1), ('object', 0.01)):
        epic.add_argument(
            f'--{what}-threshold',
            type=float,
            default=0.5,
            metavar='SCORE',
            help=f'leave out {what}s of a lower score; default 0.5, the lowest is {lowest}',
        )
    epic.add_argument(
        '--frame-size',
        type=frame_size,
        metavar='WxH',
        default=FRAME_SIZE,
        help='frame size at which the boxes were detected; default 456x256',
    )
    set_run(epic, functools.partial(run_epic_boxes, name))

    for kind in (boxes, epic):
        add_out(kind, 'folder of the store; a second run continues the first')
        kind.add_argument(
            '--fps',
            type=float,
            default=0.0,
            help='frame rate, where not in the sizes; EPIC-KITCHENS: default 60 for P01_02 and 50 '
            'for P01_102, as the released frames',
        )
        kind.add_argument(
            '--skip-bad', action='store_true', help='list bad files in OUT/failed.jsonl and go on'
        )
    for kind in (scores, boxes, epic):
        kind.add_argument(
            '--dataset',
            default='epic100' if kind is epic else 'k400',
            help='name for the manifest',
        )
        kind.add_argument('--teacher', help='name of the teacher for the manifest')
    add_detections(kinds, name)


def run_scores(args: argparse.Namespace) -> None:
    """Convert a pickle of scores."""
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


def run_boxes(name: str, args: argparse.Namespace) -> int:
    """Convert a folder of ``.npy`` files; the exit code."""
    check_fps(args)
    size_of, notes = sizes_of(args)
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
    return tell(name, report, args.out)


def run_epic_boxes(name: str, args: argparse.Namespace) -> int:
    """Convert EPIC-KITCHENS-100's release; the exit code."""
    for key in ('hand_threshold', 'object_threshold'):
        if not 0 <= getattr(args, key) <= 1:
            raise UsageError(f'--{key.replace("_", "-")} must be from 0 to 1')
    check_fps(args)
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
    return tell(name, report, args.out)
