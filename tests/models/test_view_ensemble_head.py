import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from torch import nn

import egoexo_mm  # noqa: F401
from egoexo_mm.models.view_scoring import (
    ensemble_views,
    join_batches,
    pool_positions,
    top_k_accuracy,
)


def head(**kwargs):
    return MODELS.build(
        dict(
            dict(type='ViewEnsembleHead', num_classes=2, in_channels=1, dropout_ratio=0.0), **kwargs
        )
    )


def linear(module, rows):
    with torch.no_grad():
        module.fc_cls.weight.copy_(torch.tensor(rows))
        module.fc_cls.bias.zero_()
    return module.train(False)


def labelled(*labels):
    return [ActionDataSample().set_gt_label(label) for label in labels]


def test_pooling_slides_over_the_map():
    """A 3 x 2 map under a 2 x 2 window: two positions, means of all frames."""
    x = torch.tensor([[1.0, 2.0], [3.0, 6.0], [5.0, 10.0]]).expand(1, 1, 4, 3, 2).clone()
    x[:, :, 2:] += 2  # two of four frames: the mean rises by 1
    torch.testing.assert_close(
        pool_positions(x, 2), torch.tensor([[[4.0], [7.0]]])
    )  # (1+2+3+6)/4 + 1, (3+6+5+10)/4 + 1
    torch.testing.assert_close(pool_positions(x, None), torch.tensor([[[5.5]]]))  # 27 / 6 + 1
    torch.testing.assert_close(
        pool_positions(x, 7), torch.tensor([[[5.5]]])
    )  # smaller than the window: whole
    torch.testing.assert_close(
        pool_positions(torch.tensor([[8.0, 9.0]]), 7), torch.tensor([[[8.0, 9.0]]])
    )


def test_pathways_are_ordered_fast_slow():
    slow, fast = torch.full((1, 2, 4, 2, 2), 3.0), torch.full((1, 1, 16, 2, 2), 5.0)
    assert pool_positions((slow, fast), 7).tolist() == [[[5.0, 3.0, 3.0]]]


def test_activation_comes_before_the_mean_over_positions():
    """Class scores x and 0 at positions with x = 0 and x = 2."""
    feats = torch.tensor([0.0, 2.0]).view(1, 1, 1, 1, 2)
    scores = linear(head(pool_size=1), [[1.0], [0.0]]).view_scores(feats)
    first = (0.5 + 1 / (1 + torch.tensor(-2.0).exp())) / 2
    torch.testing.assert_close(scores, torch.stack([first, 1 - first])[None])
    scores = linear(head(pool_size=1, activation='sigmoid'), [[1.0], [0.0]]).view_scores(feats)
    torch.testing.assert_close(scores, torch.stack([first, torch.tensor(0.5)])[None])
    scores = linear(head(pool_size=1, activation=None), [[1.0], [0.0]]).view_scores(feats)
    torch.testing.assert_close(scores, torch.tensor([[1.0, 0.0]]))
    scores = linear(head(pool_size=None), [[1.0], [0.0]]).view_scores(feats)  # x = 1
    torch.testing.assert_close(scores[0, 0], 1 / (1 + torch.tensor(-1.0).exp()))


def test_slowfast_at_256_as_a_window_of_crops():
    """2 x 2 positions of 7 x 7 on an 8 x 8 map: its four corner crops, scored as in training."""
    torch.manual_seed(0)
    module = head(num_classes=5, in_channels=12).train(False)
    slow, fast = torch.randn(2, 8, 4, 8, 8), torch.randn(2, 4, 16, 8, 8)
    crops = [
        module((slow[..., i : i + 7, j : j + 7], fast[..., i : i + 7, j : j + 7])).softmax(1)
        for i in (0, 1)
        for j in (0, 1)
    ]
    torch.testing.assert_close(module.view_scores((slow, fast)), torch.stack(crops).mean(0))


def test_ensembles():
    scores = torch.tensor(
        [[1.0, 8.0], [3.0, 2.0], [5.0, 6.0], [5.0, 0.0]]
    )  # two samples of two views
    assert ensemble_views(scores, 2, 'mean').tolist() == [[2.0, 5.0], [5.0, 3.0]]
    assert ensemble_views(scores, 2, 'max').tolist() == [[3.0, 8.0], [5.0, 6.0]]
    with pytest.raises(ValueError, match='4 views do not divide among 3 samples'):
        ensemble_views(scores, 3, 'mean')


def test_prediction():
    module = linear(head(activation=None, ensemble='max', pool_size=1), [[1.0], [-1.0]])
    feats = torch.tensor([1.0, -3.0, 2.0, 1.0]).view(4, 1, 1, 1, 1)
    first, second = module.predict(feats, [ActionDataSample(), ActionDataSample()])
    assert first.pred_score.tolist() == [1.0, 3.0] and first.pred_label.tolist() == [1]
    assert second.pred_score.tolist() == [2.0, -1.0] and second.pred_label.tolist() == [0]


@pytest.mark.parametrize('stock, channels', [('SlowFastHead', 2304), ('I3DHead', 2048)])
def test_names_and_shapes_of_the_stock_head(stock, channels):
    theirs, ours = (
        MODELS.build(dict(type=kind, num_classes=7, in_channels=channels))
        for kind in (stock, 'ViewEnsembleHead')
    )
    ours.load_state_dict(theirs.state_dict(), strict=True)
    theirs.load_state_dict(ours.state_dict(), strict=True)
    feats = torch.randn(2, 2048, 2, 3, 3)
    feats = (feats, torch.randn(2, 256, 4, 3, 3)) if stock == 'SlowFastHead' else feats
    theirs.train(False)
    torch.testing.assert_close(ours.train(False)(feats), theirs(feats))


@pytest.mark.parametrize('batch', [1, 2])
def test_multi_label_loss(batch):
    """Logits 0: ln 2 for every class, whatever the labels."""
    module = linear(head(multi_class=True, loss_cls=dict(type='BCELossWithLogits')), [[0.0], [0.0]])
    losses = module.loss(
        torch.zeros(batch, 1, 1, 1, 1), labelled(*[torch.tensor([1.0, 0.0])] * batch)
    )
    assert set(losses) == {'loss_cls'}  # no accuracies, hence nothing to wait for
    assert losses['loss_cls'].item() == pytest.approx(0.693147, rel=1e-5)
    linear(module, [[2.0], [-1.0]])
    loss = module.loss(torch.ones(batch, 1, 1, 1, 1), labelled(*[torch.tensor([1, 1])] * batch))[
        'loss_cls'
    ]
    # softplus(-2), softplus(1); integer labels do as well
    assert loss.item() == pytest.approx((0.126928 + 1.313262) / 2, rel=1e-5)


def test_multi_label_loss_of_a_single_class():
    module = linear(
        head(num_classes=1, multi_class=True, loss_cls=dict(type='BCELossWithLogits')), [[0.0]]
    )
    assert module.loss(torch.zeros(1, 1), labelled(torch.tensor([0.0])))[
        'loss_cls'
    ].item() == pytest.approx(0.693147)


def test_single_label_loss_and_accuracies():
    module = linear(head(num_classes=3, topk=(1, 2)), [[1.0], [2.0], [0.0]])
    losses = module.loss(torch.ones(4, 1), labelled(1, 0, 2, 0))  # order of the classes: 1, 0, 2
    assert losses['top1_acc'].item() == 0.25 and losses['top2_acc'].item() == 0.75
    log_z = torch.tensor([1.0, 2.0, 0.0]).logsumexp(0).item()
    assert losses['loss_cls'].item() == pytest.approx(log_z - (2 + 1 + 0 + 1) / 4, rel=1e-6)


def test_blended_labels():
    """Soft labels of one class, as MMAction2's mixup makes them."""
    module = linear(head(), [[0.0], [0.0]])
    losses = module.loss(torch.zeros(1, 1), labelled(torch.tensor([0.3, 0.7])))
    assert set(losses) == {'loss_cls'} and losses['loss_cls'].item() == pytest.approx(
        0.693147, rel=1e-5
    )


def test_label_smoothing():
    module = linear(head(label_smooth_eps=0.2), [[1.0], [0.0]])
    loss = module.loss(torch.ones(1, 1), labelled(0))['loss_cls']
    log_z = torch.tensor([1.0, 0.0]).logsumexp(0).item()
    assert loss.item() == pytest.approx(log_z - 0.9, rel=1e-5)  # target [0.9, 0.1]


@pytest.mark.parametrize(
    'kwargs, label, message',
    [
        (
            dict(multi_class=True),
            1,
            r'expected labels of shape \(2,\) \(num_classes=2, multi_class=True\), got \(1,\)',
        ),
        (
            dict(),
            torch.zeros(3),
            r'expected labels of shape \(2,\) \(num_classes=2, multi_class=False\), got \(3,\)',
        ),
        (
            dict(),
            -1,
            r'a sample: expected class ids from 0 as labels of a training sample, got \[-1\]',
        ),
    ],
)
def test_bad_labels(kwargs, label, message):
    with pytest.raises(ValueError, match=message):
        head(**kwargs).loss(torch.zeros(1, 1), labelled(label))


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(activation='relu'), "activation must be 'softmax', 'sigmoid' or None, got 'relu'"),
        (dict(ensemble='median'), "ensemble must be 'mean' or 'max', got 'median'"),
    ],
)
def test_unknown_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        head(**kwargs)


def test_dropout_in_training_only():
    module = head(in_channels=400, dropout_ratio=0.5)
    nn.init.ones_(module.fc_cls.weight)
    nn.init.zeros_(module.fc_cls.bias)
    assert (
        module.train()(torch.ones(1, 400)).unique().numel() == 1
        and module(torch.ones(1, 400))[0, 0] != 400
    )
    assert module.train(False)(torch.ones(1, 400)).tolist() == [[400.0, 400.0]]


def test_initial_weights():
    module = head(num_classes=100, in_channels=1000)
    module.init_weights()
    assert (
        module.fc_cls.weight.std().item() == pytest.approx(0.01, rel=0.02)
        and not module.fc_cls.bias.any()
    )


def test_scores_are_float32_under_autocast():
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert (
            head(in_channels=4).train(False).view_scores(torch.randn(1, 4, 2, 2, 2)).dtype
            == torch.float32
        )


def test_accuracy_with_fewer_classes_than_k():
    assert top_k_accuracy(torch.zeros(2, 3), torch.tensor([0, 2]), 5).item() == 1


def test_joining_keeps_structure():
    a, b = torch.zeros(1, 2), torch.ones(2, 2)
    assert join_batches([a, b]).tolist() == [[0, 0], [1, 1], [1, 1]]
    joined = join_batches([dict(verb=a, other=(a, b)), dict(verb=b, other=(b, a))])
    assert joined['verb'].shape == (3, 2) and [len(part) for part in joined['other']] == [3, 3]
