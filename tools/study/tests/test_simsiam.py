"""SimSiam's loss by hand, and its two views."""

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from torch import nn

import study.modules  # noqa: F401
from study.tests.toy_study import ROOT


def recognizer(monkeypatch):
    """The study's recognizer, with a 'backbone' that averages and heads that change nothing."""
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile('configs/miniworld/evidence/pretrain_simsiam.py').model
    cfg.data_preprocessor = None
    model = MODELS.build(cfg)
    model.extract_feat = lambda inputs, stage: (inputs.flatten(0, 1).mean((3, 4)), {})
    model.projector = model.predictor = nn.Identity()
    return model


def test_loss_by_hand(monkeypatch):
    """Views of clip 0 are 60 degrees apart, those of clip 1 90: the mean cosine is 1/4."""
    views = torch.tensor(
        [[[1.0, 0.0, 0.0], [0.5, 0.75**0.5, 0.0]], [[0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]]
    )
    inputs = views[..., None, None, None].expand(2, 2, 3, 4, 5, 5).clone().requires_grad_()
    losses = recognizer(monkeypatch).loss(inputs, [])
    assert set(losses) == {'loss_simsiam', 'embedding_spread'}
    assert losses['loss_simsiam'].item() == pytest.approx(-0.25)
    units = torch.nn.functional.normalize(views.flatten(0, 1), dim=1)
    assert losses['embedding_spread'].item() == pytest.approx(units.std(0).mean().item() * 3**0.5)
    # targets carry no gradient: of cos(a, sg(b)) for unit a it is b - cos a, here without norms
    losses['loss_simsiam'].backward()
    grad = inputs.grad[0, 0].sum((1, 2, 3))
    assert grad.tolist() == pytest.approx([0, -(0.75**0.5) / 4, 0], abs=1e-6)


def test_network_learns_and_starts_a_fine_tuning(monkeypatch):
    """Only the backbone is of use later, and it is named as in the fine-tuning."""
    monkeypatch.chdir(ROOT)
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile('configs/miniworld/evidence/pretrain_simsiam.py').model)
    losses = model.loss(torch.randn(4, 2, 3, 8, 48, 48), [])
    losses['loss_simsiam'].backward()
    assert -1 <= losses['loss_simsiam'].item() <= 1 and losses['embedding_spread'].item() > 0.1
    assert all(parameter.grad is not None for name, parameter in model.backbone.named_parameters())
    tuned = MODELS.build(Config.fromfile('configs/miniworld/finetune.py').model)
    found = {name for name in model.state_dict() if name.startswith('backbone.')}
    assert found == {name for name in tuned.state_dict() if name.startswith('backbone.')}


def test_two_views_are_drawn_apart():
    transform = TRANSFORMS.build(
        dict(
            type='TwoViews',
            transforms=[
                dict(type='RandomCrop', size=4),
                dict(type='FormatShape', input_format='NCTHW'),
                dict(type='PackActionInputs'),
            ],
        )
    )
    frame = np.arange(400).reshape(20, 20, 1).repeat(3, 2)
    results = dict(imgs=[frame, frame + 400], img_shape=(20, 20), num_clips=1, clip_len=2, label=3)
    np.random.seed(0)
    inputs = transform(results)['inputs']
    assert inputs.shape == (2, 3, 2, 4, 4)
    first, second = inputs[:, 0, :, 0, 0]
    assert first[0] != second[0] and (first[1] - first[0], second[1] - second[0]) == (400, 400)
    assert results['imgs'][0].shape == (20, 20, 3)  # the sample itself stays
