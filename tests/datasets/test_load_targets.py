import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms import TrackGeometry
from egoexo_mm.datasets.transforms.geometry import view_geometry
from egoexo_mm.targets import HAND, OBJECT, Manifest, MissingVideoError, StoreWriter


@pytest.fixture(scope='module')
def stores(tmp_path_factory):
    """A hand in the left half of even frames, an object in the lower right quarter of frame 3."""
    root = tmp_path_factory.mktemp('stores')
    for kind, scores in (('logits', [2.0, -1.0]), ('probabilities', [0.25, 0.75])):
        manifest = Manifest(
            signal='ego_score', dataset='test', teacher='hand-made', score_kind=kind, num_scores=2
        )
        with StoreWriter(str(root / kind), manifest) as writer:
            writer.add_scores('video', np.array(scores))
    with StoreWriter(
        str(root / 'maps'), Manifest(signal='interaction', dataset='test', teacher='hand-made')
    ) as writer:
        writer.add_detections(
            'video',
            frame=np.array([0, 2, 4, 6, 3]),
            score=np.array([0.5, 0.5, 0.5, 0.5, 0.75]),
            box=np.array([[0, 0, 0.49, 1]] * 4 + [[0.51, 0.51, 1, 1]]),
            kind=np.array([HAND] * 4 + [OBJECT]),
            num_frames=8,
            fps=30,
        )
    return root


def clip(frames, **extra):
    frames = np.asarray(frames)
    return dict(
        frame_inds=frames,
        start_index=0,
        num_clips=1,
        clip_len=len(frames),
        total_frames=8,
        avg_fps=30.0,
        imgs=[np.zeros((64, 64, 3), np.uint8)] * len(frames),
        img_shape=(64, 64),
        modality='RGB',
        filename='somewhere/video.mp4',
        **extra,
    )


def load(results, stores, **options):
    options = dict(dict(time_stride=1, cell_size=32), **options)
    return Compose(
        [dict(type='TrackGeometry'), dict(type='LoadTargets', stores=stores, **options)]
    )(results)


def test_maps_of_a_clip(stores):
    maps = load(clip([0, 1, 3, 3]), dict(interaction_map=str(stores / 'maps')))['interaction_map']
    left, quarter = [[0.5, 0], [0.5, 0]], [[0, 0], [0, 0.75]]
    nothing = [[0, 0], [0, 0]]
    assert maps.tolist() == [
        [left, nothing, nothing, nothing],
        [nothing, nothing, quarter, quarter],
    ]  # frame 3 twice


def test_maps_at_the_slow_frames(stores):
    frames = np.arange(8)
    maps = load(clip(frames), dict(interaction_map=str(stores / 'maps')), time_stride=4)[
        'interaction_map'
    ]
    assert maps[0, :, 0, 0].tolist() == [0.5, 0]  # linspace: frames 0 and 7
    maps = load(
        clip(frames),
        dict(interaction_map=str(stores / 'maps')),
        time_stride=4,
        frame_sampling='stride',
    )
    assert maps['interaction_map'][0, :, 0, 0].tolist() == [0.5, 0.5]  # frames 0 and 4


def test_frame_numbers_that_start_at_one(stores):
    results = clip([1, 2], filename_tmpl='x')
    results['start_index'] = 1
    assert load(results, dict(interaction_map=str(stores / 'maps')))['interaction_map'][
        0, :, 0, 0
    ].tolist() == [0.5, 0]


def test_scores_are_always_logits(stores):
    assert load(clip([0]), dict(ego_score=str(stores / 'logits')))['ego_score'].tolist() == [2, -1]
    found = load(clip([0]), dict(ego_score=str(stores / 'probabilities')))['ego_score']
    torch.testing.assert_close(found.softmax(0), torch.tensor([0.25, 0.75]))


def test_missing_video(stores):
    results = clip([0])
    results['filename'] = 'unknown.mp4'
    with pytest.raises(MissingVideoError, match='unknown'):
        load(dict(results), dict(ego_score=str(stores / 'logits')))
    found = load(dict(results), dict(ego_score=str(stores / 'logits')), missing='skip')
    assert 'ego_score' not in found and 'keypoint' not in found


def test_probe_survives_every_order_of_transforms():
    """Crop after flip, flip after crop, two flips: the point of the source frame is found again."""
    u = np.array([0.3, 0.8])
    for steps in (
        [dict(type='Flip', flip_ratio=1.0), dict(type='RandomCrop', size=32)],
        [dict(type='RandomCrop', size=32), dict(type='Flip', flip_ratio=1.0)],
        [
            dict(type='Flip', flip_ratio=1.0),
            dict(type='CenterCrop', crop_size=40),
            dict(type='Flip', flip_ratio=1.0),
        ],
        [dict(type='Resize', scale=(100, 50), keep_ratio=False), dict(type='RandomResizedCrop')],
    ):
        results = TrackGeometry()(clip([0]))
        pipeline = Compose([TRANSFORMS.build(step) for step in steps])
        results['keypoint'] = np.concatenate(
            [results['keypoint'], (u * 64)[None, None, None]], axis=2
        )
        results['imgs'] = [frame.copy() for frame in results['imgs']]
        results = pipeline(results)
        followed = results['keypoint'][0, 0, 2]
        results['keypoint'] = results['keypoint'][:, :, :2]
        scale, offset = view_geometry(results)
        np.testing.assert_allclose(
            (scale * u + offset[0]) * results['img_shape'][::-1], followed, rtol=1e-5, atol=1e-4
        )


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(missing='drop'), "missing must be 'error' or 'skip'"),
        (dict(time_stride=3), 'time_stride 3 does not divide the clip length 4'),
        (dict(outside='keep'), "'drop' or 'border'"),
        (dict(frame_sampling='mean'), "'linspace' or 'stride'"),
    ],
)
def test_bad_options(stores, options, message):
    with pytest.raises(ValueError, match=message):
        load(clip([0, 1, 2, 3]), dict(interaction_map=str(stores / 'maps')), **options)


def test_geometry_must_be_tracked(stores):
    steps = Compose(
        [dict(type='LoadTargets', stores=dict(interaction_map=str(stores / 'maps')), time_stride=1)]
    )
    with pytest.raises(KeyError, match='TrackGeometry.*right after the decoding transform'):
        steps(clip([0]))
    with pytest.raises(KeyError, match='after the decoding transform'):
        TrackGeometry()({})
    with pytest.raises(ValueError, match='already has keypoints'):
        TrackGeometry()(dict(img_shape=(4, 4), keypoint=np.zeros((1, 1, 2, 2))))


def test_ten_crops_are_refused(stores):
    steps = Compose(
        [
            dict(type='TrackGeometry'),
            dict(type='TenCrop', crop_size=32),
            dict(
                type='LoadTargets', stores=dict(interaction_map=str(stores / 'maps')), time_stride=1
            ),
        ]
    )
    with pytest.raises(NotImplementedError, match='not TenCrop'):
        steps(clip([0]))


def test_boxes_outside_the_crop(stores):
    for outside, lit in (('drop', False), ('border', True)):
        steps = Compose(
            [
                dict(type='TrackGeometry'),
                dict(
                    type='LoadTargets',
                    stores=dict(interaction_map=str(stores / 'maps')),
                    time_stride=1,
                    cell_size=16,
                    outside=outside,
                ),
            ]
        )
        results = clip([3])
        results = TrackGeometry()(results)
        results['keypoint'] = (
            results['keypoint'] * 1.0
        )  # the crop is the upper left quarter: the object lies outside
        results['img_shape'] = (32, 32)
        maps = steps.transforms[1](results)['interaction_map']
        assert bool(maps[1].any()) == lit


# -- frames of 2D recognizers -----------------------------------------------------------------


@pytest.mark.parametrize(
    'sampler, frames',
    [
        (dict(type='SampleFrames', clip_len=1, num_clips=4, test_mode=True), [[1, 3, 5, 7]]),
        (
            dict(type='SampleFrames', clip_len=1, num_clips=4, twice_sample=True, test_mode=True),
            [[1, 3, 5, 7], [0, 2, 4, 6]],
        ),
        (
            dict(
                type='DenseSampleFrames',
                clip_len=1,
                num_clips=4,
                sample_range=4,
                num_sample_positions=2,
                test_mode=True,
            ),
            [[0, 1, 2, 3], [4, 5, 6, 7]],
        ),
    ],
    ids=['evenly', 'twice', 'densely'],
)
def test_the_clips_of_a_2d_recognizer_are_one(stores, sampler, frames):
    """One map a view, of all its frames in order, as Recognizer2D sees them."""
    results = TRANSFORMS.build(sampler)(dict(clip([0]), frame_inds=None))
    assert results['frame_inds'].reshape(len(frames), -1).tolist() == frames
    results['imgs'] = [np.zeros((64, 64, 3), np.uint8)] * len(results['frame_inds'])
    maps = load(results, dict(interaction_map=str(stores / 'maps')), join_clips=True)[
        'interaction_map'
    ]
    maps = maps if maps.dim() == 5 else maps[None]
    lit = [[int(t) for t in np.flatnonzero(view[0, :, 0, 0])] for view in maps]
    assert lit == [[i for i, frame in enumerate(view) if frame % 2 == 0] for view in frames]


def test_every_second_frame_of_a_2d_recognizer(stores):
    """TSM with temporal pooling makes half as many maps."""
    results = dict(clip([0, 1, 2, 3]), num_clips=4, clip_len=1)
    options = dict(join_clips=True, time_stride=2, frame_sampling='stride')
    found = load(results, dict(interaction_map=str(stores / 'maps')), **options)['interaction_map']
    assert found.shape == (2, 2, 2, 2) and found[0, :, 0, 0].tolist() == [0.5, 0.5]  # frames 0, 2
