"""Heads and losses of signals of any name: scores, embeddings, maps of any kinds."""

import copy
import math
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.checkpoints.stripping import strip
from egoexo_mm.engine.check_targets_hook import _check_kinds
from egoexo_mm.models.blending import Blend
from egoexo_mm.targets import Manifest, StoreWriter, open_stores
from tests.models.test_heads import map_head, sample
from tests.tiny import CONFIG as TINY

VIT = Path(__file__).parents[1] / 'data' / 'tiny_vit.py'
KINDS = ('knife', 'hand', 'gaze')
HEADS = dict(
    step=dict(
        type='ScoreDistillHead', target='step', num_classes=5, loss=dict(type='ScoreMSELoss')
    ),
    clip=dict(type='EmbeddingDistillHead', target='clip', width=7, mid_channels=4),
    tools=dict(type='InteractionMapHead', target='tools_map', kinds=KINDS, mid_channels=4),
)


def embedding_head(**options):
    cfg = dict(type='EmbeddingDistillHead', target='clip', width=2, in_channels=3)
    return MODELS.build(dict(cfg, **options))


def test_mse_by_hand():
    loss = MODELS.build(dict(type='ScoreMSELoss', loss_weight=0.5))
    scores, target = torch.tensor([[1.0, 3, 5]]), torch.tensor([[2.0, 2, 8]])
    # differences -1, 1, -3 have the mean -1: 0, 2, -2 remain
    assert loss(scores, target).item() == pytest.approx(0.5 * (0 + 4 + 4) / 3)
    assert loss(scores, target + 7).item() == pytest.approx(loss(scores, target).item())
    assert loss(scores, target, avg_factor=4).item() == pytest.approx(loss(scores, target) / 4)
    plain = MODELS.build(dict(type='ScoreMSELoss', center=False))
    assert plain(scores, target).item() == pytest.approx((1 + 1 + 9) / 3)


def test_embedding_losses_by_hand():
    pred, target = torch.tensor([[3.0, 4]]), torch.tensor([[8.0, 6]])
    cosine = MODELS.build(dict(type='CosineLoss', loss_weight=2.0))
    assert cosine(pred, target).item() == pytest.approx(2 * (1 - 48 / 50))
    smooth = MODELS.build(dict(type='SmoothL1EmbeddingLoss', beta=4.0))
    # 5 is on the line: 5 - 2; 2 is on the square: 4 / 8
    assert smooth(pred, target).item() == pytest.approx((3 + 0.5) / 2)
    unit = MODELS.build(dict(type='SmoothL1EmbeddingLoss', normalize=True))
    # (0.6, 0.8) and (0.8, 0.6), times sqrt(2): both differ by 0.2 sqrt(2)
    assert unit(pred, target).item() == pytest.approx(0.5 * 0.04 * 2, rel=1e-5)
    for loss in (cosine, smooth, unit, MODELS.build(dict(type='ScoreMSELoss'))):
        nothing = loss(pred[:0].requires_grad_(), target[:0])
        assert nothing.item() == 0 and nothing.requires_grad


@pytest.mark.parametrize(
    'loss, exact',
    [
        (dict(type='ScoreMSELoss'), True),
        (dict(type='SmoothL1EmbeddingLoss', beta=100.0), True),  # all of it is a square
        (dict(type='CosineLoss'), False),
    ],
)
def test_blended_targets_train_as_both_losses(loss, exact):
    loss = MODELS.build(loss)
    torch.manual_seed(0)
    pred = torch.randn(4, 6, requires_grad=True)
    target, partner = torch.randn(4, 6), torch.randn(4, 6)
    both = 0.3 * loss(pred, target) + 0.7 * loss(pred, partner)
    (expected,) = torch.autograd.grad(both, pred)
    (found,) = torch.autograd.grad(loss(pred, loss.blend(target, partner, 0.3)), pred)
    if exact:
        torch.testing.assert_close(found, expected)
    else:  # of the same direction for each clip
        cosine = torch.nn.functional.cosine_similarity(found, expected)
        torch.testing.assert_close(cosine, torch.ones(4))


@pytest.mark.parametrize('present', [[], [1], [0, 1, 2]])
def test_clip_without_embedding_adds_zero_and_is_counted(present):
    head, feats, targets = embedding_head(), torch.randn(3, 3), torch.randn(3, 2)
    samples = [sample(clip=targets[i]) if i in present else sample() for i in range(3)]
    losses = head.loss(feats, samples)
    assert list(losses) == ['loss_clip']
    gaps = 1 - torch.cosine_similarity(head(feats), targets)
    assert losses['loss_clip'].item() == pytest.approx(gaps[present].sum().item() / 3, abs=1e-6)
    losses['loss_clip'].backward()
    assert all(p.grad is not None for p in head.parameters())


def test_wrong_width():
    with pytest.raises(ValueError, match=r'clip: expected an embedding of \(2,\) .* got \(5,\)'):
        embedding_head().loss(torch.randn(1, 3), [sample(clip=torch.zeros(5))])


def test_losses_of_named_kinds():
    head = map_head(
        kinds=KINDS,
        target='tools_map',
        losses=dict(gaze=dict(type='InteractionMapLoss', loss_weight=3.0)),
        loss_hand=dict(type='InteractionMapLoss', loss_weight=2.0),
    )
    torch.nn.init.zeros_(head.conv_map.weight)
    torch.nn.init.zeros_(head.conv_map.bias)
    losses = head.loss(torch.randn(1, 4, 2, 3, 3), [sample(tools_map=torch.rand(3, 2, 3, 3))])
    # a score of 1/2 costs ln 2 whatever the target
    expected = dict(loss_knife=1, loss_hand=2, loss_gaze=3)
    assert list(losses) == list(expected)
    for name, weight in expected.items():
        assert losses[name].item() == pytest.approx(weight * math.log(2), rel=1e-6)
    blended = head.blend(torch.ones(2, 3, 1, 2, 2), torch.zeros(2, 3, 1, 2, 2), Blend((1, 0), 0.25))
    assert blended.shape == (2, 3, 1, 2, 2) and (blended == 0.25).all()


def test_two_kinds_are_as_they_were():
    """Names, shapes and first weights of the default head."""
    torch.manual_seed(3)
    head = map_head()
    torch.manual_seed(3)
    conv, last = torch.nn.Conv3d(4, 5, (1, 3, 3), padding=(0, 1, 1)), torch.nn.Conv3d(5, 2, 1)
    state = head.state_dict()
    assert list(state) == ['conv.weight', 'conv.bias', 'conv_map.weight', 'conv_map.bias']
    for name, value in (('conv', conv), ('conv_map', last)):
        assert torch.equal(state[f'{name}.weight'], value.weight)
    assert head.kinds == ('hand', 'object')
    assert {name for name, _ in head.named_children()} == {
        'conv', 'relu', 'conv_map', 'loss_hand', 'loss_held_object'
    }  # fmt: skip


def test_kinds_that_do_not_fit(tmp_path):
    with pytest.raises(ValueError, match='losses names cup, but kinds are knife, hand, gaze'):
        map_head(kinds=KINDS, losses=dict(cup=dict(type='InteractionMapLoss')))
    with pytest.raises(
        ValueError, match=r'the head has 3 kinds \(knife, hand, gaze\) and the targ'
    ):
        map_head(kinds=KINDS, target='m').loss(
            torch.randn(1, 4, 2, 3, 3), [sample(m=torch.rand(2, 2, 3, 3))]
        )
    about = dict(signal='tools', dataset='toy', teacher='t')
    StoreWriter(tmp_path, Manifest(kinds=KINDS[::-1], **about)).close()
    head = map_head(kinds=KINDS, target='tools_map')
    dataset = type('Toy', (), dict(stores=open_stores(dict(tools_map=tmp_path)), pipeline=None))()
    with pytest.raises(ValueError, match=r"has the kinds \('gaze', .*set kinds of the head in mod"):
        _check_kinds(head, dataset, 'train_dataloader')


def slowfast():
    model = copy.deepcopy(Config.fromfile(TINY).model)
    return model, torch.randn(2, 1, 3, 16, 64, 64), (4, 2, 2)


def vit():
    model = copy.deepcopy(Config.fromfile(VIT).model)
    model.data_preprocessor.blending = None
    return model, torch.randn(2, 1, 3, 8, 32, 32), (4, 2, 2)


def tsm():
    model = dict(
        type='EgoExoRecognizer2D',
        backbone=dict(type='ResNetTSM', depth=18, num_segments=4, norm_eval=False),
        cls_head=dict(
            type='TSMHead', num_classes=2, in_channels=512, num_segments=4, topk=(1,),
            consensus=dict(type='AvgConsensus', dim=1), is_shift=True,
        ),
    )  # fmt: skip
    return model, torch.randn(2, 4, 3, 32, 32), (4, 1, 1)


@pytest.mark.parametrize('make', [slowfast, vit, tsm])
def test_with_every_kind_of_tap(make, tmp_path):
    """One step: each parameter of the heads gets a gradient; the stripped file has none of them."""
    cfg, inputs, grid = make()
    model = MODELS.build(dict(cfg, aux_heads=HEADS)).train()
    geometry = model.map_geometry('tools')
    assert geometry.grid(inputs.shape[-2:]) == grid[1:]
    samples = [
        sample(step=torch.randn(5), clip=torch.randn(7), tools_map=torch.rand(3, *grid))
        for _ in range(2)
    ]
    losses = model.loss(inputs, samples)
    assert {'loss_step', 'loss_clip', 'loss_knife', 'loss_hand', 'loss_gaze'} < set(losses)
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    assert all(p.grad is not None for p in model.aux_heads.parameters())
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'full.pth')
    strip(tmp_path / 'full.pth', tmp_path / 'plain.pth')
    kept = torch.load(tmp_path / 'plain.pth', weights_only=True)['state_dict']
    assert {name.split('.')[0] for name in kept} == {'backbone', 'cls_head'}


def test_blended_embeddings_of_different_lengths():
    """With ``normalize`` the gradient points where that of the weighed losses does."""
    loss = MODELS.build(dict(type='SmoothL1EmbeddingLoss', normalize=True, beta=100.0))
    torch.manual_seed(0)
    long, short = 10 * torch.randn(1, 16), torch.randn(1, 16)
    pred = torch.randn(1, 16, requires_grad=True)
    for own in (0.5, 0.2):
        (found,) = torch.autograd.grad(loss(pred, loss.blend(long, short, own)), pred)
        both = own * loss(pred, long) + (1 - own) * loss(pred, short)
        (expected,) = torch.autograd.grad(both, pred)
        assert torch.cosine_similarity(found, expected) == pytest.approx(1, abs=1e-5)
