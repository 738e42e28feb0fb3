"""Draw what the teachers said: about one video, or which videos of a store look most and least first-person.

Writes OUT/targets_ID.mp4 and .png: frames with boxes (hands with side L or R, score and contact, a line to the object in
touch), hand and object map beside them, Ego-Score and best Object-Scores. With --rank, OUT/ranking_STORE.png. The mp4 has no
sound.

Examples:
    python tools/visualize_targets.py clip.mp4 --ego-score data/targets/k400_ego --interaction data/targets/k400_interaction
    python tools/visualize_targets.py --rank data/targets/k400_ego --videos data/kinetics400/videos_train
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from egoexo_mm.targets import TargetStore, TargetStoreError, open_stores, video_id_from_path  # noqa: E402
from egoexo_mm.visualization import (  # noqa: E402
    VideoFrames,
    VideoTargets,
    VisualizationError,
    find_videos,
    imagenet_names,
    rank_by_ego,
    ranking_sheet,
    read_names,
    write_mp4,
    write_png,
)

SIGNALS = 'ego_score', 'object_score', 'interaction'


def positive(kind: type) -> type:
    """An argument type: numbers above 0."""

    def number(text: str) -> float:
        value = kind(text)
        if not 0 < value < float('inf'):
            raise ValueError
        return value

    number.__name__ = f'positive {kind.__name__}'  # argparse says it
    return number


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('video', nargs='?', type=Path, metavar='VIDEO')
    for name, what in zip(SIGNALS, ('Ego-Scores', 'Object-Scores', 'hand and object boxes')):
        parser.add_argument(f'--{name.replace("_", "-")}', metavar='STORE', help=f'store of {what}')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('.'),
        metavar='DIR',
        help='folder to write into; default here',
    )
    parser.add_argument(
        '--video-id', metavar='ID', help='id of the video in the stores; default by their rule'
    )
    parser.add_argument(
        '--object-names',
        metavar='FILE',
        help="names of the Object-Scores' classes, one a line; default torchvision's if there, else numbers",
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
        '--stride',
        type=positive(int),
        default=1,
        help='every how many-th frame is in the mp4; default 1',
    )
    parser.add_argument(
        '--codec',
        default='mp4v',
        help="of the mp4: 'mp4v' (default) plays in VLC, mpv and ffmpeg, 'vp09' in browsers too; the OpenCV "
        'wheels have no encoder of H.264 (avc1), other builds may',
    )
    parser.add_argument(
        '--cells',
        type=positive(int),
        default=7,
        help='map cells along the shorter side of the frame; default 7, as training has with a crop of 224 '
        'and cells of 32',
    )
    parser.add_argument(
        '--min-score',
        type=float,
        default=0.0,
        help='draw boxes that score at least this; maps hold all',
    )
    parser.add_argument(
        '--rank', metavar='STORE', help='rank the videos of this store of Ego-Scores instead'
    )
    parser.add_argument(
        '--videos',
        metavar='DIR_OR_LIST',
        help='where the ranked videos are: a folder, or a list of "path '
        'label" lines, relative to the list',
    )
    parser.add_argument(
        '--count',
        type=positive(int),
        default=8,
        help='videos at each end of the ranking; default 8',
    )
    args = parser.parse_args(argv)
    given = [name for name in SIGNALS if getattr(args, name)]
    if args.rank and (args.video or given or not args.videos):
        parser.error(
            '--rank STORE goes with --videos DIR_OR_LIST, and without VIDEO and other stores'
        )
    if not args.rank and not (args.video and given):
        parser.error(
            'give a VIDEO and one or more of --ego-score, --object-score, --interaction; or --rank'
        )
    if len(args.codec) != 4:
        parser.error('--codec takes four letters, for example mp4v')
    return args


def file_name(text: str) -> str:
    """An id as a part of a file name."""
    return re.sub(r'[/\\\0]+', '_', text.strip('/'))[-100:]


def draw_video(args: argparse.Namespace) -> list[str]:
    """Write the mp4 and the PNG of a video; lines to print."""
    stores = open_stores({name: getattr(args, name) for name in SIGNALS})
    rule = next(iter(stores.values())).manifest.video_id
    video_id = args.video_id or video_id_from_path(args.video, rule)
    names = None
    if objects := stores.get('object_score'):
        count = objects.manifest.num_scores
        names = (
            read_names(args.object_names, count)
            if args.object_names
            else imagenet_names()
            if count == 1000
            else None
        )
    video = VideoFrames(args.video)
    targets = VideoTargets(
        video, video_id, stores, object_names=names, cells=args.cells, min_score=args.min_score
    )
    base = args.out / f'targets_{file_name(video_id)}'
    png, mp4 = base.with_name(base.name + '.png'), base.with_name(base.name + '.mp4')
    fps = video.fps if video.fps > 0 else 25.0
    shown = range(0, video.until(args.max_seconds), args.stride)
    frames = write_mp4(mp4, targets.film(shown), fps / args.stride, args.codec)
    write_png(png, targets.sheet(args.frames))
    cut = (
        f'; the first {args.max_seconds:g} s, --max-seconds shows more'
        if shown.stop < len(video)
        else ''
    )
    return [f'wrote {mp4} ({frames} frames{cut})', f'wrote {png}']


def draw_ranking(args: argparse.Namespace) -> list[str]:
    """Write the sheet of a ranking; lines to print."""
    store = TargetStore(args.rank)
    ranked = rank_by_ego(store)
    videos = find_videos(args.videos, store.manifest.video_id)
    picture, missing = ranking_sheet(store, videos, args.count)
    png = args.out / f'ranking_{file_name(store.path.resolve().name)}.png'
    write_png(png, picture)
    for sentence in missing:
        print(f'no frame of {sentence}', file=sys.stderr)
    (first, high), (last, low) = ranked[0], ranked[-1]
    return [
        f'{len(ranked)} videos, from {first} ({high:.3f}) to {last} ({low:.3f})',
        f'wrote {png}',
    ]


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 something is wrong (one line on stderr), 2 bad usage."""
    args = parse_args(argv)
    try:
        lines = draw_ranking(args) if args.rank else draw_video(args)
    except (TargetStoreError, VisualizationError, OSError) as error:
        print(f'visualize_targets: error: {error}', file=sys.stderr)
        return 1
    print('\n'.join(lines))
    return 0


if __name__ == '__main__':
    sys.exit(main())
