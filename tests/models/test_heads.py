import math

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

import egoexo_mm  # noqa: F401


def sample(**fields):
    data_sample = ActionDataSample().set_gt_label(0)
    for name, value in fields.items():
        data_sample.set_field(value, name)
    return data_sample


def score_head(**options):
    return MODELS.build(
        dict(type='ScoreDistillHead', target='ego_score', num_classes=2, in_channels=3, **options)
    )


def map_head(**options):
    return MODELS.build(dict(type='InteractionMapHead', in_channels=4, mid_channels=5, **options))


def test_score_loss_by_hand():
    head = score_head(loss=dict(type='SoftTargetLoss', loss_weight=0.1))
    torch.nn.init.zeros_(head.fc.weight)
    torch.nn.init.zeros_(head.fc.bias)
    # student (1/2, 1/2), teachers (3/4, 1/4) and (1/2, 1/2): KL of the first is ln 2 - H(3/4)
    teachers = [torch.tensor([3.0, 1.0]).log(), torch.zeros(2)]
    losses = head.loss(torch.randn(2, 3), [sample(ego_score=t) for t in teachers])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert list(losses) == ['loss_ego']
    assert losses['loss_ego'].item() == pytest.approx(0.1 * (math.log(2) - entropy) / 2, rel=1e-5)


def test_loss_names():
    assert score_head().loss_name == 'loss_ego'
    assert score_head(loss_name='loss_mine').loss_name == 'loss_mine'


@pytest.mark.parametrize('present', [[], [1], [0, 2], [0, 1, 2]])
def test_clip_without_score_adds_zero_and_is_counted(present):
    head, feats = score_head(), torch.randn(3, 3)
    targets = torch.randn(3, 2)
    samples = [sample(ego_score=targets[i]) if i in present else sample() for i in range(3)]
    loss = head.loss(feats, samples)['loss_ego']
    alone = [head.loss(feats[i : i + 1], samples[i : i + 1])['loss_ego'] for i in range(3)]
    assert loss.item() == pytest.approx(sum(value.item() for value in alone) / 3, abs=1e-6)
    loss.backward()
    assert all(p.grad is not None for p in head.parameters())
    assert (loss.item() == 0) == (not present)


def test_wrong_score_length():
    with pytest.raises(ValueError, match=r'ego_score: expected \(2,\) scores .* got \(5,\)'):
        score_head().loss(torch.randn(1, 3), [sample(ego_score=torch.zeros(5))])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(temperature=0), 'temperature must be positive'),
        (dict(target_kind='scores'), "'logits' or 'probabilities'"),
    ],
)
def test_bad_loss_options(options, message):
    with pytest.raises(ValueError, match=message):
        score_head(loss=dict(type='SoftTargetLoss', **options))


def test_map_loss_by_hand():
    head = map_head(loss_hand=dict(type='InteractionMapLoss', loss_weight=3.0))
    torch.nn.init.zeros_(head.conv_map.weight)
    head.conv_map.bias.data = torch.tensor(
        [0.0, math.log(3)]
    )  # sigmoid 1/2 for hands, 3/4 for objects
    target = torch.zeros(2, 2, 2, 2)
    target[1] = 0.5
    losses = head.loss(torch.randn(1, 4, 2, 2, 2), [sample(interaction_map=target)])
    assert list(losses) == ['loss_hand', 'loss_held_object']
    assert losses['loss_hand'].item() == pytest.approx(3 * math.log(2), rel=1e-6)
    assert losses['loss_held_object'].item() == pytest.approx(
        -(math.log(0.75) + math.log(0.25)) / 2, rel=1e-6
    )


def test_former_setting_of_the_object_loss():
    """It counts, also where a config states only what differs from one that it inherits."""
    with pytest.warns(FutureWarning, match='loss_object is now loss_held_object') as warned:
        head = map_head(
            loss_held_object=dict(type='InteractionMapLoss', loss_weight=2.0, pos_weight=3.0),
            loss_object=dict(loss_weight=5.0),
        )
    assert len(warned) == 1
    assert (head.loss_held_object.loss_weight, head.loss_held_object.pos_weight) == (5, 3)
    with pytest.warns(FutureWarning):
        alone = map_head(loss_object=dict(type='InteractionMapLoss', loss_weight=4.0))
    assert alone.loss_held_object.loss_weight == 4 and alone.loss_hand.loss_weight == 1


def test_positive_weight():
    loss = MODELS.build(dict(type='InteractionMapLoss', pos_weight=4.0))
    logits, target = torch.randn(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, target, pos_weight=torch.tensor(4.0)
    )
    torch.testing.assert_close(loss(logits, target), expected)


@pytest.mark.parametrize('present', [[], [0], [0, 1]])
def test_clip_without_map_adds_zero_and_is_counted(present):
    head, feats = map_head(), torch.randn(2, 4, 3, 2, 2)
    target = torch.rand(2, 2, 3, 2, 2)
    samples = [sample(interaction_map=target[i]) if i in present else sample() for i in range(2)]
    losses = head.loss(feats, samples)
    for name, loss in losses.items():
        alone = sum(head.loss(feats[i : i + 1], samples[i : i + 1])[name] for i in range(2)) / 2
        torch.testing.assert_close(loss, alone)
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in head.parameters())


def test_map_head_reads_the_slow_pathway():
    head = map_head()
    slow, fast = torch.randn(1, 4, 2, 3, 3), torch.randn(1, 2, 8, 3, 3)
    assert head((slow, fast)).shape == (1, 2, 2, 3, 3)
    torch.testing.assert_close(head((slow, fast)), head(slow))


def test_wrong_map_size():
    with pytest.raises(
        ValueError, match=r'maps of \(2, 2, 3, 3\) and the targets are \(2, 2, 7, 7\).*cell_size'
    ):
        map_head().loss(
            torch.randn(1, 4, 2, 3, 3), [sample(interaction_map=torch.zeros(2, 2, 7, 7))]
        )
