#!/usr/bin/env python
"""Make the pictures of README.md and docs/ again, with the project's own code.

``docs/images/method.png`` shows a clip that nobody trained on, what the teachers say about it, and
what the student predicts; it needs the run of ``configs/study/readme_picture.py``.
``docs/images/predict.png`` shows that student's labels and maps over the frames of the clip.
``docs/images/study.png`` draws the table of ``docs/study.md``, ``small_world.png`` a few scenes.

    python tools/study.py configs/study/readme_picture.py --jobs 2
    PYTHONPATH=tools python docs/make_pictures.py
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

os.environ.setdefault('MPLBACKEND', 'Agg')

from matplotlib import pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402

DOCS = Path(__file__).resolve().parent
CELLS = dict(
    egoexo='Ego-Exo',
    object_score='Object-Score alone',
    interaction_map='Interaction-Map alone',
    ego_score='Ego-Score alone',
    third_only='third person only',
    third_half='the same, half as long',
    scratch='no pre-training',
)


def read_table(page: str) -> dict[str, dict]:
    """The first table of docs/study.md.

    Returns:
        cell -> ``n`` and, for action, verb and noun, (mean, None or (difference, low, high)).
    """
    number = r'([+-]?\d+\.\d)'
    rows = {}
    for line in re.findall(r'^\| `\w+` \| \d+ \|.*$', page, re.MULTILINE):
        name, n, *cells = [cell.strip() for cell in line.strip('|').split('|')]
        row = rows[name.strip('`')] = dict(n=int(n))
        for kind, mean, difference in zip(('action', 'verb', 'noun'), cells[::2], cells[1::2]):
            found = re.match(rf'{number} \[{number}, {number}\]', difference)
            row[kind] = float(mean.split()[0]), found and tuple(map(float, found.groups()))
    return rows


def draw_study(rows: dict[str, dict]) -> plt.Figure:
    """Differences to third-person pre-training with their 95 % intervals."""
    figure, axes = plt.subplots(
        1, 3, figsize=(11, 3.6), layout='constrained', sharex=True, sharey=True, facecolor='white'
    )
    beside = dict(xycoords=('axes fraction', 'data'), va='center', fontsize=10)
    for axis, kind in zip(axes, ('action', 'verb', 'noun')):
        axis.set_title(f'{kind}s', fontsize=13)
        for row, cell in enumerate(CELLS):
            mean, difference = rows[cell][kind]
            difference, low, high = difference or (0, 0, 0)
            colour = '#0072b2' if cell == 'egoexo' else '#777777'
            axis.errorbar(
                difference,
                row,
                xerr=[[difference - low], [high - difference]],
                fmt='o',
                color=colour,
                capsize=4,
                linewidth=2,
                markersize=7,
            )
            axis.annotate(f'{mean:.1f}', (1.02, row), color=colour, **beside)
        axis.annotate('%', (1.04, -0.75), **beside)
        axis.axvline(0, color='black', linewidth=0.9)
        axis.grid(axis='x', color='0.9')
        axis.spines[['top', 'right', 'left']].set_visible(False)
        axis.tick_params(axis='y', length=0)
    figure.supxlabel(
        'test accuracy in first person: points above third person only, paired by '
        'seed, with 95 % intervals',
        fontsize=11,
    )
    axes[0].set_yticks(
        range(len(CELLS)),
        [f'{name} (n = {rows[cell]["n"]})' for cell, name in CELLS.items()],
        fontsize=11,
    )
    axes[0].set_ylim(len(CELLS) - 0.5, -0.5)
    return figure


def draw_world() -> plt.Figure:
    """Scenes of the small world in both views, as in its Charades-Ego-like part."""
    from study.world import NOUNS, VERBS, render_clip

    figure, axes = plt.subplots(2, 4, figsize=(11, 4.4), layout='constrained', facecolor='white')
    for number, column in enumerate(axes.T):
        verb, noun = number, 2 * number + 1
        for axis, view in zip(column, ('third', 'first')):
            clip = render_clip([0, number], verb, noun, view=view, paired=True, times=[0.5])
            axis.imshow(clip.frames[0], interpolation='bicubic')
            axis.set(xticks=[], yticks=[])
        column[0].set_title(f'{VERBS[verb]} the {NOUNS[noun]}', fontsize=12)
    return figure


def save(figure: plt.Figure, path: Path) -> None:
    """A PNG of few colours, which halves its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    save_picture(Image.open(path).convert('RGB'), path)


def save_picture(picture: Image.Image, path: Path) -> None:
    """A picture of few colours."""
    picture.quantize(256, kmeans=4).save(path, optimize=True)
    print(f'wrote {path} ({path.stat().st_size // 1000} kB)')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--study',
        type=Path,
        default=Path('work_dirs/study/readme_picture'),
        help='folder of the study',
    )
    parser.add_argument('--clip', default='val_00001', help='id of a validation clip')
    parser.add_argument('--out', type=Path, default=DOCS / 'images', help='default docs/images')
    parser.add_argument(
        '--only', choices=['method', 'predict', 'study', 'world'], help='one of the pictures'
    )
    args = parser.parse_args()
    if args.only in (None, 'method'):
        from method_picture import draw_method, read_example

        save(draw_method(read_example(args.study.absolute(), args.clip)), args.out / 'method.png')
    if args.only in (None, 'predict'):
        from method_picture import draw_predictions

        save_picture(draw_predictions(args.study.absolute(), args.clip), args.out / 'predict.png')
    if args.only in (None, 'study'):
        page = (DOCS / 'study.md').read_text(encoding='utf-8')
        save(draw_study(read_table(page)), args.out / 'study.png')
    if args.only in (None, 'world'):
        save(draw_world(), args.out / 'small_world.png')


if __name__ == '__main__':
    main()
