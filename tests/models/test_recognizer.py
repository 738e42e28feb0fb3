import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from tests.hosts import needs
from tests.tiny import CONFIG


@pytest.fixture(scope='module')
def model():
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    return model


def batch(n=2, **fields):
    samples = [ActionDataSample().set_gt_label(i % 2) for i in range(n)]
    for sample in samples:
        for name, shape in fields.items():
            sample.set_field(torch.rand(shape), name)
    return torch.randn(n, 1, 3, 16, 64, 64), samples


TARGETS = dict(ego_score=(2,), object_score=(10,), interaction_map=(2, 4, 2, 2))


def test_losses_of_a_step(model):
    losses = model.loss(*batch(**TARGETS))
    assert {name for name in losses if 'loss' in name} == {
        'loss_cls',
        'loss_ego',
        'loss_object',
        'loss_hand',
        'loss_held_object',
    }


def test_names_are_those_of_the_stock_recognizer(model):
    cfg = Config.fromfile(CONFIG).model
    cfg.pop('aux_heads')
    stock = MODELS.build(dict(cfg, type='Recognizer3D'))
    ours, theirs = set(model.state_dict()), set(stock.state_dict())
    assert theirs < ours
    assert {name.split('.')[0] for name in ours - theirs} == {'aux_heads'}


@pytest.mark.parametrize('fields', [{}, dict(ego_score=(2,)), TARGETS], ids=['none', 'one', 'all'])
def test_every_parameter_gets_a_gradient(model, fields):
    model.train()
    model.zero_grad()
    losses = model.loss(*batch(**fields))
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    if not fields:
        assert all(
            losses[name].item() == 0 for name in losses if 'loss' in name and name != 'loss_cls'
        )
        assert all(not p.grad.any() for p in model.aux_heads.parameters())
        assert model.cls_head.fc_cls.weight.grad.any()


@needs('mmaction2', '1.1', 'FeatureHead')
def test_feature_head_of_mmaction2_takes_our_slowfast():
    """clip_feature_extraction.py leaves backbone_name=None for a class that it does not know."""
    cfg = Config.fromfile(CONFIG).model
    cfg.aux_heads, cfg.cls_head = None, dict(type='FeatureHead', average_clips='score')
    model = MODELS.build(cfg).eval()
    inputs, samples = batch(1)
    with torch.no_grad():
        (found,) = model(inputs, samples, mode='predict')
        slow, fast = model.extract_feat(inputs)[0]
    expected = torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1)
    torch.testing.assert_close(found[None] if found.dim() == 1 else found, expected)


def test_prediction_runs_no_auxiliary_head(model):
    calls = []
    hooks = [
        head.register_forward_hook(lambda *_: calls.append(1)) for head in model.aux_heads.values()
    ]
    model.train(False)
    with torch.no_grad():
        predicted = model.predict(*batch())
    assert predicted[0].pred_score.shape == (2,) and not calls
    [hook.remove() for hook in hooks]


def test_auxiliary_losses_are_computed_in_full_precision(model):
    feats = (torch.randn(2, 128, 4, 2, 2), torch.randn(2, 16, 16, 2, 2))
    _, samples = batch(**TARGETS)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = {
            k: v for head in model.aux_heads.values() for k, v in head.loss(feats, samples).items()
        }
    exact = {
        k: v for head in model.aux_heads.values() for k, v in head.loss(feats, samples).items()
    }
    for name, loss in losses.items():
        assert loss.dtype == torch.float32
        torch.testing.assert_close(loss, exact[name], rtol=0.02, atol=1e-3)


def test_two_losses_of_one_name():
    cfg = Config.fromfile(CONFIG).model
    cfg.aux_heads.ego_score.loss_name = 'loss_cls'
    with pytest.raises(
        ValueError, match=r"ego_score names a loss that another head has: \['loss_cls'\]"
    ):
        MODELS.build(cfg).loss(*batch())


def test_an_auxiliary_head_can_be_left_out():
    cfg = Config.fromfile(CONFIG).model
    cfg.aux_heads.object_score = None
    assert 'loss_object' not in MODELS.build(cfg).loss(*batch())
