import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

import egoexo_mm  # noqa: F401
from egoexo_mm.models.teachers.detection_columns import store_columns
from egoexo_mm.models.teachers.mmdet_model import build_detector, image_scaling, load_weights
from egoexo_mm.targets import HAND, OBJECT, StoreWriter, TargetStore
from tests.teachers.tiny_detector import CONFIG, load_config, write_weights

SIZE = (61, 83)  # scaled to 96 x 131, which a pyramid pads to 96 x 160


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp('weights')
    return {
        variant: write_weights(folder / f'{variant}.pth', variant)
        for variant in ('model', 'pyramid')
    }


@pytest.fixture
def warnings(monkeypatch):
    found = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', found.append)
    return found


def build(weights, variant='model', **options):
    return MODELS.build(
        dict(
            type='HandObjectTeacher',
            detector=load_config(variant).to_dict(),
            checkpoint=str(weights[variant]),
            **options,
        )
    )


def images(n, size=SIZE, seed=0):
    """(n, 3, H, W) uint8 blotches."""
    coarse = torch.rand(n, 3, 6, 8, generator=torch.Generator().manual_seed(seed)) * 255
    return torch.nn.functional.interpolate(coarse, size=size).to(torch.uint8)


def see(teacher, pixels):
    return teacher.infer(teacher.prepare(pixels)[:, None], tuple(pixels.shape[-2:]))


def mmdet_results(variant, weights, path, thresholds):
    """One image file through the detector's own test pipeline."""
    from mmdet.registry import TRANSFORMS

    cfg = load_config(variant)
    cfg.model.test_cfg.rcnn.score_thr = thresholds
    detector = build_detector(cfg)
    load_weights(detector, weights[variant])
    data = dict(img_path=str(path), img_id=0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        for step in cfg.test_pipeline:
            data = TRANSFORMS.build(step)(data)
    data = dict(inputs=[data['inputs']], data_samples=[data['data_samples']])
    with torch.no_grad():
        return detector.eval().test_step(data)[0].pred_instances


@pytest.mark.parametrize('variant', ['model', 'pyramid'])
def test_equals_the_detectors_test_pipeline(weights, variant, tmp_path):
    teacher = build(weights, variant, hand_score_thr=0.1, object_score_thr=0.2)
    pixels = images(2)
    found = see(teacher, pixels)  # one batch
    for i, image in enumerate(pixels):
        cv2.imwrite(str(tmp_path / 'a.png'), image.permute(1, 2, 0).numpy()[..., ::-1])
        expected = mmdet_results(
            variant, weights, tmp_path / 'a.png', thresholds=[0.2, 0.1]
        )  # object, hand
        assert len(expected) > 3
        height, width = SIZE
        close = dict(atol=1e-3, rtol=0)
        np.testing.assert_allclose(
            found[i]['box'] * [width, height, width, height], expected.bboxes, **close
        )
        np.testing.assert_allclose(found[i]['score'], expected.scores, **close)
        hand = expected.labels.numpy() == 1
        assert (found[i]['kind'] == np.where(hand, HAND, OBJECT)).all()
        assert (found[i]['side'] == np.where(hand, expected.side, -1)).all()
        assert (found[i]['contact'] == np.where(hand, expected.contact_state, -1)).all()
    assert {0, 1} <= set(np.concatenate([image['kind'] for image in found]))


def test_padding_and_normalisation(weights):
    teacher = build(weights, 'pyramid')
    grey = teacher.prepare(torch.full((1, 3, 48, 50), 130, dtype=torch.uint8))
    assert grey.shape == (1, 3, 96, 128)  # 96 x 100 up to a multiple of 32
    torch.testing.assert_close(
        grey[0, :, 50, 50],
        (130 - torch.tensor([123.675, 116.28, 103.53])) / torch.tensor([58.395, 57.12, 57.375]),
    )  # RGB
    assert (grey[..., 100:] == 3).all() and not (grey[..., 99] == 3).any()
    bgr = build(weights).prepare(torch.tensor([10.0, 20, 30]).view(1, 3, 1, 1).expand(1, 3, 48, 50))
    torch.testing.assert_close(
        bgr[0, :, 0, 0], torch.tensor([30 - 102.9801, 20 - 115.9465, 10 - 122.7717])
    )


def test_columns():
    """Frame 80 x 64, magnitude 0.02, direction (0.06, 0.08).

    10000 x 0.02 x (0.06, 0.08) = (12, 16) pixels.
    """
    found = InstanceData(
        bboxes=torch.tensor([[8.0, 16, 40, 32]] * 4),
        scores=torch.tensor([0.9, 0.8, 0.7, 0.6]),
        labels=torch.tensor([1, 1, 1, 0]),
        side=torch.tensor([1, 0, 1, 1]),
        contact_state=torch.tensor([3, 0, 1, 3]),
        offset=torch.tensor(
            [[0.02, 0.06, 0.08], [0.02, 0.06, 0.08], [2, 0.06, 0.08], [0.02, 0.06, 0.08]]
        ),
    )
    empty = found[:0]
    columns, nothing = store_columns([found, empty], (64, 80))
    np.testing.assert_allclose(columns['box'], [[0.1, 0.25, 0.5, 0.5]] * 4)
    assert columns['kind'].tolist() == [HAND, HAND, HAND, OBJECT]
    assert columns['side'].tolist() == [1, 0, 1, -1]
    assert columns['contact'].tolist() == [3, 0, 1, -1]
    np.testing.assert_allclose(
        columns['offset'], [[0.15, 0.25], [np.nan] * 2, [1, 1], [np.nan] * 2]
    )
    assert nothing['box'].shape == (0, 4) and nothing['offset'].shape == (0, 2)


def test_thresholds_are_per_kind(weights):
    strict = see(build(weights, hand_score_thr=0.999, object_score_thr=0.1), images(1))[0]
    loose = see(build(weights, hand_score_thr=0.1, object_score_thr=0.1), images(1))[0]
    assert set(loose['kind']) == {HAND, OBJECT} and set(strict['kind']) == {OBJECT}


def test_images_that_scale_alike_do_not_share_a_batch(weights):
    teacher = build(weights)
    one, two = (teacher.prepare(torch.zeros(1, 3, *size)) for size in ((48, 60), (96, 120)))
    assert one.shape == two.shape
    assert teacher.batch_key(one, (48, 60)) != teacher.batch_key(two, (96, 120))
    assert teacher.batch_key(one, (48, 60)) == teacher.batch_key(one, [48, 60])


@pytest.mark.parametrize(
    'frames, stride', [([0, 4, 8], 4), ([0, 6, 9], 3), ([0, 1, 2], 1), ([0, 8, 24], 8)]
)
def test_rows_fill_a_store(weights, frames, stride, tmp_path):
    teacher = build(weights)
    results = see(teacher, images(3))
    row = teacher.row(results, np.array(frames)[:, None])
    assert row['frame_stride'] == stride
    with StoreWriter(tmp_path, teacher.manifest('toy')) as writer:
        writer.add_detections('v', **row, num_frames=30)
    store = TargetStore(tmp_path)
    assert (
        store.manifest.teacher == 'hand_object_detector'
        and store.manifest.weights_sha256 == teacher.weights_sha256
    )
    found = store.detections('v', frames)
    assert found.slot.tolist() == [i for i, result in enumerate(results) for _ in result['score']]
    np.testing.assert_array_equal(found.box, np.concatenate([result['box'] for result in results]))
    np.testing.assert_allclose(
        found.offset, np.concatenate([result['offset'] for result in results]), rtol=5e-4
    )


def test_settings_in_the_manifest(weights):
    one, two = build(weights), build(weights, hand_score_thr=0.5, short_side=64)
    assert one.manifest('toy').notes == (
        'hand_score_thr = 0.1; object_score_thr = 0.1; short_side = 96; max_long_side = 160'
    )
    assert one.manifest('toy').differences(two.manifest('toy')) == [
        "hand_score_thr is '0.1', not '0.5'",
        "short_side is '96', not '64'",
        "max_long_side is '160', not 'None'",
    ]


def test_one_frame_stands_for_the_video(weights, tmp_path):
    teacher = build(weights)
    result = see(teacher, images(1))
    with StoreWriter(tmp_path, teacher.manifest('toy')) as writer:
        writer.add_detections('v', **teacher.row(result, np.array([[0]])), num_frames=5)
    assert len(TargetStore(tmp_path).detections('v', [0, 3, 4])) == 3 * len(result[0]['score']) > 0


def test_every_second_slow_frame(weights):
    """8 frames, slow frames 0, 2, 4, 7: 0 and 4 are seen, 2 and 7 take the nearest, ties up."""
    clip = images(8, (64, 64)).transpose(0, 1)[None].float()
    (full,) = build(weights, time_stride=2).targets(clip)
    (half,) = build(weights, time_stride=2, every=2).targets(clip)
    assert full.shape == half.shape == (2, 4, 2, 2)
    assert not torch.equal(full[:, 1], full[:, 2])
    torch.testing.assert_close(half, full[:, [0, 2, 2, 2]])


def test_detector_calls_are_bounded(weights):
    teacher = build(weights, time_stride=1, batch_size=3)
    sizes = []
    teacher.detector.backbone.register_forward_pre_hook(
        lambda module, args: sizes.append(len(args[0]))
    )
    clips = images(8, (64, 64)).unflatten(0, (2, 4)).transpose(1, 2).float()
    maps = teacher.targets(clips)
    assert sizes == [3, 3, 2]
    torch.testing.assert_close(
        maps[1], build(weights, time_stride=1).targets(clips[1:])[0], atol=1e-4, rtol=0
    )


def test_clip_length_must_divide(weights):
    with pytest.raises(ValueError, match='time_stride 4 does not divide the clip length 6'):
        build(weights).targets(torch.zeros(1, 3, 6, 64, 64))


def test_it_is_frozen(weights):
    teacher = build(weights).train()
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())


def test_scaling_is_that_of_the_config(weights):
    pixels = torch.zeros(1, 3, 48, 120)
    assert build(weights).prepare(pixels).shape[-2:] == (64, 160)  # short 96, long 160 at most
    assert build(weights, short_side=96).prepare(pixels).shape[-2:] == (96, 240)
    assert build(weights, short_side=96, max_long_side=180).prepare(pixels).shape[-2:] == (72, 180)
    assert image_scaling(
        Config(dict(test_pipeline=[dict(type='Resize', scale=(1333, 800), keep_ratio=True)]))
    ) == dict(short_side=800, max_long_side=1333)
    assert image_scaling(Config(dict(model={}))) == dict(short_side=600, max_long_side=1000)
    for step in (dict(type='Resize', scale=(8, 8)), dict(type='LoadImageFromFile')):
        with pytest.raises(ValueError, match='has neither ScaleImage nor Resize .* set short_side'):
            image_scaling(Config(dict(test_pipeline=[step])))


def test_bad_files(weights, tmp_path):
    def teacher(detector, checkpoint):
        return MODELS.build(
            dict(type='HandObjectTeacher', detector=detector, checkpoint=str(checkpoint))
        )

    with pytest.raises(ValueError, match=r'nowhere.py is not a file; expected the mmdet config'):
        teacher(str(tmp_path / 'nowhere.py'), weights['model'])
    with pytest.raises(
        ValueError, match=r'nowhere.pth is not a file; expected a PyTorch checkpoint'
    ):
        teacher(str(CONFIG), tmp_path / 'nowhere.pth')
    with pytest.raises(
        ValueError,
        match=r'pyramid.pth: its weights do not fit: \d+ unknown keys '
        r'\(backbone.layer4.0.conv1.weight, .*give the config it was trained with',
    ):
        teacher(str(CONFIG), weights['pyramid'])
    with pytest.raises(ValueError, match='expected an mmdet config whose model has test_cfg.rcnn'):
        teacher(dict(model=dict(type='RTMDet')), weights['model'])
    plain = load_config()
    plain.model.roi_head.pop('hand_head')
    plain.model.roi_head.pop('swap_clip')
    plain.model.roi_head.type = 'StandardRoIHead'
    with pytest.raises(ValueError, match='FasterRCNN of detector has no HandObjectRoIHead'):
        teacher(plain.to_dict(), weights['model'])


def test_weights_without_batch_counters(weights, tmp_path):
    checkpoint = torch.load(weights['model'], weights_only=True)
    kept = {
        key: value
        for key, value in checkpoint['state_dict'].items()
        if not key.endswith('num_batches_tracked')
    }
    assert len(kept) < len(checkpoint['state_dict'])
    torch.save(dict(state_dict=kept), tmp_path / 'old.pth')
    detector = build_detector(load_config())
    load_weights(detector, tmp_path / 'old.pth')
    assert all(torch.equal(detector.state_dict()[key], value) for key, value in kept.items())


@pytest.mark.parametrize(
    'name, warned', [('faster_rcnn_1_8_89999.pth', True), ('faster_rcnn_1_8_132028.pth', False)]
)
def test_warning_of_weights_without_ego_video(weights, name, warned, tmp_path, warnings):
    checkpoint = torch.load(weights['model'], weights_only=True)
    torch.save(dict(checkpoint, meta=dict(converted_from=name)), tmp_path / 'converted.pth')
    load_weights(build_detector(load_config()), tmp_path / 'converted.pth')
    assert [
        'converted.pth: by its name' in said and '12.7, against 46.3' in said for said in warnings
    ] == [True] * warned


def test_random_weights_are_announced(warnings):
    teacher = MODELS.build(dict(type='HandObjectTeacher', detector=str(CONFIG)))
    assert warnings == ['tiny_teacher_detector: no checkpoint, so the detector is random']
    assert teacher.weights_sha256 is None
