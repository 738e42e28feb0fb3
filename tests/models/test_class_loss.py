"""MMAction2's class heads train with the same numbers without numpy, also under bfloat16."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.models.heads.class_loss import class_head_loss
from tests.tiny import CONFIG


def samples(*labels):
    return [ActionDataSample().set_gt_label(label) for label in labels]


@pytest.mark.parametrize('batch', [1, 5])
@pytest.mark.parametrize('options', [{}, dict(label_smooth_eps=0.1), dict(topk=1)])
def test_numbers_of_the_stock_head(batch, options):
    torch.manual_seed(0)
    head = MODELS.build(
        dict(type='I3DHead', num_classes=7, in_channels=4, dropout_ratio=0, **options)
    )
    head.init_weights()
    feats, labelled = torch.randn(batch, 4, 2, 3, 3) * 100, samples(*range(batch))
    stock, ours = head.loss(feats, labelled), class_head_loss(head, feats, labelled)
    assert ours.keys() == stock.keys() >= {'loss_cls', 'top1_acc'}
    for name in stock:
        assert ours[name].item() == pytest.approx(stock[name].item(), rel=1e-6), name


def test_heads_with_a_loss_of_their_own_keep_it():
    class Own(type(MODELS.build(dict(type='I3DHead', num_classes=7, in_channels=4)))):
        def loss_by_feat(self, cls_scores, data_samples):
            return dict(loss_own=cls_scores.sum())

    assert set(
        class_head_loss(Own(num_classes=7, in_channels=4), torch.ones(1, 4, 1, 1, 1), samples(0))
    ) == {'loss_own'}


def test_training_step_under_bfloat16():
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    labelled = samples(0, 1)
    for sample in labelled:
        sample.set_field(torch.tensor([1.0, 0.0]), 'ego_score')
        sample.set_field(torch.randn(10), 'object_score')
        sample.set_field(torch.rand(2, 4, 2, 2), 'interaction_map')
    clips = torch.randn(2, 1, 3, 16, 64, 64)
    full = model.loss(clips, labelled)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        half = model.loss(clips, labelled)
        with pytest.raises(
            TypeError, match='BFloat16'
        ):  # what the host does; when it no longer does, class_loss can go
            model.cls_head.loss(model.extract_feat(clips)[0], labelled)
    assert half.keys() == full.keys()
    for name in full:
        if 'loss' in name:
            assert half[name].item() == pytest.approx(full[name].item(), rel=0.02), name
    sum(value for name, value in half.items() if 'loss' in name).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())
