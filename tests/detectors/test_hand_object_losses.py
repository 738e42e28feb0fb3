"""Losses of the hand layers against hand-derived values, and what they reach."""

import math

import pytest
import torch
from hand_object_case import load_config

CFG = load_config()
from mmdet.registry import MODELS  # noqa: E402
from mmdet.structures import DetDataSample  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402

from egoexo_mm.models.detectors import HandObjectHead, SharedFCs  # noqa: E402
from tests.conftest import ROOT  # noqa: E402

NAMES = {
    'loss_rpn_cls',
    'loss_rpn_bbox',
    'loss_cls',
    'loss_bbox',
    'loss_contact',
    'loss_offset',
    'loss_side',
}


def head(**losses):
    with DefaultScope.overwrite_default_scope('mmdet'):
        return HandObjectHead(in_channels=4, **losses)


def rows(labels, states, offsets, sides):
    return InstanceData(
        labels=torch.tensor(labels),
        contact_state=torch.tensor(states),
        side=torch.tensor(sides),
        offset=torch.tensor(offsets).reshape(-1, 3),
    )


TARGETS = rows(
    [1, 1, 0, 1],
    [3, 0, 0, 4],
    [[0.05, 0.1, 0.0], [0, 0, 0.0], [0, 0, 0.0], [0, 0, 0.0]],
    [1, 0, 0, 1],
)


def outputs():
    """Hand 0 is sure of state 3 by a factor of e and points up; all else says nothing."""
    contact = torch.zeros(4, 5)
    contact[0, 3] = 1.0
    return dict(
        contact=contact,
        offset=torch.tensor([[0.02, 0, 0.1], [9, 9, 9.0], [9, 9, 9.0], [9, 9, 9.0]]),
        side=torch.tensor([0.0, math.log(3), 50.0, -math.log(3)]),
    )


def expected():
    contact = (math.log(4 + math.e) - 1 + 2 * math.log(5)) / 3  # three hands
    offset = (
        0.03**2 + 0.1**2 + 0.1**2
    ) / 3  # of hand 0: hand 1 touches nothing, hand 3 no known place
    side = (
        math.log(2) + math.log(4) + math.log(4)
    ) / 3  # probabilities 1/2, and 3/4 of the wrong side twice
    return dict(loss_contact=contact, loss_offset=offset, loss_side=side)


def test_values():
    found = head().loss(outputs(), TARGETS)
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {name: 0.1 * value for name, value in expected().items()}, rel=1e-5
    )


def test_weights_are_settings():
    found = head(
        loss_contact=dict(type='CrossEntropyLoss', loss_weight=2.0),
        loss_offset=dict(type='MSELoss', loss_weight=30.0),
        loss_side=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.5),
    ).loss(outputs(), TARGETS)
    scaled = {
        name: factor * expected()[name]
        for name, factor in dict(loss_contact=2, loss_offset=30, loss_side=0.5).items()
    }
    assert {name: value.item() for name, value in found.items()} == pytest.approx(scaled, rel=1e-5)


@pytest.mark.parametrize(
    'targets',
    [rows([], [], [], []), rows([0, 0], [0, 0], [[0, 0, 0.0]] * 2, [0, 0])],
    ids=['no boxes', 'no hands'],
)
def test_nothing_to_learn_is_zero_with_a_gradient(targets):
    targets.labels = targets.labels.long()
    targets.contact_state, targets.side = targets.contact_state.long(), targets.side.long()
    module = head()
    feats = torch.randn(2, len(targets), 4, 3, 3)
    losses = module.loss(module(*feats), targets)
    assert [value.item() for value in losses.values()] == [0, 0, 0]
    sum(losses.values()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in module.parameters())


def test_shared_layers():
    """Two hidden layers on the flattened RoI, so that they know where in it something is."""
    module = SharedFCs(in_channels=2, roi_feat_size=3, channels=(5, 4))
    feats = torch.randn(6, 2, 3, 3)
    first, _, second, _ = module.layers[1:]
    hidden = (first.weight @ feats.flatten(1).T + first.bias[:, None]).relu()
    by_hand = (second.weight @ hidden + second.bias[:, None]).relu()
    torch.testing.assert_close(module(feats)[..., 0, 0], by_hand.T)
    assert module(feats).shape == (6, 4, 1, 1) and not torch.allclose(
        module(feats), module(feats.flip(3))
    )
    assert module(feats[:0]).shape == (0, 4, 1, 1)


@pytest.fixture(scope='module')
def tiny():
    """The light variant with a small backbone."""
    torch.manual_seed(0)
    return MODELS.build(Config.fromfile(ROOT / 'tests' / 'data' / 'tiny_hand_object.py').model)


def image(boxes, targets):
    meta = dict(
        img_shape=(96, 128),
        ori_shape=(96, 128),
        pad_shape=(96, 128),
        scale_factor=(1.0, 1.0),
        img_path='a.jpg',
    )
    sample = DetDataSample(metainfo=meta)
    sample.gt_instances = targets
    sample.gt_instances.bboxes = torch.tensor(boxes).reshape(-1, 4)
    return sample


def hands_and_cup():
    return image(
        [[20.0, 20, 50, 60], [70.0, 20, 100, 60], [50.0, 30, 70, 50]],
        rows([1, 1, 0], [3, 0, 0], [[0.025, 0.1, 0], [0, 0, 0.0], [0, 0, 0.0]], [1, 0, 0]),
    )


def only_a_cup():
    return image([[50.0, 30, 70, 50]], rows([0], [0], [[0, 0, 0.0]], [0]))


def nothing():
    found = InstanceData(
        labels=torch.zeros(0).long(),
        contact_state=torch.zeros(0).long(),
        side=torch.zeros(0).long(),
        offset=torch.zeros(0, 3),
    )
    return image([], found)


def loss_of(model, *samples):
    losses = model.loss(torch.randn(len(samples), 3, 96, 128), list(samples))
    named = {
        name: sum(value) if isinstance(value, list) else value
        for name, value in losses.items()
        if 'loss' in name
    }
    assert set(named) == NAMES
    return named


@pytest.mark.parametrize(
    'make',
    [
        [hands_and_cup, hands_and_cup],
        [hands_and_cup, nothing],
        [only_a_cup, only_a_cup],
        [nothing, nothing],
    ],
    ids=['hands', 'one empty', 'no hands', 'empty'],
)
def test_every_parameter_gets_a_gradient(tiny, make):
    tiny.train().zero_grad()
    losses = loss_of(tiny, *(sample() for sample in make))
    for name in ('loss_contact', 'loss_side', 'loss_offset'):
        assert (losses[name] > 0) == (hands_and_cup in make)
    sum(losses.values()).backward()
    assert [
        name for name, p in tiny.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ] == []


def test_ddp_needs_no_search_for_unused_parameters(tiny, tmp_path):
    """The reducer refuses a step after one that left out a parameter."""
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path / "group"}', rank=0, world_size=1
    )
    try:
        model = torch.nn.parallel.DistributedDataParallel(tiny.train())
        for sample in (only_a_cup(), hands_and_cup(), nothing(), hands_and_cup()):
            losses = model(torch.randn(1, 3, 96, 128), [sample], mode='loss')
            tiny.parse_losses(losses)[0].backward()
    finally:
        torch.distributed.destroy_process_group()


def test_rois_learn_of_their_own_box(tiny, monkeypatch):
    """Of two images, in order; proposals that match no box teach the hand layers nothing."""
    samples = [hands_and_cup(), only_a_cup(), hands_and_cup()]
    samples[2].gt_instances.side = torch.tensor([0, 1, 0])
    far = torch.tensor([[0.0, 0, 9, 9], [100.0, 70, 120, 90]])
    proposals = [
        InstanceData(bboxes=torch.cat([far, sample.gt_instances.bboxes + 1])) for sample in samples
    ]
    heard = {}
    monkeypatch.setattr(
        tiny.roi_head,
        '_hand_forward',
        lambda x, rois, plain, metas: heard.update(rois=rois, plain=plain),
    )
    monkeypatch.setattr(
        tiny.roi_head.hand_head,
        'loss',
        lambda outputs, targets: heard.update(targets=targets) or {},
    )
    feats = tiny.extract_feat(torch.randn(3, 3, 96, 128))
    tiny.roi_head.loss(feats, proposals, samples)
    targets, rois = heard['targets'], heard['rois']
    assert (
        len(rois) == len(targets) == len(heard['plain']) == 2 * 7
    )  # each box and the proposal next to it
    assert ((rois[:, 1:] - targets.bboxes).abs() <= 1).all()
    by_image = [targets[rois[:, 0] == i] for i in range(3)]
    assert [
        set(zip(part.labels.tolist(), part.contact_state.tolist(), part.side.tolist()))
        for part in by_image
    ] == [{(1, 3, 1), (1, 0, 0), (0, 0, 0)}, {(0, 0, 0)}, {(1, 3, 0), (1, 0, 1), (0, 0, 0)}]
    plain = tiny.roi_head._bbox_forward(feats, rois)['bbox_feats']
    torch.testing.assert_close(heard['plain'], plain)


def test_annotations_without_hands_fields(tiny):
    sample = hands_and_cup()
    del sample.gt_instances.side, sample.gt_instances.offset
    with pytest.raises(
        ValueError,
        match='^a.jpg: gt_instances lacks offset, side; load annotations with '
        'LoadHandObjectAnnotations and pack them with PackHandObjectInputs$',
    ):
        loss_of(tiny, sample)


def test_roi_align_has_a_gradient():
    """Of mmcv's compiled op or the stand-in: d(mean over bins) / d(cells) sums to 1 a channel."""
    with DefaultScope.overwrite_default_scope('mmdet'):
        extractor = MODELS.build(CFG.model.roi_head.bbox_roi_extractor)
    feats = torch.randn(1, 1024, 9, 12, requires_grad=True)
    extractor([feats], torch.tensor([[0.0, 20, 20, 100, 90]])).mean((2, 3)).sum().backward()
    torch.testing.assert_close(feats.grad.sum((0, 2, 3)), torch.ones(1024))
    assert not feats.grad[0, :, 0].any() and feats.grad[0, :, 3, 3].gt(0).all()
