"""``targets convert``: detections and boxes that were made elsewhere into target stores."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

from ..targets.conversion.coco_boxes import read_coco
from ..targets.conversion.ego4d_fho_boxes import read_ego4d_fho
from ..targets.conversion.hands23_boxes import read_hands23
from ..targets.conversion.helping_hands_boxes import read_helping_hands
from ..targets.conversion.table_boxes import read_table
from ..targets.conversion.video_boxes import (
    FRAME_NAMES,
    FrameNames,
    VideoBoxes,
    convert_boxes_of_videos,
)
from ..targets.conversion.visor_boxes import convert_visor
from .command import UsageError, add_out, set_run
from .conversion_options import add_sizes, check_fps, sizes_of, tell


def add_detections(kinds: argparse._SubParsersAction, name: str) -> None:
    """Add the subcommands; messages begin with ``name``."""
    coco = _add(kinds, name, 'coco', run_coco, 'results of a COCO detector, JSON', None)
    coco.add_argument(
        '--annotations',
        required=True,
        metavar='JSON',
        help='the COCO annotation file with the images and categories of the results',
    )
    for what, default in (('hand', "the word 'hand'"), ('object', "a word that ends in 'object'")):
        coco.add_argument(
            f'--{what}-classes',
            nargs='+',
            default=[],
            metavar='NAME',
            help=f'categories that are {what}s; default those with {default}'
            + ("; '*' is all that are no hands" if what == 'object' else ''),
        )
    hands23 = _add(kinds, name, 'hands23', run_hands23, "result.json of Hands23's detector", None)
    add_sizes(hands23)
    table = _add(kinds, name, 'table', run_table, 'a table of boxes, .csv or .parquet', None)
    for parser in (coco, hands23):
        _add_names(parser)
    for parser in (coco, hands23, table):
        parser.add_argument('--fps', type=float, default=0.0, help='frame rate of all videos')
        parser.add_argument(
            '--threshold',
            type=float,
            default=0.0,
            metavar='SCORE',
            help='leave out detections of a lower score; default 0',
        )
    fho = _add(kinds, name, 'ego4d-fho', run_ego4d_fho, "Ego4D's fho_main.json", 'ego4d')
    fho.add_argument(
        '--clips',
        action='store_true',
        help='video ids are clips, as Ego4DFHODataset reads them; default full videos',
    )
    helping = _add(
        kinds,
        name,
        'helping-hands',
        run_helping_hands,
        "Helping Hands' boxes of EgoClip",
        'egoclip',
    )
    helping.add_argument(
        '--chunks',
        action='store_true',
        help="video ids are EgoClip's files, UID/0, UID/1, ... of 600 s; default full videos, UID",
    )
    visor = _add(kinds, name, 'visor', run_visor, 'a folder of VISOR annotations', 'epic100')
    visor.add_argument(
        '--frame-mapping',
        metavar='JSON',
        help="VISOR's frame_mapping.json; without it frames have VISOR's numbers, which may "
        'differ from those of the released frames',
    )
    visor.add_argument(
        '--skip-bad', action='store_true', help='list bad files in OUT/failed.jsonl and go on'
    )
    for parser in (table, fho, helping, visor):
        parser.add_argument(
            '--hold',
            type=int,
            default=0,
            metavar='FRAMES',
            help='repeat the boxes of a frame on frames up to this far away that have none; '
            'default 0. A frame without boxes trains as one without hands',
        )


def _add(kinds, name: str, command: str, run, text: str, dataset: str | None):
    parser = kinds.add_parser(command, help=text)
    parser.add_argument('source', metavar='IN')
    add_out(parser, 'folder of the store; a second run continues the first')
    parser.add_argument(
        '--dataset',
        default=dataset,
        required=dataset is None,
        help='name for the manifest',
    )
    parser.add_argument('--teacher', help='name of the teacher for the manifest')
    set_run(parser, functools.partial(_run, name, run))
    return parser


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--names',
        default=FRAME_NAMES,
        metavar='REGEX',
        help='how an image name tells its video and frame: groups (?P<video>) and (?P<frame>); '
        'default names like VIDEO/frame_0000000012.jpg and VIDEO_12.jpg',
    )
    parser.add_argument(
        '--first-frame',
        type=int,
        choices=[0, 1],
        default=1,
        help="number of a video's first frame in image names; default 1, as FFmpeg writes",
    )


def _run(name: str, run: Callable[[str, argparse.Namespace], int], args) -> int:
    """Run a subcommand with options that are in range; the exit code."""
    if hasattr(args, 'fps'):
        check_fps(args)
    if not 0 <= getattr(args, 'hold', 0) < 10000:
        raise UsageError('--hold must be from 0 to 9999')
    if not 0 <= getattr(args, 'threshold', 0.0) <= 1:
        raise UsageError('--threshold must be from 0 to 1')
    return run(name, args)


def run_coco(name: str, args: argparse.Namespace) -> int:
    """Convert the results of a COCO detector; the exit code."""
    videos = read_coco(
        args.source,
        args.annotations,
        names=_names(args),
        hand_classes=args.hand_classes,
        object_classes=args.object_classes,
        fps=args.fps,
    )
    return _write(name, args, videos, 'detector with COCO results')


def run_hands23(name: str, args: argparse.Namespace) -> int:
    """Convert the results of Hands23's detector; the exit code."""
    size_of, notes = sizes_of(args)
    videos = read_hands23(args.source, size_of, names=_names(args), fps=args.fps)
    return _write(name, args, videos, 'Hands23 detector (Cheng et al.)', notes or '')


def run_table(name: str, args: argparse.Namespace) -> int:
    """Convert a CSV or Parquet table; the exit code."""
    return _write(name, args, read_table(args.source, fps=args.fps), Path(args.source).name)


def run_ego4d_fho(name: str, args: argparse.Namespace) -> int:
    """Convert Ego4D's own boxes; the exit code."""
    return _write(
        name,
        args,
        read_ego4d_fho(args.source, clips=args.clips),
        'Ego4D FHO annotations',
        'rows are clips; scores are unknown' if args.clips else 'scores are unknown',
    )


def run_helping_hands(name: str, args: argparse.Namespace) -> int:
    """Convert the boxes of Helping Hands; the exit code."""
    videos = read_helping_hands(args.source, chunks=args.chunks)
    return _write(
        name,
        args,
        videos,
        'Helping Hands (Zhang et al.)',
        'scores are unknown',
    )


def run_visor(name: str, args: argparse.Namespace) -> int:
    """Convert VISOR's annotations; the exit code."""
    report = convert_visor(
        args.source,
        args.out,
        mapping=args.frame_mapping,
        dataset=args.dataset,
        teacher=args.teacher,
        hold=args.hold,
        skip_bad=args.skip_bad,
    )
    return tell(name, report, args.out)


def _write(
    name: str,
    args: argparse.Namespace,
    videos: Mapping[str, VideoBoxes],
    teacher: str,
    notes: str = '',
) -> int:
    report = convert_boxes_of_videos(
        videos,
        Path(args.source),
        args.out,
        dataset=args.dataset,
        teacher=args.teacher or teacher,
        notes=notes,
        video_id='path' if any('/' in video for video in videos) else 'stem',
        threshold=getattr(args, 'threshold', 0.0),
        hold=getattr(args, 'hold', 0),
    )
    return tell(name, report, args.out)


def _names(args: argparse.Namespace) -> FrameNames:
    try:
        return FrameNames(args.names, args.first_frame)
    except ValueError as error:
        raise UsageError(f'--names: {error}') from None
