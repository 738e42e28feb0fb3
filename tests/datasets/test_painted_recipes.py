"""Painted rectangles light up their cells through mixup, cutmix, erasing and repeated clips."""

import random

import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS, TRANSFORMS
from mmcv.transforms import Compose
from mmengine.dataset import pseudo_collate
from mmengine.registry import FUNCTIONS

import egoexo_mm  # noqa: F401
from tests.datasets.test_painted_rectangle import CHANNEL, SCORES, painted, touched  # noqa: F401

SIDE, CELL, STRIDE = 112, 16, 2  # tokens of a ViT


def steps(store=None, *extra):
    targets = dict(stores=dict(interaction_map=store)) if store else {}
    return [
        dict(type='ClipReaderInit'),
        dict(type='SampleTimeWindow', clip_len=8, frame_interval=2),
        dict(type='DecordDecode'),
        dict(type='TrackGeometry'),
        dict(type='RandomResizedCrop', area_range=(0.5, 1.0)),
        dict(type='Resize', scale=(SIDE, SIDE), keep_ratio=False, interpolation='area'),
        dict(type='Flip', flip_ratio=0.5),
        *extra,
        dict(
            type='LoadTargets',
            time_stride=STRIDE,
            frame_sampling='stride',
            cell_size=CELL,
            **targets,
        ),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs', algorithm_keys=('interaction_map',)),
    ]


def seed_all(seed):
    np.random.seed(seed)
    random.seed(seed)
    torch.manual_seed(seed)


def sample(chain, video):
    return chain(dict(filename=video, label=0, start_index=0, modality='RGB', sample_idx=0))


def check_cells(pixels, maps, own, counts):
    """``own``: (grid) share of a clip, whose rectangles have that share of 255 and of the score."""
    for kind, t in np.ndindex(maps.shape[:2]):
        seen = pixels[CHANNEL[kind], t * STRIDE]
        inside, near = touched(seen > 127, maps.shape[2:], -2), touched(seen > 4, maps.shape[2:], 3)
        expected = SCORES[kind] * own
        np.testing.assert_allclose(maps[kind, t][inside], expected[inside], atol=1e-6)
        assert (maps[kind, t][~near] == 0).all()
        counts += [inside.sum(), (~near).sum()]


@pytest.mark.parametrize('kind', ['MixupBlending', 'CutmixBlending'])
def test_blended_clips(painted, kind):  # noqa: F811
    video, store = painted
    chain = Compose(steps(store))
    blending = dict(type=kind, num_classes=2, alpha=1.0)
    preprocess = MODELS.build(
        dict(type='EgoExoDataPreprocessor', blending=blending, format_shape='NCTHW')
    )
    head = MODELS.build(dict(type='InteractionMapHead', in_channels=2))
    head.losses = lambda pred, target, num_clips: target  # what the loss gets
    counts, mixed = np.zeros(2, int), 0
    for seed in range(6):
        seed_all(seed)
        clips = [sample(chain, video) for _ in range(4)]
        plain = [clip['inputs'][0].float().numpy() for clip in clips]
        before = [clip['data_samples'].interaction_map.numpy() for clip in clips]
        data = preprocess(pseudo_collate(clips), training=True)
        blend = data['data_samples'][0].blend
        grid = before[0].shape[1:]
        maps = head.loss(torch.zeros(4, 2, *grid), data['data_samples']).numpy()
        for i, partner in enumerate(blend.partners):
            pixels = data['inputs'][i, 0].numpy()
            if kind == 'MixupBlending':
                shown = blend.own * plain[i] + (1 - blend.own) * plain[partner]
                np.testing.assert_allclose(pixels, shown, atol=1e-3)
                own = np.full(grid[1:], blend.own)
            else:
                x1, y1, x2, y2 = (round(side * SIDE) for side in blend.box)
                outside = np.ones((SIDE, SIDE), bool)
                outside[y1:y2, x1:x2] = False
                assert np.array_equal(pixels, np.where(outside, plain[i], plain[partner]))
                cells = outside.reshape(grid[1], CELL, grid[2], CELL)
                own = cells.mean((1, 3))
                mixed += ((own > 0) & (own < 1)).sum()
            # what each of both clips adds to the map, by the rectangles in its pixels
            rest = maps[i] - (1 - own) * before[partner]
            check_cells(plain[i], rest.round(6) + 0.0, own, counts)
            rest = maps[i] - own * before[i]
            check_cells(plain[partner], rest.round(6) + 0.0, 1 - own, counts)
            if kind == 'CutmixBlending':  # and the blended picture itself, in cells of one clip
                one = (own == 0) | (own == 1)
                for channel, t in np.ndindex(maps[i].shape[:2]):
                    seen = pixels[CHANNEL[channel], t * STRIDE] > 127
                    inside = touched(seen, grid[1:], -2) & one
                    assert (maps[i][channel, t][inside] == np.float32(SCORES[channel])).all()
    assert (counts > 200).all() and (mixed > 20 or kind == 'MixupBlending')


def test_erasing_and_colours_leave_maps(painted):  # noqa: F811
    video, store = painted
    plain = Compose(steps(store))
    erased = Compose(
        steps(
            store,
            dict(type='ClipRandAugment', prob=1.0),
            dict(type='RandomErasing', erase_prob=1.0, mode='rand'),
        )
    )
    changed = lit = 0
    for seed in range(5):
        results = []
        for chain in (plain, erased):
            seed_all(seed)
            results.append(sample(chain, video))
        maps = [result['data_samples'].interaction_map for result in results]
        assert torch.equal(*maps)
        lit += (maps[0] > 0).sum()
        changed += (results[0]['inputs'] != results[1]['inputs']).float().mean()
    assert lit > 20 and changed > 1


def dataset(video, store, root, **options):
    (root / 'list.txt').write_text(f'{video} 1\n')
    pipeline = [dict(type='SeedAugmentations'), *options.pop('pipeline', steps())]
    return DATASETS.build(
        dict(
            dict(
                type='VideoTargetDataset',
                ann_file=str(root / 'list.txt'),
                data_prefix=dict(video=''),
                pipeline=pipeline,
                targets=dict(interaction_map=store),
            ),
            **options,
        )
    )


@pytest.mark.parametrize('sample_once', [False, True])
def test_repeated_clips_have_targets_of_their_own(painted, tmp_path, sample_once):  # noqa: F811
    video, store = painted
    data = dataset(video, store, tmp_path, num_repeats=3, sample_once=sample_once)
    reads = []
    decoder = data.pipeline.transforms[3]
    decode = decoder.transform
    decoder.transform = lambda results: reads.append(results['frame_inds']) or decode(results)
    counts, seen = np.zeros(2, int), set()
    for epoch in range(4):
        data.pipeline.transforms[0].set_epoch(0, epoch)
        clips = data[0]
        assert len(clips) == 3 and len(reads) == epoch + 1  # decoded once
        assert len(set(reads[-1])) == len(reads[-1])  # each frame once
        for clip in clips:
            maps = clip['data_samples'].interaction_map.numpy()
            check_cells(clip['inputs'][0].numpy(), maps, np.ones(maps.shape[2:]), counts)
            seen.add(maps.tobytes())
        again = data[0]
        for one, two in zip(clips, again):  # draws depend on seed, epoch and sample
            assert torch.equal(one['inputs'], two['inputs'])
        reads.pop()
    assert (counts > 100).all() and len(seen) >= 10
    batch = FUNCTIONS.get('repeat_pseudo_collate')([clips, again])
    assert len(batch['inputs']) == len(batch['data_samples']) == 6


def test_repeats_are_the_clips_of_single_draws(painted, tmp_path):  # noqa: F811
    """Frames that clips share are decoded once and not shared: the first clip is a lone one's."""
    video, store = painted
    whole = [
        step if step['type'] != 'SampleTimeWindow' else dict(step, frame_interval=7)
        for step in steps()
        if step['type'] not in ('RandomResizedCrop', 'Flip')
    ]  # the window is the video, so that every clip has the same frames
    flip = dict(type='Flip', flip_ratio=1.0)  # in place, in the frames themselves
    whole.insert(4, flip)
    lone = dataset(video, store, tmp_path, pipeline=whole)[0]
    clips = dataset(video, store, tmp_path, pipeline=whole, num_repeats=2)[0]
    for clip in clips:
        assert torch.equal(clip['inputs'], lone['inputs'])
        maps = [one['data_samples'].interaction_map for one in (clip, lone)]
        assert torch.equal(*maps) and maps[0].any()


def test_repeats_of_a_broken_video(painted, tmp_path):  # noqa: F811
    """Another video takes its place, with as many clips."""
    video, store = painted
    (tmp_path / 'broken.avi').write_bytes(b'no video')
    (tmp_path / 'two.txt').write_text(f'{tmp_path}/broken.avi 0\n{video} 1\n')
    data = dataset(
        video,
        store,
        tmp_path,
        num_repeats=2,
        ann_file=str(tmp_path / 'two.txt'),
        broken_videos='skip',
        max_broken_share=1.0,
        missing_targets='skip',
        lazy_init=True,
    )
    data.full_init()
    clips = data[0]
    assert [clip['data_samples'].gt_label.item() for clip in clips] == [1, 1]
    assert all('interaction_map' in clip['data_samples'] for clip in clips)


def test_pipelines_that_cannot_repeat(painted, tmp_path):  # noqa: F811
    video, store = painted
    with pytest.raises(ValueError, match='num_repeats needs a pipeline with one of DecordDecode'):
        dataset(video, store, tmp_path, pipeline=steps()[:2], num_repeats=2)[0]
    with pytest.raises(ValueError, match='needs a transform that samples frames before decoding'):
        dataset(video, store, tmp_path, pipeline=[*steps()[:1], steps()[2]], num_repeats=2)[0]
    with pytest.raises(ValueError, match='num_repeats must be 1 or more in training and 1 in test'):
        dataset(video, store, tmp_path, num_repeats=2, test_mode=True)


def gradient():
    """A picture whose rows and columns all differ."""
    y, x = np.mgrid[:24, :32]
    return np.stack([5 * y + 60, 4 * x + 50, 3 * (x + y) + 20], -1).astype(np.uint8)


def test_colour_operations_keep_pixels_in_place():
    """Equal pixels stay equal under each operation that looks at one pixel at a time."""
    from PIL import Image

    from egoexo_mm.datasets.transforms.rand_augment import COLOR_OPS, GEOMETRIC_OPS

    img = gradient()
    img[10:20, 8:16] = (200, 30, 90)
    for name, make in COLOR_OPS.items():
        for sign in (-1, 1):
            out = np.asarray(make(0.7, sign)(Image.fromarray(img)))
            inside = out[11:19, 9:15].reshape(-1, 3)  # sharpness looks at neighbours
            assert out.shape == img.shape and (inside == inside[0]).all(), name
            assert (out != img).any() or name == 'auto_contrast', name
    by_hand = {  # of 200, 30, 90 at magnitude 7
        'invert': (55, 225, 165),
        'posterize': (192, 0, 64),  # 4 - int(2.8) = 2 bits
        'solarize': (55, 30, 165),  # 256 - int(179.2) = 77 and above are inverted
        'solarize_add': (200, 107, 167),  # + int(77.0) below 128
        'brightness': (74, 11, 33),  # x 0.37, rounded down
    }
    for name, expected in by_hand.items():
        out = np.asarray(COLOR_OPS[name](0.7, -1)(Image.fromarray(img)))
        assert tuple(out[15, 12]) == expected, name
    for name, make in GEOMETRIC_OPS.items():
        moved = np.asarray(make(0.7, 1)(Image.fromarray(img)))
        assert (moved[11:19, 9:15] != img[11:19, 9:15]).any(), name


def test_rand_augment_of_a_clip():
    op = TRANSFORMS.build(dict(type='ClipRandAugment', num_layers=2, prob=1.0))
    frames = [gradient() for _ in range(3)]
    outs = []
    for seed in (0, 0, 1, 2, 3):
        random.seed(seed)
        out = op(dict(imgs=list(frames)))['imgs']
        assert all(np.array_equal(out[0], img) for img in out)  # the same for all frames
        assert all(img.flags.writeable and img.dtype == np.uint8 for img in out)
        outs.append(out[0])
    assert np.array_equal(outs[0], outs[1]) and len({out.tobytes() for out in outs}) >= 4
    assert np.array_equal(frames[0], gradient())  # the input is not written to
    never = TRANSFORMS.build(dict(type='ClipRandAugment', prob=0.0))
    assert np.array_equal(never(dict(imgs=list(frames)))['imgs'][0], frames[0])


def test_warps_are_refused_where_boxes_follow(painted):  # noqa: F811
    video, store = painted
    warp = dict(type='ClipRandAugment', geometric=True)
    with pytest.raises(ValueError, match='cannot follow boxes through that; set geometric=False'):
        sample(Compose(steps(store, warp)), video)
    without = [s for s in steps(None, warp) if s['type'] not in ('TrackGeometry', 'LoadTargets')]
    assert sample(Compose(without), video)['inputs'].shape == (1, 3, 8, SIDE, SIDE)
