"""``BoxTeacher`` with random weights: files, classes, the rule, stores, online targets."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope

import egoexo_mm  # noqa: F401
from egoexo_mm.models.teachers.plain_detector import PlainDetector
from egoexo_mm.targets import HAND, OBJECT, StoreWriter, TargetStore
from tests.engine.extraction_case import config, extract
from tests.media import write_kinetics

ROOT = Path(__file__).parents[2]
TINY = ROOT / 'tests' / 'data' / 'tiny_rtmdet.py'
CLASSES = ('hand', 'thing')
SIZE = (96, 128)


def images(n, size=SIZE, seed=0):
    """(n, 3, H, W) uint8 blotches."""
    coarse = torch.rand(n, 3, 6, 8, generator=torch.Generator().manual_seed(seed)) * 255
    return torch.nn.functional.interpolate(coarse, size=size).to(torch.uint8)


def tiny(folder, seed=0, **model):
    """Arguments of a small detector with seeded weights that find something."""
    cfg = Config.fromfile(TINY)
    cfg.merge_from_dict(dict(model=model))
    given = dict(detector=dict(model=cfg.model, test_pipeline=cfg.test_pipeline), classes=CLASSES)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        detector = PlainDetector(**given)
        network = detector.network.train()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0  # its statistics are those of one batch
        for layer in (*network.bbox_head.rtm_cls, *network.bbox_head.rtm_reg):
            torch.nn.init.normal_(layer.weight, std=0.1)
        for layer in network.bbox_head.rtm_cls:
            torch.nn.init.constant_(layer.bias, -2)
        with torch.no_grad():
            network(detector.prepare(images(4, seed=9)), mode='tensor')
    path = folder / f'tiny_{seed}.pth'
    torch.save(dict(state_dict=network.state_dict()), path)
    return dict(given, checkpoint=str(path))


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp('weights'))


def build(**options):
    return MODELS.build({'type': 'BoxTeacher', **options})


@pytest.mark.parametrize('size', [(96, 128), (61, 83), (300, 200)])
def test_equals_the_test_pipeline_of_mmdet(weights, size, tmp_path, monkeypatch):
    """What the network sees is within a grey level; of equal inputs it finds the same."""
    from mmdet.registry import TRANSFORMS

    (pixels,) = images(1, size)
    cv2.imwrite(str(tmp_path / 'a.png'), pixels.permute(1, 2, 0).numpy()[..., ::-1])
    data = dict(img_path=str(tmp_path / 'a.png'), img_id=0)
    detector = PlainDetector(**weights).eval()
    with DefaultScope.overwrite_default_scope('mmdet'):
        for step in weights['detector']['test_pipeline']:
            data = TRANSFORMS.build(step)(data)
    data = dict(inputs=[data['inputs']], data_samples=[data['data_samples']])
    data = detector.network.data_preprocessor(data, False)
    inputs = detector.prepare(pixels[None])
    torch.testing.assert_close(inputs, data['inputs'], rtol=0, atol=1.01 / 60)  # its deviation
    assert (inputs - data['inputs']).abs().mean() < 0.05 / 60
    monkeypatch.setattr(detector, 'prepare', lambda pixels: data['inputs'])
    with torch.no_grad():
        (expected,) = detector.network.predict(data['inputs'], data['data_samples'], rescale=True)
        ((box, score, classes),) = detector(pixels[None])
    expected = expected.pred_instances
    width_height = np.float32([*size[::-1], *size[::-1]])
    assert len(score) > 3
    np.testing.assert_allclose(score, expected.scores, rtol=1e-5)
    np.testing.assert_allclose(
        box * width_height, expected.bboxes.numpy().clip(0, width_height), atol=1e-3
    )
    assert [CLASSES[i] for i in expected.labels] == classes


def test_shipped_configs_are_those_of_mmdet(tmp_path):
    """The weights' names and shapes, and what the network computes with equal weights."""
    import mmdet

    own = PlainDetector(detector=str(ROOT / 'configs/teachers/rtmdet_tiny_coco.py')).eval()
    theirs = Path(mmdet.__file__).parent / '.mim/configs/rtmdet/rtmdet_tiny_8xb32-300e_coco.py'
    cfg = Config.fromfile(theirs)
    torch.save(own.network.state_dict(), tmp_path / 'w.pth')
    host = PlainDetector(
        detector=dict(model=cfg.model, test_pipeline=cfg.test_pipeline),
        checkpoint=str(tmp_path / 'w.pth'),
    ).eval()
    assert (own.size, own.pad, own.classes) == (host.size, host.pad, host.classes)
    frames = images(1)
    torch.testing.assert_close(own.prepare(frames), host.prepare(frames), rtol=0, atol=0)
    with torch.no_grad():
        for one, other in zip(*(each.network(each.prepare(frames)) for each in (own, host))):
            for left, right in zip(one, other):
                torch.testing.assert_close(left, right)


def test_hand_detector_has_the_published_size():
    """0.99 million weights (MMPose's table of RTMDet-nano) and inputs of 320 x 320."""
    hands = PlainDetector(detector=str(ROOT / 'configs/teachers/rtmdet_nano_hand.py'))
    assert sum(p.numel() for p in hands.parameters()) == pytest.approx(0.99e6, rel=0.01)
    assert hands.classes == ('hand',) and hands.prepare(images(1)).shape[-2:] == (320, 320)


def found_by(monkeypatch, teacher, *results):
    """Detectors that find what is listed, in 100ths of the frame."""
    for network, rows in zip(teacher.networks, results):
        box, score, name = zip(*rows) if rows else ((), (), ())
        one = np.float32(box).reshape(-1, 4) / 100, np.float32(score), list(name)
        monkeypatch.setattr(network, 'forward', lambda pixels, one=one: [one] * len(pixels))
    return teacher.infer(torch.zeros(1, 1, 3, 96, 128), SIZE)[0]


@pytest.fixture
def pair(weights):
    """Hands and objects by two detectors."""
    return build(hands=weights, objects=dict(weights, classes=('cup', 'person')))


def test_held_objects(pair, monkeypatch):
    """The hand is 20 x 20; grown by a quarter it spans 35 to 65."""
    found = found_by(
        monkeypatch,
        pair,
        [([40, 40, 60, 60], 0.9, 'hand'), ([40, 40, 60, 60], 0.95, 'thing')],
        [
            ([64, 50, 80, 60], 0.8, 'cup'),
            ([70, 50, 80, 60], 0.99, 'cup'),  # out of reach
            ([30, 30, 80, 80], 0.97, 'person'),  # excluded
            ([40, 40, 50, 50], 0.3, 'cup'),  # not above the threshold
            ([40, 40, 40, 50], 0.9, 'cup'),  # no area
            ([50, 50, 62, 62], 0.96, 'cup'),
        ],
    )
    np.testing.assert_allclose(
        found['box'] * 100, [[50, 50, 62, 62], [40, 40, 60, 60], [64, 50, 80, 60]], rtol=1e-5
    )
    np.testing.assert_allclose(found['score'], [0.96, 0.9, 0.8])
    assert found['kind'].tolist() == [OBJECT, HAND, OBJECT]
    assert (found['side'] == -1).all() and (found['contact'] == -1).all()
    assert np.isnan(found['offset']).all()


def test_objects_need_a_hand(pair, monkeypatch):
    thing = ([40, 40, 60, 60], 0.9, 'cup')
    weak = ([40, 40, 60, 60], 0.2, 'hand')
    assert not len(found_by(monkeypatch, pair, [], [thing])['score'])
    assert not len(found_by(monkeypatch, pair, [weak], [thing])['score'])
    assert found_by(monkeypatch, pair, [], [])['box'].shape == (0, 4)


def test_one_detector_of_both(weights, monkeypatch):
    teacher = build(hands=weights)
    rows = [([40, 40, 60, 60], 0.9, 'hand'), ([50, 50, 70, 70], 0.8, 'thing')]
    assert found_by(monkeypatch, teacher, rows)['kind'].tolist() == [HAND, OBJECT]
    teacher = build(hands=weights, excluded=('thing',), hand_score_thr=0.5)
    assert found_by(monkeypatch, teacher, rows)['kind'].tolist() == [HAND]


def run(teacher, pixels):
    return teacher.infer(teacher.prepare(pixels)[:, None], tuple(pixels.shape[-2:]))


def test_a_batch_equals_its_images(weights):
    teacher = build(hands=weights, hand_score_thr=0.2, object_score_thr=0.2)
    pixels = images(3)
    for one, image in zip(run(teacher, pixels), pixels):
        (alone,) = run(teacher, image[None])
        for name, values in alone.items():
            np.testing.assert_allclose(one[name], values, atol=2e-3)
        assert {HAND, OBJECT} <= set(one['kind'])
    assert not any(p.requires_grad for p in teacher.train().parameters())
    assert not any(module.training for module in teacher.modules())


def test_extraction_and_pictures(weights, tmp_path):
    """The loop fills a store with both kinds, and the tool draws it."""
    from egoexo_mm.visualization import draw_detections

    write_kinetics(tmp_path, 2, num_frames=12)
    cfg = config(
        tmp_path,
        teacher='BoxTeacher',
        model=dict(hands=weights, hand_score_thr=0.1, object_score_thr=0.1),
    )
    runner = extract(cfg)
    assert runner.counts == dict(extracted=2, failed=0, skipped=0)
    store = TargetStore(tmp_path / 'store')
    assert store.manifest.teacher == 'detector'
    assert store.manifest.weights_sha256 == runner.model.weights_sha256
    found = store.detections('clip_0', [0, 4, 8])
    assert {HAND, OBJECT} <= set(found.kind) and store.info('clip_0').frame_stride == 4
    frame = np.full((48, 64, 3), 60, np.uint8)
    assert (draw_detections(frame, store.detections('clip_0', [0])) != frame).any()


def test_settings_in_the_manifest(weights):
    teacher = build(hands=weights, excluded=['tv', 'bed'], reach=0.5)
    assert teacher.manifest('toy').notes == (
        'hand_score_thr = 0.3; object_score_thr = 0.3; reach = 0.5; hand_classes = hand; '
        'excluded = bed, tv'
    )


def test_stored_equals_online(weights, tmp_path):
    """A clip that is the video, with boxes of every second slow frame (0, 2, 4, 7 of 8)."""
    teacher = build(hands=weights, hand_score_thr=0.1, object_score_thr=0.1, time_stride=2, every=2)
    clip = images(8, (64, 64))
    (online,) = teacher.targets(clip.transpose(0, 1)[None].float())
    assert_stored_equals(teacher, clip, online, [0, 4], tmp_path)


def assert_stored_equals(teacher, clip, online, seen, folder):
    """Boxes of the frames ``seen``, through a store and ``LoadTargets``."""
    from egoexo_mm.datasets.transforms import LoadTargets, TrackGeometry

    height, width = clip.shape[-2:]
    with StoreWriter(folder / 'store', teacher.manifest('toy')) as writer:
        row = teacher.row(run(teacher, clip[seen]), np.array(seen)[:, None])
        facts = dict(num_frames=len(clip), fps=30, width=width, height=height)
        writer.add_detections('v', **row, **facts)
    load = LoadTargets(
        stores=dict(interaction_map=str(folder / 'store')), time_stride=teacher.time_stride
    )
    stored = load(
        TrackGeometry()(
            dict(
                video_id='v',
                frame_inds=np.arange(len(clip)),
                start_index=0,
                num_clips=1,
                clip_len=len(clip),
                img_shape=(height, width),
            )
        )
    )['interaction_map']
    assert len(stored.unique()) > 2 and ((stored > 0) == (online > 0)).all()
    torch.testing.assert_close(stored, online, rtol=6e-4, atol=1e-6)


def test_online_distillation(weights):
    """Samples of a batch get its maps, of the frames that the recognizer's maps show."""
    from mmaction.structures import ActionDataSample

    from egoexo_mm.models.teachers import OnlineTeachers

    given = dict(type='BoxTeacher', hands=weights, hand_score_thr=0.1, object_score_thr=0.1)
    frames = dict(time_stride=2, frame_sampling='stride')
    online = OnlineTeachers(
        dict(interaction_map=given), learned=['interaction_map'], map_frames=frames
    )
    clips = images(8, (64, 64)).transpose(0, 1)[None, None].float()
    sample = ActionDataSample()
    sample.set_field(clips[0], 'raw_clip')
    (filled,) = online.fill(clips, [sample], preprocessor=None)
    (expected,) = build(**{**given, **frames}).targets(clips[0])
    assert expected.shape == (2, 4, 2, 2) and (expected.amax((1, 2, 3)) > 0).all()
    torch.testing.assert_close(filled.interaction_map, expected)


def test_checksum_of_two_files(weights, tmp_path):
    one, two = (build(hands=weights, objects=other) for other in (weights, tiny(tmp_path, 1)))
    assert len({build(hands=weights).weights_sha256, one.weights_sha256, two.weights_sha256}) == 3


def test_random_weights_are_announced(weights, monkeypatch):
    found = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', found.append)
    teacher = build(hands=weights, objects=dict(weights, checkpoint=None))
    assert found == ['detector: no checkpoint, so the detector is random']
    assert teacher.weights_sha256 is None


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(detector='nowhere.py'), 'nowhere.py is not a file; expected the mmdet config'),
        (dict(checkpoint='nowhere.pth'), 'nowhere.pth is not a file; expected a PyTorch'),
        (dict(classes=('a', 'b', 'c')), 'detector: has 2 classes, got 3 names; give classes='),
        (dict(classes=None), r'detector: has 2 classes, got 0 names; give classes='),
        (dict(classes=('a', 'b')), r'has no class hand \(it has a, b, ...\); set hand_classes'),
    ],
)
def test_bad_detectors(weights, options, message):
    with pytest.raises(ValueError, match=message):
        build(hands={**weights, **options})


def test_mixed_precision_keeps_boxes_in_full(weights):
    """Under autocast the head runs in bfloat16, and its outputs become boxes in float32."""
    network = build(hands=weights).networks[0]
    detector = network.network
    pixels = images(2)
    expected = network(pixels)
    with torch.autocast('cpu', torch.bfloat16):
        found = network(pixels)
        heads = detector.bbox_head(detector.extract_feat(network.prepare(pixels)))
        assert heads[0][0].dtype == torch.bfloat16  # autocast is at work
        instances = detector.bbox_head.predict_by_feat(
            *heads, batch_img_metas=[dict(img_shape=SIZE, scale_factor=(1, 1))] * 2
        )
    assert {one.bboxes.dtype for one in instances} == {torch.float32}
    for (box, score, _), (other, other_score, _) in zip(expected, found):
        n = min(len(box), len(other), 3)
        np.testing.assert_allclose(np.sort(score)[-n:], np.sort(other_score)[-n:], atol=0.05)


def test_padding_to_a_square():
    """As mmdet's own steps of YOLOX pad: 1280 x 720 becomes 640 x 360 and is filled up with 114."""
    from mmdet.datasets.transforms import Resize

    pipeline = [
        dict(type='mmdet.LoadImageFromFile'),
        dict(type=Resize, scale=(640, 640), keep_ratio=True),  # the class, as in new configs
        dict(type='Pad', pad_to_square=True, pad_val=dict(img=(114.0, 114.0, 114.0))),
        dict(type='PackDetInputs'),
    ]
    cfg = Config.fromfile(TINY)
    detector = PlainDetector(
        detector=dict(model=cfg.model, test_pipeline=pipeline), classes=CLASSES
    )
    pixels = torch.full((1, 3, 720, 1280), 200, dtype=torch.uint8)
    _, normalisation, _, _ = detector._preparation
    mean, std = normalisation[0]
    found = detector.prepare(pixels)[0, 0] * std + mean
    assert found.shape == (640, 640) and detector.padded_size(360, 640) == (640, 640)
    torch.testing.assert_close(found[:360], torch.full((360, 640), 200.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(found[360:], torch.full((280, 640), 114.0), atol=1e-3, rtol=0)
    pipeline[2] = dict(type='Pad', size_divisor=64)
    detector = PlainDetector(
        detector=dict(model=cfg.model, test_pipeline=pipeline), classes=CLASSES
    )
    assert detector.padded_size(360, 640) == (384, 640)
    pipeline.insert(2, dict(type='CenterCrop', crop_size=(64, 64)))
    with pytest.raises(ValueError, match='its test_pipeline has CenterCrop, which is not followed'):
        PlainDetector(detector=dict(model=cfg.model, test_pipeline=pipeline), classes=CLASSES)


def test_objects_that_no_class_names(weights):
    """A detector of one class is no detector of hands where it is to find objects."""
    for options in (dict(classes=('hand', 'hand')), dict(classes=('person', 'couch'))):
        with pytest.raises(ValueError, match=r'has no class that can be held \(it has .*classes='):
            build(hands=weights, objects=dict(weights, **options))


def test_bad_options(weights):
    with pytest.raises(ValueError, match='reach must be 0 or more, got -1'):
        build(hands=weights, reach=-1)
    with pytest.raises(ValueError, match='hand_score_thr must be from 0 to 1, got 2'):
        build(hands=weights, hand_score_thr=2)
    for pipeline in ([dict(type='LoadImageFromFile')], [dict(type='Resize', scale=64)]):
        with pytest.raises(ValueError, match='test_pipeline that has Resize with a scale; see con'):
            build(hands=dict(weights, detector=dict(weights['detector'], test_pipeline=pipeline)))


def test_shipped_config_names_its_files():
    """Weights that are not there are named, and nothing is downloaded."""
    cfg = Config.fromfile(ROOT / 'configs/teachers/boxes_rtmdet.py')
    for part in ('hands', 'objects'):
        described = Path(cfg.model[part].detector).read_text()
        assert Path(cfg.model[part].checkpoint).name in described
    with pytest.raises(ValueError, match=r'rtmdet-nano.*f6ffed6a.pth is not a file'):
        MODELS.build(cfg.model)
