"""What the recognizer asks of heads: classes to subclass, and one place for auxiliary inputs."""

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from torch import nn

import egoexo_mm  # noqa: F401
from egoexo_mm.models import EgoExoRecognizer
from egoexo_mm.models.heads import AuxiliaryHead, ViewHead
from egoexo_mm.models.heads.base import StockHead, gather_targets, view_scorer
from tests.tiny import CONFIG


class GazeHead(AuxiliaryHead):
    """Learns where a wearer looks: the least that a subclass has to give."""

    def __init__(self):
        super().__init__(target='gaze')
        self.fc = nn.Linear(16, 2)

    def forward(self, feats):
        return self.fc(feats[1].mean((2, 3, 4)))

    def losses(self, pred, target, num_clips):
        return dict(loss_gaze=(pred - target).square().sum() / num_clips)

    def misfit(self, pred, target):
        return f'{tuple(pred.shape[1:])} against {tuple(target.shape[1:])}'


def samples(*gazes):
    found = [ActionDataSample().set_gt_label(0) for _ in gazes]
    for sample, gaze in zip(found, gazes):
        if gaze is not None:
            sample.set_field(torch.tensor(gaze), 'gaze')
    return found


def recognizer(kind='EgoExoRecognizer'):
    cfg = Config.fromfile(CONFIG).model
    model = MODELS.build(dict(cfg, type=kind, aux_heads=None))
    model.aux_heads['gaze'] = GazeHead()
    return model


def test_a_subclass_gives_forward_losses_and_misfit():
    head, feats = GazeHead(), (None, torch.ones(3, 16, 2, 1, 1))
    nn.init.zeros_(head.fc.weight)
    nn.init.zeros_(head.fc.bias)
    # predictions (0, 0); targets (3, 4) and (1, 0) of three clips: (25 + 1) / 3
    loss = head.loss(feats, samples([3.0, 4.0], None, [1.0, 0.0]))
    assert loss['loss_gaze'].item() == pytest.approx(26 / 3)
    assert head.loss(feats, samples(None, None, None))['loss_gaze'].item() == 0
    with pytest.raises(ValueError, match=r'^gaze: \(2,\) against \(3,\)$'):
        head.loss(feats, samples([1.0, 2.0, 3.0], None, None))


def test_targets_beside_their_predictions():
    pred = torch.tensor([[1.0], [2.0], [3.0]])
    found, target = gather_targets(samples([7.0], None, [9.0]), 'gaze', pred)
    assert found.tolist() == [[1.0], [3.0]] and target.tolist() == [[7.0], [9.0]]
    found, target = gather_targets(samples(None, None, None), 'gaze', pred)
    assert found.shape == target.shape == (0, 1)


def test_the_input_of_auxiliary_heads_is_chosen_in_one_place():
    @MODELS.register_module(name='TappedRecognizer', force=True)
    class Tapped(EgoExoRecognizer):
        def aux_input(self, name, feats):
            return feats[0], torch.full_like(feats[1], len(name))

    model, seen = recognizer('TappedRecognizer'), []
    model.aux_heads['gaze'].register_forward_pre_hook(lambda _, args: seen.append(args[0][1]))
    feats = []
    model.cls_head.register_forward_pre_hook(lambda _, args: feats.append(args[0][1]))
    losses = model.loss(torch.randn(1, 1, 3, 16, 64, 64), samples([1.0, 0.0]))
    assert 'loss_gaze' in losses and (seen[0] == 4).all()
    assert not (feats[0] == 4).all()  # the class head sees the backbone's own output


def test_which_heads_score_views():
    ours = MODELS.build(dict(type='ViewEnsembleHead', num_classes=2, in_channels=4))
    assert view_scorer(ours) is ours and isinstance(ours, ViewHead)
    stock = MODELS.build(dict(type='I3DHead', num_classes=2, in_channels=4)).train(False)
    adapter, feats = view_scorer(stock), torch.randn(3, 4, 2, 2, 2)
    assert isinstance(adapter, StockHead)
    assert torch.equal(adapter.view_scores(feats), stock(feats))

    class Own(type(stock)):
        def predict(self, feats, data_samples, **kwargs):
            return data_samples

    assert view_scorer(Own(num_classes=2, in_channels=4)) is None
    assert view_scorer(nn.Linear(1, 1)) is None
