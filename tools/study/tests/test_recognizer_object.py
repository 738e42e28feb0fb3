"""A recognizer of single frames as the Object-Score teacher."""

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

import study.modules  # noqa: F401
from egoexo_mm.checkpoints.reading import sha256_of
from tests.conftest import ROOT

CONFIG = str(ROOT / 'configs' / 'miniworld' / 'object_teacher.py')


@pytest.fixture(scope='module')
def case(tmp_path_factory):
    """The teacher, and the recognizer whose weights it has."""
    torch.manual_seed(0)
    network = MODELS.build(Config.fromfile(CONFIG).model)
    network.init_weights()
    torch.nn.init.normal_(network.cls_head.fc_cls.weight)
    path = tmp_path_factory.mktemp('weights') / 'objects.pth'
    torch.save(dict(state_dict=network.state_dict(), meta={}), path)
    teacher = dict(
        type='RecognizerObjectTeacher',
        recognizer=CONFIG,
        checkpoint=str(path),
        num_scores=8,
        size=56,
    )
    return MODELS.build(teacher), network.eval(), path


def test_scores_are_those_of_the_recognizer(case):
    teacher, network, _ = case
    frames = torch.randint(0, 256, (3, 3, 56, 56), dtype=torch.uint8)
    found = teacher.infer(teacher.prepare(frames)[:, None], (56, 56))
    clips = (frames.float()[:, None, :, None] - 114.75) / 57.375
    with torch.no_grad():
        expected = network(clips, mode='tensor', stage='head')
    torch.testing.assert_close(torch.tensor(found), expected)


def test_frozen_and_described(case):
    teacher, _, path = case
    teacher.train()
    assert not teacher.training and not any(p.requires_grad for p in teacher.parameters())
    manifest = teacher.manifest('toy')
    assert (manifest.signal, manifest.num_scores, manifest.score_kind) == (
        'object_score',
        8,
        'logits',
    )
    assert manifest.weights_sha256 == sha256_of(path)


def test_online_targets_are_the_mean_of_frames(case):
    teacher, _, _ = case
    clip = torch.rand(1, 3, 8, 56, 56) * 255
    (found,) = teacher.targets(clip)
    frames = clip[0].transpose(0, 1)[teacher.clip_items(8)[:, 0]]
    expected = torch.tensor(teacher.infer(teacher.prepare(frames)[:, None], (56, 56))).mean(0)
    assert teacher.clip_items(8).tolist() == [[0], [2], [4], [7]]
    torch.testing.assert_close(found, expected)


def test_other_weights_are_refused(case, tmp_path):
    torch.save(dict(state_dict={'backbone.x': torch.zeros(1)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='other.pth: its weights do not fit'):
        MODELS.build(
            dict(
                type='RecognizerObjectTeacher',
                recognizer=CONFIG,
                checkpoint=str(tmp_path / 'other.pth'),
                num_scores=8,
                size=56,
            )
        )
