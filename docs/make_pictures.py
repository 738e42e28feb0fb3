#!/usr/bin/env python
"""Make the pictures of README.md and docs/ again, with the project's own code.

``docs/images/method.png`` shows a clip that nobody trained on, what the teachers say about it, and
what the student predicts; it needs the run of ``configs/study/readme_picture.py``.
``docs/images/study.png`` draws the table of ``docs/study.md``, ``small_world.png`` a few scenes.

    python tools/study.py configs/study/readme_picture.py --jobs 2
    python docs/make_pictures.py
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

os.environ.setdefault('MPLBACKEND', 'Agg')
ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / 'docs' / 'images'

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

COLOURS = dict(
    teacher='#5b6b7a', student='#009e73', egoexo='#0072b2', grey='#777777'
)  # of Okabe and Ito
ZOOM = 6  # the clips are small


def read_example(study: Path, clip: str) -> dict:
    """What teachers and student say about a clip of the validation list.

    Args:
        study: folder of the study.
        clip: id of the clip.

    Returns:
        ``frames`` and ``boxes``, four (H, W, 3) uint8 each, the latter with the detector's boxes;
        and of teacher and student each ``maps`` (2, 4, S, S), ``ego``, the probability of first
        person, and ``objects``, (8,) probabilities.
    """
    os.environ['MINIWORLD_STUDY'] = str(study)
    import torch
    from mmaction.registry import DATASETS, MODELS
    from mmengine.config import Config
    from mmengine.dataset import pseudo_collate
    from mmengine.registry import init_default_scope
    from mmengine.runner import load_checkpoint

    import egoexo_mm  # noqa: F401
    from egoexo_mm.models.functional import slow_frame_index
    from egoexo_mm.targets import TargetStore

    init_default_scope('mmaction')
    cfg = Config.fromfile(ROOT / 'configs' / 'miniworld' / 'pretrain_egoexo.py')
    stores = {
        name: str(study / 'extract_val' / name / 'store')
        for name in ('ego_score', 'object_score', 'interaction_map')
    }
    dataset = DATASETS.build(
        dict(cfg.val_dataloader.dataset, targets=stores, pipeline=cfg.pair_target_test)
    )
    row = next(
        i for i in range(len(dataset)) if Path(dataset.get_data_info(i)['filename']).stem == clip
    )
    results = dataset.get_data_info(row)
    for transform in dataset.pipeline.transforms[:-1]:
        results = transform(results)
    sample = dataset.pipeline.transforms[-1](dict(results))

    model = MODELS.build(cfg.model)
    checkpoint = study / 'pretrain' / 'egoexo' / 'seed0'
    load_checkpoint(
        model,
        str(checkpoint / Path((checkpoint / 'last_checkpoint').read_text()).name),
        strict=True,
        map_location='cpu',
    )
    model.eval()
    with torch.inference_mode():
        batch = model.data_preprocessor(pseudo_collate([sample]), False)
        feats, _ = model.extract_feat(batch['inputs'], data_samples=batch['data_samples'])
        student = {name: head(feats)[0] for name, head in model.aux_heads.items()}

    seen = np.asarray(results['frame_inds'])[slow_frame_index(8, 4, 'linspace').numpy()]
    boxes = TargetStore(stores['interaction_map'])
    return dict(
        frames=[square(results['array'][i]) for i in seen],
        boxes=[square(results['array'][i], boxes.detections(clip, [i])) for i in seen],
        maps=dict(
            teacher=results['interaction_map'].numpy(),
            student=student['interaction_map'].sigmoid().numpy(),
        ),
        ego={
            who: float(scores.softmax(0)[1])
            for who, scores in (
                ('teacher', results['ego_score']),
                ('student', student['ego_score']),
            )
        },
        objects={
            who: scores.softmax(0).numpy()
            for who, scores in (
                ('teacher', results['object_score']),
                ('student', student['object_score']),
            )
        },
    )


def square(frame: np.ndarray, found=None) -> np.ndarray:
    """The centre crop that the student sees (48 of 52 pixels of the height), enlarged."""
    from egoexo_mm.visualization import COLOURS as BOX_COLOURS

    height, width = (ZOOM * side for side in frame.shape[:2])
    picture = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
    drawn = sorted(zip(found.kind, found.box), key=lambda pair: -pair[0]) if found else ()
    for kind, box in drawn:  # hands over objects
        x1, y1, x2, y2 = np.rint(box * [width, height, width, height]).astype(int).tolist()
        colour = BOX_COLOURS['object' if kind else 'hand']
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, 3, cv2.LINE_AA)
    half = round(height * 48 / 52 / 2)
    return picture[height // 2 - half : height // 2 + half, width // 2 - half : width // 2 + half]


def draw_method(example: dict, path: Path) -> None:
    """The picture at the top of README.md."""
    from egoexo_mm.datasets.miniworld import NOUNS
    from egoexo_mm.visualization import COLOURS as BOX_COLOURS
    from egoexo_mm.visualization import dim, overlay_map

    figure = plt.figure(figsize=(11.4, 6), layout='constrained', facecolor='white')
    left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
    axes = left.subplots(5, 4, gridspec_kw=dict(hspace=0.02, wspace=0.02))
    for column, frame in enumerate(example['frames']):
        axes[0, column].imshow(example['boxes'][column])
        for row, (channel, who) in enumerate(
            [(0, 'teacher'), (0, 'student'), (1, 'teacher'), (1, 'student')], 1
        ):
            cells = example['maps'][who][channel, column]
            axes[row, column].imshow(
                overlay_map(dim(frame), cells, BOX_COLOURS[('hand', 'object')[channel]])
            )
    labels = [
        'clip, boxes of\nthe detector',
        'hand map\ntarget',
        'hand map\npredicted',
        'object map\ntarget',
        'object map\npredicted',
    ]
    for axis, label in zip(axes[:, 0], labels):
        axis.set_ylabel(label, fontsize=12, rotation=0, ha='right', va='center', labelpad=8)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    left.suptitle('Interaction-Map', fontsize=14, x=0.6)
    top, bottom = right.subplots(2, 1, gridspec_kw=dict(height_ratios=[2, 8.5]))
    draw_bars(
        top,
        ['third\nperson', 'first\nperson'],
        {who: [1 - value, value] for who, value in example['ego'].items()},
    )
    top.set_title('Ego-Score', fontsize=14)
    draw_bars(bottom, NOUNS, example['objects'])
    bottom.set_title('Object-Score', fontsize=14)
    names = ['teacher (target)', 'student (predicted)']
    bottom.legend(names, loc='lower right', fontsize=11, frameon=False)
    save(figure, path)


def draw_bars(axis: plt.Axes, names: list[str], values: dict[str, list[float]]) -> None:
    """A pair of bars, teacher and student, for each name."""
    for offset, (who, scores) in zip((-0.2, 0.2), values.items()):
        axis.barh(np.arange(len(names)) + offset, scores, 0.38, color=COLOURS[who])
    axis.set(yticks=range(len(names)), xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
    axis.set_yticklabels(names, fontsize=12)
    axis.spines[['top', 'right']].set_visible(False)


def read_table(page: str) -> dict[str, dict]:
    """The first table of docs/study.md.

    Returns:
        cell -> ``n`` and, for action, verb and noun, (mean, None or (difference, low, high)).
    """
    number = r'([+-]?\d+\.\d)'
    rows = {}
    for line in re.findall(r'^\| `\w+` \| \d+ \|.*$', page, re.MULTILINE):
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        row = dict(n=int(cells[1]))
        for kind, (mean, difference) in zip(
            ('action', 'verb', 'noun'), (cells[2:4], cells[4:6], cells[6:8])
        ):
            found = re.match(rf'{number} \[{number}, {number}\]', difference)
            row[kind] = float(mean.split()[0]), tuple(map(float, found.groups())) if found else None
        rows[cells[0].strip('`')] = row
    return rows


def draw_study(rows: dict[str, dict], path: Path) -> None:
    """Differences to third-person pre-training with their 95 % intervals."""
    names = dict(egoexo='Ego-Exo', object_score='Object-Score alone',
                 interaction_map='Interaction-Map alone', ego_score='Ego-Score alone',
                 third_only='third person only', third_half='the same, half as long',
                 scratch='no pre-training')
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout='constrained', sharex=True,
                                sharey=True, facecolor='white')
    beside = dict(xycoords=('axes fraction', 'data'), va='center', fontsize=10)
    for axis, kind in zip(axes, ('action', 'verb', 'noun')):
        axis.set_title(f'{kind}s', fontsize=13)
        for row, cell in enumerate(names):
            mean, difference = rows[cell][kind]
            difference, low, high = difference or (0, 0, 0)
            colour = COLOURS['egoexo' if cell == 'egoexo' else 'grey']
            axis.errorbar(difference, row, xerr=[[difference - low], [high - difference]], fmt='o',
                          color=colour, capsize=4, linewidth=2, markersize=7)
            axis.annotate(f'{mean:.1f}', (1.02, row), color=colour, **beside)
        axis.annotate('%', (1.04, -0.75), **beside)
        axis.axvline(0, color='black', linewidth=0.9)
        axis.grid(axis='x', color='0.9')
        axis.spines[['top', 'right', 'left']].set_visible(False)
        axis.tick_params(axis='y', length=0)
    figure.supxlabel('test accuracy in first person: points above third person only, paired by '
                     'seed, with 95 % intervals', fontsize=11)
    axes[0].set_yticks(range(len(names)), [f'{name} (n = {rows[cell]["n"]})'
                                           for cell, name in names.items()], fontsize=11)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    save(figure, path)


def draw_world(path: Path) -> None:
    """Scenes of the small world in both views, as in its Charades-Ego-like part."""
    from egoexo_mm.datasets.miniworld import NOUNS, VERBS, render_clip

    figure, axes = plt.subplots(2, 4, figsize=(11, 4.4), layout='constrained', facecolor='white')
    for number, column in enumerate(axes.T):
        verb, noun = number, 2 * number + 1
        for axis, view in zip(column, ('third', 'first')):
            clip = render_clip([0, number], verb, noun, view=view, paired=True, times=[0.5])
            axis.imshow(clip.frames[0], interpolation='bicubic')
            axis.set(xticks=[], yticks=[])
        column[0].set_title(f'{VERBS[verb]} the {NOUNS[noun]}', fontsize=12)
    save(figure, path)


def save(figure: plt.Figure, path: Path) -> None:
    """A PNG of few colours, which halves its size."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
    Image.open(path).convert('RGB').quantize(256).save(path, optimize=True)
    print(f'wrote {path} ({path.stat().st_size // 1000} kB)')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--study', type=Path, default=Path('work_dirs/study/readme_picture'),
                        help='folder of the study')
    parser.add_argument('--clip', default='val_00001', help='id of a validation clip')
    parser.add_argument('--out', type=Path, default=IMAGES, help='folder; default docs/images')
    parser.add_argument('--only', choices=['method', 'study', 'world'], help='one of the pictures')
    args = parser.parse_args()
    if args.only in (None, 'method'):
        draw_method(read_example(args.study.absolute(), args.clip), args.out / 'method.png')
    if args.only in (None, 'study'):
        page = (ROOT / 'docs' / 'study.md').read_text(encoding='utf-8')
        draw_study(read_table(page), args.out / 'study.png')
    if args.only in (None, 'world'):
        draw_world(args.out / 'small_world.png')


if __name__ == '__main__':
    main()
