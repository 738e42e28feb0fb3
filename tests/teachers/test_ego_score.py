"""EgoScoreTeacher around stock and own recognizers: scores, order, normalisation, weights."""

import copy
import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.datasets.transforms import CenterCrop, FormatShape, PackActionInputs, Resize
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.logging import MMLogger

import egoexo_mm  # noqa: F401
from egoexo_mm.models import EgoScoreTeacher
from egoexo_mm.models.teachers import ScoreTeacher
from egoexo_mm.targets import StoreWriter, TargetStoreError
from tests.tiny import CONFIG as TINY

SHIPPED = 'configs/teachers/ego_score_slowfast_r50_charades_ego.py'
SMALL = dict(short_side=40, crop_size=32)


@cache
def tiny() -> Config:
    return Config.fromfile(TINY)


def recognizer(head: str = 'ViewEnsembleHead', **preprocessor) -> dict:
    """The tests' SlowFast with two classes."""
    model = copy.deepcopy(tiny().model)
    model.pop('aux_heads')
    model.cls_head = dict(type=head, in_channels=144, num_classes=2, topk=(1,))
    model.data_preprocessor.update(preprocessor)
    return model.to_dict()


def other_recognizer(kind: str) -> dict:
    normalise = dict(type='ActionDataPreprocessor', mean=[1, 2, 3], std=[4, 5, 6])
    if kind == 'slowonly':
        return dict(
            type='Recognizer3D',
            data_preprocessor=dict(normalise, format_shape='NCTHW'),
            backbone=dict(
                type='ResNet3dSlowOnly', depth=18, base_channels=4, pretrained=None, lateral=False
            ),
            cls_head=dict(type='I3DHead', in_channels=32, num_classes=2, average_clips='prob'),
        )
    return dict(
        type='Recognizer2D',
        data_preprocessor=dict(normalise, format_shape='NCHW'),
        backbone=dict(type='ResNet', depth=18, norm_eval=False),
        cls_head=dict(type='TSNHead', in_channels=512, num_classes=2, average_clips='prob'),
    )


def save(path, model: dict, seed: int = 0) -> str:
    """A checkpoint of the model, with heads of pre-training beside it."""
    torch.manual_seed(seed)
    network = MODELS.build(copy.deepcopy(model))
    state = dict(network.state_dict(), **{'aux_heads.ego_score.fc.bias': torch.zeros(2)})
    torch.save(dict(meta={}, state_dict=state), path)
    return str(path)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory) -> str:
    """Of ``recognizer()``."""
    return save(tmp_path_factory.mktemp('weights') / 'ego.pth', recognizer())


def clips(num: int = 2, frames: int = 16, height: int = 48, width: int = 64) -> torch.Tensor:
    return torch.randint(
        256, (num, 3, frames, height, width), generator=torch.Generator().manual_seed(0)
    ).float()


def test_scores_are_those_of_the_recognizers_own_test(tmp_path):
    """Frames through MMAction2's transforms, data preprocessor and head, against the teacher."""
    for kind in ('slowonly', 'tsn'):
        model = other_recognizer(kind)
        checkpoint = save(tmp_path / f'{kind}.pth', model)
        teacher = EgoScoreTeacher(recognizer=model, checkpoint=checkpoint, clip_len=4, **SMALL)
        pixels = torch.from_numpy(
            np.random.default_rng(1).integers(0, 256, (4, 12, 16, 3), dtype=np.uint8)
        )
        pixels = pixels.repeat_interleave(4, 1).repeat_interleave(
            4, 2
        )  # blocks, so that a grey level's rounding is small
        results = dict(
            imgs=list(pixels.numpy()),
            img_shape=(48, 64),
            modality='RGB',
            num_clips=1,
            clip_len=4,
            label=0,
        )
        if kind == 'tsn':
            results.update(num_clips=4, clip_len=1)
        for step in (
            Resize(scale=(-1, 40)),
            CenterCrop(32),
            FormatShape('NCHW' if kind == 'tsn' else 'NCTHW'),
            PackActionInputs(),
        ):
            results = step.transform(results)
        network = teacher.recognizer
        data = network.data_preprocessor(
            dict(inputs=[results['inputs']], data_samples=[results['data_samples']])
        )
        expected = network(**data, mode='predict')[0].pred_score
        items = teacher.prepare(pixels.permute(0, 3, 1, 2))[None]
        found = teacher.logits(items)
        assert found.shape == (1, 2)
        torch.testing.assert_close(found.softmax(1)[0], expected, atol=2e-3, rtol=0)
        assert (found.softmax(1)[0, 0] - 0.5).abs() > 0.01  # the network says something


def test_frames_are_resized_as_the_host_does(checkpoint):
    """Within one grey level of Resize and CenterCrop where both directions shrink much."""
    teacher = EgoScoreTeacher(
        recognizer=recognizer(mean=[0] * 3, std=[1] * 3), checkpoint=checkpoint, **SMALL
    )
    frame = np.random.default_rng(0).integers(0, 256, (135, 241, 3), dtype=np.uint8)
    results = dict(imgs=[frame], img_shape=(135, 241), modality='RGB', num_clips=1, clip_len=1)
    for step in (Resize(scale=(-1, 40)), CenterCrop(32)):
        results = step(results)
    found = (
        teacher.prepare(torch.from_numpy(frame).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    )
    assert np.abs(found - results['imgs'][0]).max() <= 1


@pytest.mark.parametrize('head', ['ViewEnsembleHead', 'SlowFastHead'])
def test_logits_and_order(checkpoint, head):
    model = recognizer(head)
    teacher = EgoScoreTeacher(recognizer=model, checkpoint=checkpoint, clip_len=16, **SMALL)
    swapped = EgoScoreTeacher(
        recognizer=model, checkpoint=checkpoint, clip_len=16, ego_class=0, **SMALL
    )
    prepared = teacher.prepare(clips().transpose(1, 2).flatten(0, 1)).unflatten(0, (2, 16))
    feats = teacher.recognizer.backbone(prepared.transpose(1, 2))
    expected = teacher.recognizer.cls_head.fc_cls(
        torch.cat([feat.mean((2, 3, 4)) for feat in feats[::-1]], 1)
    )
    torch.testing.assert_close(teacher.logits(prepared), expected)  # raw, not softmaxed
    torch.testing.assert_close(swapped.logits(prepared), expected.flip(1))
    torch.testing.assert_close(torch.stack(teacher.targets(clips())), expected)
    found = teacher.infer(prepared, (48, 64))
    np.testing.assert_allclose(np.stack(found), expected.numpy(), atol=1e-6)
    mean = teacher.row(found, np.zeros((2, 16)))['scores']
    np.testing.assert_allclose(mean, expected.mean(0).numpy(), atol=1e-6)


def test_probabilities(checkpoint):
    model = recognizer()
    logits, probabilities = (
        EgoScoreTeacher(
            recognizer=model, checkpoint=checkpoint, clip_len=16, score_kind=kind, **SMALL
        )
        for kind in ('logits', 'probabilities')
    )
    expected = torch.stack(logits.targets(clips())).log_softmax(1)
    torch.testing.assert_close(torch.stack(probabilities.targets(clips())), expected)
    assert probabilities.manifest('k400').score_kind == 'probabilities'


def test_a_store_of_other_settings_is_refused(tmp_path):
    teacher = EgoScoreTeacher(recognizer=recognizer(), **SMALL)
    swapped = EgoScoreTeacher(recognizer=recognizer(), ego_class=0, **SMALL)
    with StoreWriter(tmp_path, teacher.manifest('toy', notes='frames: 2 clips')) as writer:
        assert writer.manifest.notes == (
            'frames: 2 clips; output = scores; short_side = 40; crop_size = 32; ego_class = 1'
        )
    with pytest.raises(TargetStoreError, match=r"other targets \(ego_class is '1', not '0'\)"):
        StoreWriter(tmp_path, swapped.manifest('toy', notes='frames: 2 clips'))


def test_channel_order_and_normalisation(checkpoint):
    """BGR frames into a BGR network are the same network on RGB frames."""
    rgb = dict(mean=[10, 20, 30], std=[1, 2, 3])
    bgr = dict(mean=[30, 20, 10], std=[3, 2, 1])
    one = EgoScoreTeacher(recognizer=recognizer(**rgb), checkpoint=checkpoint, **SMALL)
    two = EgoScoreTeacher(
        recognizer=recognizer(**bgr, channel_order='bgr'), checkpoint=checkpoint, **SMALL
    )
    frame = torch.tensor([16.0, 28, 60]).reshape(1, 3, 1, 1).expand(1, 3, 40, 40)
    assert one.prepare(frame)[0, :, 0, 0].tolist() == [6, 4, 10]
    assert two.prepare(frame)[0, :, 0, 0].tolist() == [10, 4, 6]


def test_items_of_a_clip():
    teacher = EgoScoreTeacher(recognizer=recognizer(), clip_len=16, **SMALL)
    assert teacher.clip_items(16).tolist() == [list(range(16))]
    assert teacher.clip_items(32)[0, [0, 1, -1]].tolist() == [0, 2, 31]
    assert teacher.clip_items(8).shape == (1, 16) and teacher.clip_items(8).max() == 7


def test_frozen_and_registered(checkpoint):
    teacher = MODELS.build(
        dict(
            type='EgoScoreTeacher',
            recognizer=recognizer(),
            checkpoint=checkpoint,
            clip_len=4,
            **SMALL,
        )
    )
    assert isinstance(teacher, ScoreTeacher) and (teacher.signal, teacher.target) == (
        'ego_score',
        'ego_score',
    )
    teacher.train()
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())
    assert not torch.stack(teacher.targets(clips())).requires_grad
    manifest = teacher.manifest('k400')
    assert manifest.weights_sha256 == hashlib.sha256(Path(checkpoint).read_bytes()).hexdigest()
    assert (manifest.signal, manifest.num_scores, manifest.score_kind) == ('ego_score', 2, 'logits')
    assert manifest.teacher == 'EgoExoRecognizer with EgoExoSlowFast'


def test_weights(checkpoint, tmp_path):
    """The teacher has the weights of the checkpoint, also of a data parallel run.

    Its config is left as it was.
    """
    model = recognizer()
    before = Config(model).pretty_text
    state = torch.load(checkpoint, weights_only=True)['state_dict']
    torch.save({f'module.{key}': value for key, value in state.items()}, tmp_path / 'parallel.pth')
    for path in (checkpoint, tmp_path / 'parallel.pth'):
        teacher = EgoScoreTeacher(recognizer=model, checkpoint=path)
        teacher.init_weights()  # as a model around it would
        own = teacher.recognizer.state_dict()
        assert all(
            torch.equal(own[key], value)
            for key, value in state.items()
            if not key.startswith('aux_heads')
        )
    assert Config(model).pretty_text == before


def test_config_file():
    teacher = EgoScoreTeacher(recognizer=SHIPPED)
    assert teacher.name == 'ego_score_slowfast_r50_charades_ego' and teacher.weights_sha256 is None
    assert teacher.frames.mean.flatten().tolist() == [114.75] * 3
    assert teacher.logits(torch.rand(1, 32, 3, 64, 64)).shape == (1, 2)


def test_random_weights_are_told(monkeypatch):
    told = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', told.append)
    EgoScoreTeacher(recognizer=recognizer())
    assert told == ['EgoScoreTeacher: the recognizer has random weights; set checkpoint']


def test_bad_checkpoints(checkpoint, tmp_path):
    model = recognizer()
    with pytest.raises(ValueError, match=r'gone\.pth is not a file; expected a PyTorch checkpoint'):
        EgoScoreTeacher(recognizer=model, checkpoint=str(tmp_path / 'gone.pth'))
    state = torch.load(checkpoint, weights_only=True)['state_dict']
    state['cls_head.fc_cls.weight'] = torch.zeros(400, 144)
    del state['cls_head.fc_cls.bias']
    torch.save(dict(state_dict=state), tmp_path / 'k400.pth')
    with pytest.raises(
        ValueError,
        match=(
            r'k400\.pth: its weights do not fit: 1 missing key \(cls_head\.fc_cls\.bias\) and '
            r'1 key of another shape \(cls_head\.fc_cls\.weight \(400, 144\) instead of '
            r'\(2, 144\)\); expected a checkpoint trained with the recognizer'
        ),
    ):
        EgoScoreTeacher(recognizer=model, checkpoint=str(tmp_path / 'k400.pth'))
    torch.save(dict(state_dict={'a': 1}), tmp_path / 'odd.pth')
    with pytest.raises(ValueError, match=r'odd\.pth: holds no weights \(found: a\)'):
        EgoScoreTeacher(recognizer=model, checkpoint=str(tmp_path / 'odd.pth'))


def test_bad_recognizers(tmp_path):
    model = recognizer()
    model['cls_head']['num_classes'] = 400
    Config(dict(model=model)).dump(tmp_path / 'k400.py')
    with pytest.raises(
        ValueError, match=r'k400\.py: has 400 classes, expected 2 \(third and first person\)'
    ):
        EgoScoreTeacher(recognizer=tmp_path / 'k400.py')
    with pytest.raises(ValueError, match=r'no\.py: no such config file; set recognizer to one'):
        EgoScoreTeacher(recognizer=str(tmp_path / 'no.py'))
    (tmp_path / 'empty.py').write_text('a = 1\n')
    with pytest.raises(
        ValueError, match=r'empty\.py: has no config of a model; expected `model = dict'
    ):
        EgoScoreTeacher(recognizer=str(tmp_path / 'empty.py'))
    with pytest.raises(ValueError, match='ego_class must be 0 or 1, got 2'):
        EgoScoreTeacher(recognizer=recognizer(), ego_class=2)
    with pytest.raises(
        ValueError, match="score_kind must be 'logits' or 'probabilities', got 'odds'"
    ):
        EgoScoreTeacher(recognizer=recognizer(), score_kind='odds')
