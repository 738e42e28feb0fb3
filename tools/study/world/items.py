"""Rendering one item into the files of its data set; what marks it as done is written last."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.video import write_mp4

from .cameras import HEIGHT, WIDTH
from .clips import FPS, NUM_FRAMES, detections, render_clip
from .hand_object_files import annotation_text
from .motions import VERBS
from .objects import NOUNS, catalogue_picture
from .plan import CHARADES, EPIC, HANDS, KINETICS, OBJECTS, SEGMENTS, Item

QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 95]


def marker(root: Path, item: Item) -> Path:
    """The file of an item that is written last."""
    if item.part == HANDS:
        return root / HANDS / 'Annotations' / f'{item.name}.xml'
    if item.part == OBJECTS:
        return root / OBJECTS / item.split / NOUNS[item.noun] / f'{item.name}.png'
    return truth_file(root, item, item.name + 'EGO' if item.part == CHARADES else item.name)


def truth_file(root: Path, item: Item, name: str) -> Path:
    """Ground truth of a clip: the columns of ``detections``."""
    return root / 'truth' / 'boxes' / item.part / f'{name}.npz'


def make_item(root: Path, item: Item) -> None:
    """Render an item and write its files.

    Raises:
        OSError: a file cannot be written.
    """
    cv2.setNumThreads(1)
    makers = {
        KINETICS: _kinetics,
        CHARADES: _charades_ego,
        EPIC: _epic,
        HANDS: _hand_object,
        OBJECTS: _object,
    }
    makers[item.part](root, item)


def _kinetics(root: Path, item: Item) -> None:
    clip = render_clip(item.seed, item.verb, item.noun, view='third')
    write_mp4(root / KINETICS / 'videos' / f'{item.name}.mp4', clip.frames, FPS)
    _write_truth(truth_file(root, item, item.name), clip.truth)


def _charades_ego(root: Path, item: Item) -> None:
    for view, name in (('third', item.name), ('first', item.name + 'EGO')):
        clip = render_clip(item.seed, item.verb, item.noun, view=view, style='home', paired=True)
        _write_frames(root / CHARADES / 'frames' / name, name + '-{:06}.jpg', clip.frames, 1)
        _write_truth(truth_file(root, item, name), clip.truth)


def _epic(root: Path, item: Item) -> None:
    clip = render_clip(item.seed, item.verb, item.noun, view='first', home=item.home)
    folder = root / EPIC / item.participant / 'rgb_frames' / item.video
    _write_frames(
        folder, 'frame_{:010}.jpg', clip.frames, 1 + NUM_FRAMES * (item.number % SEGMENTS)
    )
    _write_truth(truth_file(root, item, item.name), clip.truth)


def _hand_object(root: Path, item: Item) -> None:
    rng = np.random.default_rng([*item.seed[:-1], 1])
    view = ('first', 'third')[item.number % 2]
    style = view if rng.random() < 0.5 else 'home'
    clip = render_clip(
        item.seed, item.verb, item.noun, view=view, style=style, times=rng.uniform(0, 1, 1)
    )
    _write_image(root / HANDS / 'JPEGImages' / f'{item.name}.jpg', clip.frames[0])
    with whole_file(marker(root, item)) as temporary:
        Path(temporary).write_text(annotation_text(item.name, clip.truth[0]), encoding='utf-8')


def _object(root: Path, item: Item) -> None:
    """Every other picture shows the thing alone, and the rest in use, in both views in turn."""
    if item.number % 2 == 0:
        picture = catalogue_picture(
            NOUNS[item.noun], np.random.default_rng(item.seed), WIDTH, HEIGHT
        )
    else:
        rng = np.random.default_rng([*item.seed[:-1], 1])
        verb, view = int(rng.integers(len(VERBS))), ('first', 'third')[item.number // 2 % 2]
        clip = render_clip(
            item.seed, verb, item.noun, view=view, style='catalogue', times=rng.uniform(0, 1, 1)
        )
        picture = clip.frames[0]
    with whole_file(marker(root, item)) as temporary:
        _write_image(temporary, picture)


def _write_truth(path: Path, truth: list) -> None:
    with whole_file(path) as temporary:
        np.savez(temporary, **detections(truth))


def _write_frames(folder: Path, template: str, frames: np.ndarray, first: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames, first):
        _write_image(folder / template.format(number), frame)


def _write_image(path: str | Path, image: np.ndarray) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image[..., ::-1], QUALITY if str(path).endswith('.jpg') else []):
        raise OSError(f'{path}: cannot be written; free space or correct the rights and run again')
