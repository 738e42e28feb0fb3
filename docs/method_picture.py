"""The picture at the top of README.md: one clip, its targets and the predictions of the student.

Shape legend: ``T`` slow frames (4), ``S`` cells of a side (6), ``C`` objects (8).
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch
from matplotlib import pyplot as plt
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from PIL import Image

from egoexo_mm.inference import EgoExoInferencer
from egoexo_mm.interaction_maps import slow_frame_index
from egoexo_mm.targets import TargetStore
from egoexo_mm.visualization import COLOURS, dim, overlay_map
from study.world import NOUNS, VERBS

CONFIG = Path(__file__).resolve().parents[1] / 'configs' / 'miniworld' / 'pretrain_egoexo.py'
SIGNALS = ('ego_score', 'object_score', 'interaction_map')
BARS = dict(teacher='#5b6b7a', student='#009e73')
ZOOM = 6  # the clips are small
ROWS = [
    'clip, boxes of\nthe detector',
    'hand map\ntarget',
    'hand map\npredicted',
    'object map\ntarget',
    'object map\npredicted',
]


def read_example(study: Path, clip: str) -> dict:
    """What teachers and student say about a clip of the validation list.

    Args:
        study: folder of the study.
        clip: id of the clip.

    Returns:
        ``frames`` and ``boxes``, T pictures (H, W, 3) uint8, the latter with the detector's boxes;
        ``teacher`` and ``student``, each with ``ego`` (2,) and ``objects`` (C,) probabilities and
        ``maps`` (2, T, S, S).
    """
    os.environ['MINIWORLD_STUDY'] = str(study)
    init_default_scope('mmaction')
    cfg = Config.fromfile(CONFIG)
    stores = {name: str(study / 'extract_val' / name / 'store') for name in SIGNALS}
    dataset = DATASETS.build(
        dict(cfg.val_dataloader.dataset, targets=stores, pipeline=cfg.pair_target_test)
    )
    names = [Path(dataset.get_data_info(row)['filename']).stem for row in range(len(dataset))]
    results = dataset.get_data_info(names.index(clip))
    *steps, pack = dataset.pipeline.transforms
    for step in steps:
        results = step(results)
    seen = np.asarray(results['frame_inds'])[slow_frame_index(8, 4, 'linspace').numpy()]
    found = TargetStore(stores['interaction_map'])
    return dict(
        frames=[square(results['array'][i]) for i in seen],
        boxes=[square(results['array'][i], found.detections(clip, [i])) for i in seen],
        teacher=dict(
            ego=results['ego_score'].softmax(0),
            objects=results['object_score'].softmax(0),
            maps=results['interaction_map'].numpy(),
        ),
        student=predict(MODELS.build(cfg.model), study, pack(dict(results))),
    )


@torch.inference_mode()
def predict(model: torch.nn.Module, study: Path, sample: dict) -> dict:
    """What the heads of the trained student say about a sample."""
    folder = study / 'pretrain' / 'egoexo' / 'seed0'
    name = Path((folder / 'last_checkpoint').read_text()).name
    load_checkpoint(model, str(folder / name), strict=True, map_location='cpu')
    model.eval()
    batch = model.data_preprocessor(pseudo_collate([sample]), False)
    feats, _ = model.extract_feat(batch['inputs'], data_samples=batch['data_samples'])
    ego, objects, maps = (model.aux_heads[name](feats)[0] for name in SIGNALS)
    return dict(ego=ego.softmax(0), objects=objects.softmax(0), maps=maps.sigmoid().numpy())


def draw_predictions(study: Path, clip: str) -> Image.Image:
    """What ``tools/predict.py --draw`` shows of a clip: the student's labels and maps on frames."""
    os.environ['MINIWORLD_STUDY'] = str(study)
    folder = study / 'pretrain' / 'egoexo' / 'seed0'
    weights = folder / Path((folder / 'last_checkpoint').read_text()).name
    classes = dict(verb=VERBS, noun=NOUNS)
    inferencer = EgoExoInferencer(str(CONFIG), str(weights), 'cpu', classes)
    video = study / 'world' / 'data' / 'kinetics' / 'videos' / f'{clip}.mp4'
    picture = Image.fromarray(inferencer(str(video), return_vis=True)['visualization'][0])
    return picture.resize((picture.width * 3 // 4, picture.height * 3 // 4), Image.LANCZOS)


def square(frame: np.ndarray, found=None) -> np.ndarray:
    """The centre crop that the student sees (48 of 52 pixels of the height), enlarged."""
    height, width = (ZOOM * side for side in frame.shape[:2])
    picture = cv2.resize(frame, (width, height), interpolation=cv2.INTER_CUBIC)
    drawn = sorted(zip(found.kind, found.box), key=lambda pair: -pair[0]) if found else ()
    for kind, box in drawn:  # hands over objects
        x1, y1, x2, y2 = np.rint(box * [width, height, width, height]).astype(int).tolist()
        colour = COLOURS['object' if kind else 'hand']
        cv2.rectangle(picture, (x1, y1), (x2, y2), colour, 3, cv2.LINE_AA)
    half = round(height * 48 / 52 / 2)
    return picture[height // 2 - half : height // 2 + half, width // 2 - half : width // 2 + half]


def draw_method(example: dict) -> plt.Figure:
    """Maps on the left, scores on the right."""
    figure = plt.figure(figsize=(11.4, 6), layout='constrained', facecolor='white')
    left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
    left.suptitle('Interaction-Map', fontsize=14, x=0.6)
    axes = left.subplots(5, 4, gridspec_kw=dict(hspace=0.02, wspace=0.02))
    for time, (frame, boxes) in enumerate(zip(example['frames'], example['boxes'])):
        axes[0, time].imshow(boxes)
        for channel, kind in enumerate(('hand', 'object')):
            for row, who in enumerate(('teacher', 'student'), 1 + 2 * channel):
                cells = example[who]['maps'][channel, time]
                axes[row, time].imshow(overlay_map(dim(frame), cells, COLOURS[kind]))
    for axis, label in zip(axes[:, 0], ROWS):
        axis.set_ylabel(label, fontsize=12, rotation=0, ha='right', va='center', labelpad=8)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    top, bottom = right.subplots(2, 1, gridspec_kw=dict(height_ratios=[2, 8.5]))
    draw_bars(top, 'Ego-Score', ['third\nperson', 'first\nperson'], example, 'ego')
    draw_bars(bottom, 'Object-Score', NOUNS, example, 'objects')
    names = ['teacher (target)', 'student (predicted)']
    bottom.legend(names, loc='lower right', fontsize=11, frameon=False)
    return figure


def draw_bars(axis: plt.Axes, title: str, names: list[str], example: dict, signal: str) -> None:
    """A pair of bars, teacher and student, for each name."""
    for offset, who in ((-0.2, 'teacher'), (0.2, 'student')):
        axis.barh(np.arange(len(names)) + offset, example[who][signal], 0.38, color=BARS[who])
    axis.set(yticks=range(len(names)), xlim=(0, 1), ylim=(len(names) - 0.5, -0.5))
    axis.set_yticklabels(names, fontsize=12)
    axis.set_title(title, fontsize=14)
    axis.spines[['top', 'right']].set_visible(False)
