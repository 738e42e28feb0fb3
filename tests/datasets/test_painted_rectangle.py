"""A rectangle painted into source frames lands where its map lights up, in every shipped chain."""

import functools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.models.backbone_presets import map_geometry
from egoexo_mm.models.raw_views import FrameViews
from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter
from tests.media import write_video

CONFIGS = Path(__file__).parents[2] / 'configs'
WIDTH, HEIGHT, FRAMES = 340, 256, 50  # shorter than a clip of 63 frames, so frames repeat
SCORES = {HAND: 0.5, OBJECT: 0.75}
CHANNEL = {HAND: 0, OBJECT: 1}  # hands are painted red, objects green


def shipped_chains():
    for path in sorted(CONFIGS.glob('egoexo_*.py')):
        cfg = Config.fromfile(path)
        for name in ('train_pipeline', 'stock_train_pipeline', 'val_pipeline', 'test_pipeline'):
            # LoadTargets refuses TenCrop, with which TSM is tested
            if name in cfg and 'TenCrop' not in [step['type'] for step in cfg[name]]:
                yield pytest.param(cfg, name, id=f'{path.stem}-{name}')


def boxes_of(kind: int) -> np.ndarray:
    """(FRAMES, 4) pixels: it crosses the frame, cut by its borders and by those of crops."""
    t = np.arange(FRAMES)
    x = -60 + t * 9 if kind == HAND else 330 - t * 9
    y = 10 + t * 4 if kind == HAND else 200 - t * 5
    box = np.stack([x, y, x + 70, y + 50], axis=1)
    return np.clip(box, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])


@pytest.fixture(scope='module')
def painted(tmp_path_factory):
    """A video with two moving rectangles, and a store of where they are."""
    root = tmp_path_factory.mktemp('painted')
    frames = np.zeros((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    manifest = Manifest(signal='interaction', dataset='test', teacher='paint')
    with StoreWriter(str(root / 'store'), manifest) as writer:
        rows = []
        for kind in (HAND, OBJECT):
            for t, (x1, y1, x2, y2) in enumerate(boxes_of(kind)):
                frames[t, y1:y2, x1:x2, CHANNEL[kind]] = 255
                if x2 > x1 and y2 > y1:
                    rows.append(
                        (t, kind, np.array([x1 / WIDTH, y1 / HEIGHT, x2 / WIDTH, y2 / HEIGHT]))
                    )
        frame, kind, box = (np.array(column) for column in zip(*rows))
        writer.add_detections(
            'painted',
            frame=frame,
            box=box,
            score=np.where(kind == HAND, *SCORES.values()),
            kind=kind,
            num_frames=FRAMES,
            fps=30,
        )
    return str(write_video(root / 'painted.avi', frames, codec='FFV1')), str(root / 'store')


@functools.cache
def geometry_of(path):
    """Of the config's model, whose backbone is built for it: once for all of its chains."""
    try:
        return map_geometry(Config.fromfile(path).model)
    except ModuleNotFoundError as error:
        if "'torchvision'" not in str(error):
            raise
        pytest.skip('TSM of this mmaction2 needs torchvision')


def build(cfg, name, store):
    """The shipped chain; where it loads no targets (testing), the same chain with targets in it.

    Augmentations of colour and erasing are left out. They change pixels, not places, and
    ``test_painted_recipes.py`` shows that maps are the same with them.
    """
    steps = [dict(step) for step in cfg[name]]
    steps = [step for step in steps if step['type'] not in ('ClipRandAugment', 'RandomErasing')]
    types = [step['type'] for step in steps]
    if 'LoadTargets' not in types:
        ours = next(
            dict(step)
            for step in cfg.train_dataloader.dataset.pipeline
            if step['type'] == 'LoadTargets'
        )
        steps.insert(-2, ours)  # before FormatShape or FormatViews
        steps.insert(types.index('DecordDecode') + 1, dict(type='TrackGeometry'))
        steps[-1]['algorithm_keys'] = ('interaction_map',)
    for step in steps:
        if step['type'] == 'LoadTargets':
            step['stores'] = dict(interaction_map=store)
    chain = Compose(steps)
    for transform in chain.transforms:
        if type(transform).__name__ == 'LoadTargets' and 'model' in cfg:
            transform.adopt(geometry_of(cfg.filename))  # as CheckTargetsHook does at start
    return chain


def touched(pixels: np.ndarray, grid: tuple[int, int], margin: int) -> np.ndarray:
    """(grid) whether a painted pixel is in a cell grown by ``margin`` pixels (may be negative)."""
    cell = pixels.shape[0] // grid[0], pixels.shape[1] // grid[1]
    out = np.zeros(grid, bool)
    for i, j in np.ndindex(grid):
        top, left = max(i * cell[0] - margin, 0), max(j * cell[1] - margin, 0)
        out[i, j] = pixels[
            top : (i + 1) * cell[0] + margin, left : (j + 1) * cell[1] + margin
        ].any()
    return out


@pytest.mark.parametrize('cfg, name', shipped_chains())
def test_map_lights_up_where_pixels_are(painted, cfg, name):
    video, store = painted
    chain = build(cfg, name, store)
    stride = chain.transforms[[type(t).__name__ for t in chain.transforms].index('LoadTargets')]
    lit = dark = empty = 0
    for seed in range(10 if 'train' in name else 1):
        np.random.seed(seed)
        random.seed(seed)
        packed = chain(dict(filename=video, label=0, start_index=0, modality='RGB', sample_idx=0))
        views = packed['inputs']  # (V, 3, T, H, W)
        views = (
            torch.stack(list(FrameViews(**views))) if isinstance(views, dict) else views
        ).numpy()
        maps = packed['data_samples'].interaction_map.numpy()
        maps = maps if maps.ndim == 5 else maps[None]  # (V, 2, T', S, S)
        if views.ndim == 4:  # (V T, 3, H, W) of a 2D recognizer
            views = views.reshape(len(maps), -1, *views.shape[1:]).swapaxes(1, 2)
        assert maps.shape[:2] == (len(views), 2)
        seen = np.arange(0, views.shape[2], views.shape[2] // maps.shape[2])
        if stride.frame_sampling == 'linspace':
            seen = np.linspace(0, views.shape[2] - 1, maps.shape[2]).astype(int)
        for view, (v, kind, t) in zip(
            maps.reshape(-1, *maps.shape[3:]), np.ndindex(maps.shape[:3])
        ):
            paint = views[v, CHANNEL[kind], seen[t]]
            pixels = paint > 127
            # a border that half covers a column has 127 or 128 there, by rounding
            inside, near = touched(pixels, view.shape, -2), touched(paint > 120, view.shape, 3)
            assert set(np.unique(view)) <= {0, SCORES[kind]}
            assert (view[inside] == SCORES[kind]).all(), (seed, v, kind, t)
            assert (view[~near] == 0).all(), (seed, v, kind, t)
            lit, dark, empty = lit + inside.sum(), dark + (~near).sum(), empty + (not pixels.any())
    assert lit > 20 and dark > 100  # the property was put to the test
    if name != 'val_pipeline':
        assert empty > 0  # some boxes lay wholly outside their crop, or there was none
