"""Crops around stored hands: where they lie, what follows them, and when they are usual."""

import copy
import random
import re

import numpy as np
import pytest
from mmaction.datasets.transforms import Flip
from mmaction.registry import TRANSFORMS
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms import HandFocusedCrop, RandomRescaleCrop, TrackGeometry
from egoexo_mm.datasets.transforms.hand_crops import draw_start
from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter, TargetStore, TargetStoreError
from tests.datasets.test_crops import scene
from tests.datasets.test_painted_rectangle import CONFIGS, build, painted  # noqa: F401
from tests.datasets.test_painted_rectangle import (
    test_map_lights_up_where_pixels_are as check_maps,
)

# Hands of a frame of 340 x 256: at the left border, and at the lower right one; and an object.
BOXES = [(0, HAND, (0.0, 0.1, 0.1, 0.3)), (0, OBJECT, (0.4, 0.4, 0.6, 0.6))]
LATER = [(5, HAND, (0.8, 0.75, 1.0, 1.0))]


@pytest.fixture(scope='module')
def store(tmp_path_factory):
    path = str(tmp_path_factory.mktemp('hands') / 'store')
    manifest = Manifest(signal='interaction', dataset='test', teacher='hand')
    with StoreWriter(path, manifest) as writer:
        for video, rows in dict(v=BOXES + LATER, none=BOXES[1:]).items():
            frame, kind, box = zip(*rows)
            writer.add_detections(
                video, frame=frame, kind=kind, box=box, score=[1] * len(rows), num_frames=10
            )
    return path


def sample(store, video='v', frames=(0,), start_index=0):
    return dict(
        imgs=scene(256, 340, len(frames)),
        img_shape=(256, 340),
        modality='RGB',
        frame_inds=np.array(frames) + start_index,
        start_index=start_index,
        total_frames=10,
        video_id=video,
        target_stores=dict(interaction_map=TargetStore(store)) if store else {},
    )


def run(step, results, seed, track=True):
    np.random.seed(seed)
    for transform in [TrackGeometry()] * track + [step, Flip(flip_ratio=0)]:
        results = transform(results)
    return results


@pytest.mark.parametrize('track', [True, False])
@pytest.mark.parametrize('frames, start_index', [((0, 1), 0), ((5, 6), 1)])
def test_the_crop_contains_the_hand(store, track, frames, start_index):
    step = HandFocusedCrop((128, 160), 96)
    x1, y1, x2, y2 = (BOXES if frames[0] == 0 else LATER)[0][2]
    starts, usual = set(), 0
    for seed in range(30):
        out = run(step, sample(store, frames=frames, start_index=start_index), seed, track)
        short = out['short_edge']
        height, width = short, int(340 * short / 256 + 0.5)
        hand = np.array([x1 * width, y1 * height, x2 * width, y2 * height])
        crop = out['crop_bbox']
        # the host's frame may be a pixel wider than the formula says
        assert (crop[:2] <= hand[:2] + 1).all() and (crop[2:] >= hand[2:] - 1).all()
        assert (crop[2:] - crop[:2] == 96).all() and out['img_shape'] == (96, 96)
        assert (crop[:2] >= 0).all() and out['imgs'][0].shape == (96, 96, 3)
        starts.add(tuple(crop[:2]))
        crop = run(RandomRescaleCrop((128, 160), 96), sample(store), seed)['crop_bbox']
        usual += (crop[:2] <= hand[:2] + 1).all() and (crop[2:] >= hand[2:] - 1).all()
    assert len(starts) > 5 and usual < 15  # crops differ, and usual ones often miss the hand


def test_pixels_and_keys_are_those_of_the_usual_crop(store, monkeypatch):
    """The usual transforms, made to draw the same start, give the same sample."""
    ours = run(HandFocusedCrop((256, 320), 224), sample(store), 3)
    draws = iter([ours['short_edge'], *ours['crop_bbox'][1::-1]])  # short side, y, x
    monkeypatch.setattr(np.random, 'randint', lambda *range_of_draw: next(draws))
    usual = run(RandomRescaleCrop((256, 320), 224), sample(store), 3)
    assert ours.keys() == usual.keys()
    for key in ours.keys() - {'target_stores', 'imgs'}:
        np.testing.assert_array_equal(ours[key], usual[key], err_msg=key)
        assert np.asarray(ours[key]).dtype == np.asarray(usual[key]).dtype
    np.testing.assert_array_equal(np.stack(ours['imgs']), np.stack(usual['imgs']))


@pytest.mark.parametrize(
    'case',
    [dict(video='none'), dict(video='absent'), dict(store=None), dict(frames=(8, 9))],
    ids=str,
)
@pytest.mark.parametrize('seed', range(3))
def test_without_hands_it_is_the_usual_crop(store, case, seed):
    case = dict(dict(store=store), **case)
    ours = run(HandFocusedCrop((256, 320), 224), sample(**case), seed)
    usual = run(RandomRescaleCrop((256, 320), 224), sample(**case), seed)
    assert ours['short_edge'] == usual['short_edge']
    np.testing.assert_array_equal(ours['crop_bbox'], usual['crop_bbox'])
    np.testing.assert_array_equal(np.stack(ours['imgs']), np.stack(usual['imgs']))


def test_share_of_the_samples(store):
    def focused(prob):
        step, right = HandFocusedCrop((128, 160), 96, prob=prob), 0
        for seed in range(200):
            crop = run(step, sample(store, frames=(5,)), seed)['crop_bbox']
            right += crop[0] > 60  # the hand is at the right border: x from 136 on at least
        return right / 200

    always, never, half = (focused(prob) for prob in (1, 0, 0.5))
    assert always == 1 and never < 0.6
    assert abs(half - (always + never) / 2) < 0.15


def test_a_store_of_its_own(store):
    step = HandFocusedCrop((128, 160), 96, store=store)
    for seed in range(10):
        assert run(step, sample(None), seed)['crop_bbox'][0] <= 1  # the hand at the left border
    copy.deepcopy(step)


def test_options(tmp_path):
    with pytest.raises(ValueError, match='^HandFocusedCrop: prob must be from 0 to 1, got 2'):
        HandFocusedCrop((128, 160), 96, prob=2)
    with pytest.raises(TargetStoreError, match='no such target store folder'):
        HandFocusedCrop((128, 160), 96, store=str(tmp_path / 'none'))


def test_draw_start():
    # [10, 30] in a crop of 50 out of 100: starts from 0 (not -20) to 10
    assert {draw_start(10, 30, 100, 50) for _ in range(200)} == set(range(11))
    # [80, 100]: 50 at the latest
    assert {draw_start(80, 100, 100, 50) for _ in range(50)} == {50}
    # [10.5, 90] is larger than the crop, which lies in it: 10.5 to 40
    assert {draw_start(10.5, 90, 100, 50) for _ in range(500)} == set(range(11, 41))
    # a hand as wide as the crop, between two pixels
    assert draw_start(10.5, 60.5, 100, 50) == 11
    assert draw_start(0, 50, 50, 50) == 0


def focused_config(store):
    """The fine-tuning pipeline with maps on a video, with crops around hands."""
    base = Config.fromfile(CONFIGS / '_egoexo_base_/datasets/ego4d_fho.py')
    steps = [
        step
        for step in base.star_train_pipeline
        if step['type'] not in ('SeedAugmentations', 'ClipReaderInit', 'TrimSegment')
    ]
    names = [step['type'] for step in steps]
    steps[names.index('RandomRescaleCrop')].update(type='HandFocusedCrop', store=store)
    steps[-1] = dict(type='PackActionInputs', algorithm_keys=('interaction_map',))
    return Config(dict(train_pipeline=[dict(type='DecordInit'), *steps]))


def test_maps_follow_the_crop(painted):  # noqa: F811
    """The painted rectangles again, with crops around the painted hand."""
    video, store = painted
    cfg = focused_config(store)
    check_maps(painted, cfg, 'train_pipeline')
    chain = build(cfg, 'train_pipeline', store)
    for seed in range(10):
        np.random.seed(seed)
        random.seed(seed)
        packed = chain(dict(filename=video, label=0, start_index=0, modality='RGB', sample_idx=0))
        assert packed['data_samples'].interaction_map[0].max() > 0  # a hand in every crop


def test_the_documented_option():
    text = (CONFIGS.parent / 'docs/finetuning.md').read_text()
    text = text[text.index('Crops around hands') :]
    config, option = re.search(r'`(configs/\S+)`[^:]*:\s+`(\S+)=HandFocusedCrop`', text).groups()
    cfg = Config.fromfile(CONFIGS.parent / config)
    before = [step['type'] for step in cfg.train_dataloader.dataset.pipeline]
    cfg.merge_from_dict({option: 'HandFocusedCrop'})
    steps = cfg.train_dataloader.dataset.pipeline
    changed = [(old, step['type']) for old, step in zip(before, steps) if old != step['type']]
    assert changed == [('RandomRescaleCrop', 'HandFocusedCrop')]
    step = TRANSFORMS.build(next(step for step in steps if step['type'] == 'HandFocusedCrop'))
    assert isinstance(step, HandFocusedCrop) and step.prob == 1
