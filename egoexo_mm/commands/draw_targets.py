r"""``targets draw`` and ``targets rank``: pictures of what the teachers said.

Examples:
    python tools/targets.py draw clip.mp4 pictures --ego-score data/targets/k400_ego_score \
        --interaction data/targets/k400_interaction
    python tools/targets.py rank data/targets/k400_ego_score pictures --videos data/kinetics400
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from ..targets import TargetStore, open_stores, video_id_from_path
from ..targets.store.manifest import read_manifest
from ..visualization import (
    VideoFrames,
    VideoTargets,
    find_videos,
    imagenet_names,
    rank_by_ego,
    ranking_sheet,
    read_names,
    write_mp4,
    write_png,
)
from .command import UsageError, add_out, positive, set_run

_OUT = 'folder to write into; default here'
SIGNALS = {
    'ego_score': 'Ego-Scores',
    'object_score': 'Object-Scores',
    'interaction': 'hand and object boxes',
}


def add_draw(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``draw``."""
    parser.add_argument('video', type=Path, metavar='VIDEO')
    add_out(parser, _OUT, default=Path('.'), type=Path)
    _add_draw_options(parser)
    set_run(parser, run_draw)


def add_rank(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``rank``."""
    parser.add_argument('store', metavar='STORE', help='store of Ego-Scores')
    add_out(parser, _OUT, default=Path('.'), type=Path)
    _add_rank_options(parser, required=True)
    set_run(parser, run_rank)


def add_former(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the former ``visualize_targets.py``."""
    parser.add_argument('video', nargs='?', type=Path, metavar='VIDEO')
    parser.add_argument('--out', type=Path, default=Path('.'), metavar='DIR', help=_OUT)
    _add_draw_options(parser)
    parser.add_argument(
        '--rank', metavar='STORE', help='rank the videos of this store of Ego-Scores instead'
    )
    _add_rank_options(parser, required=False)
    set_run(parser, run_former)


def _add_draw_options(parser: argparse.ArgumentParser) -> None:
    for name, what in SIGNALS.items():
        parser.add_argument(f'--{name.replace("_", "-")}', metavar='STORE', help=f'store of {what}')
    parser.add_argument(
        '--signal',
        metavar='STORE',
        action='append',
        default=[],
        help='store of scores or boxes of any other signal; may be given several times',
    )
    parser.add_argument(
        '--video-id', metavar='ID', help='id of the video in the stores; default by their rule'
    )
    parser.add_argument(
        '--object-names',
        metavar='FILE',
        help="names of the Object-Scores' classes, one a line; default the store's own, "
        "else torchvision's where it is installed, else numbers",
    )
    parser.add_argument(
        '--frames', type=positive(int), default=8, help='evenly spaced frames on the PNG; default 8'
    )
    parser.add_argument(
        '--max-seconds',
        type=positive(float),
        default=20.0,
        help='of the video in the mp4; default 20',
    )
    parser.add_argument(
        '--stride', type=positive(int), default=1, help='the mp4 has every N-th frame; default 1'
    )
    parser.add_argument(
        '--codec',
        default='mp4v',
        help="of the mp4: 'mp4v' (default) plays in VLC, mpv and ffmpeg, 'vp09' in browsers too; "
        'the OpenCV wheels have no encoder of H.264 (avc1), other builds may',
    )
    parser.add_argument(
        '--cells',
        type=positive(int),
        default=7,
        help='map cells along the shorter side of the frame; default 7, as training has with a '
        'crop of 224 and cells of 32',
    )
    parser.add_argument(
        '--min-score',
        type=float,
        default=0.0,
        help='draw boxes that score at least this; maps hold all',
    )


def _add_rank_options(parser: argparse.ArgumentParser, *, required: bool) -> None:
    parser.add_argument(
        '--videos',
        required=required,
        metavar='DIR_OR_LIST',
        help='where the videos are: a folder, or a list of "path label" lines, relative to the '
        'list',
    )
    parser.add_argument(
        '--count',
        type=positive(int),
        default=8,
        help='videos at each end of the ranking; default 8',
    )


def run_draw(args: argparse.Namespace) -> None:
    """Write ``OUT/targets_ID.mp4`` and ``.png`` of a video."""
    paths = {name: getattr(args, name) for name in SIGNALS}
    paths.update((read_manifest(Path(path)).signal, path) for path in args.signal)
    if not any(paths.values()):
        raise UsageError('give one or more of --ego-score, --object-score, --interaction, --signal')
    if len(args.codec) != 4:
        raise UsageError('--codec takes four letters, for example mp4v')
    stores = open_stores(paths)
    rule = next(iter(stores.values())).manifest.video_id
    video_id = args.video_id or video_id_from_path(args.video, rule)
    names = None
    if objects := stores.get('object_score'):
        count = objects.manifest.num_scores
        if args.object_names:
            names = read_names(args.object_names, count)
        elif objects.manifest.classes:
            names = objects.manifest.classes
        elif count == 1000:
            names = imagenet_names()
    video = VideoFrames(args.video)
    targets = VideoTargets(
        video, video_id, stores, object_names=names, cells=args.cells, min_score=args.min_score
    )
    base = args.out / f'targets_{_file_name(video_id)}'
    png, mp4 = base.with_name(base.name + '.png'), base.with_name(base.name + '.mp4')
    fps = video.fps if video.fps > 0 else 25.0
    shown = range(0, video.until(args.max_seconds), args.stride)
    frames = write_mp4(mp4, targets.film(shown), fps / args.stride, args.codec)
    write_png(png, targets.sheet(args.frames))
    cut = ''
    if shown.stop < len(video):
        cut = f'; the first {args.max_seconds:g} s, --max-seconds shows more'
    print(f'wrote {mp4} ({frames} frames{cut})\nwrote {png}')


def run_rank(args: argparse.Namespace) -> None:
    """Write ``OUT/ranking_STORE.png``."""
    store = TargetStore(args.store)
    ranked = rank_by_ego(store)
    videos = find_videos(args.videos, store.manifest.video_id)
    picture, missing = ranking_sheet(store, videos, args.count)
    png = args.out / f'ranking_{_file_name(store.path.resolve().name)}.png'
    write_png(png, picture)
    for sentence in missing:
        print(f'no frame of {sentence}', file=sys.stderr)
    (first, high), (last, low) = ranked[0], ranked[-1]
    print(f'{len(ranked)} videos, from {first} ({high:.3f}) to {last} ({low:.3f})\nwrote {png}')


def run_former(args: argparse.Namespace) -> None:
    """Draw or rank, as the options of ``visualize_targets.py`` say."""
    stores = any(getattr(args, name) for name in (*SIGNALS, 'signal'))
    if args.rank and (args.video or stores or not args.videos):
        raise UsageError(
            '--rank STORE goes with --videos DIR_OR_LIST, and without VIDEO and other stores'
        )
    if not args.rank and not (args.video and stores):
        raise UsageError(
            'give a VIDEO and one or more of --ego-score, --object-score, --interaction; or --rank'
        )
    args.store = args.rank
    return run_rank(args) if args.rank else run_draw(args)


def _file_name(text: str) -> str:
    """An id as a part of a file name."""
    return re.sub(r'[/\\\0]+', '_', text.strip('/'))[-100:]
