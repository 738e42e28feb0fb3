"""Numbers of the official Ego-Exo code, with seeded weights and shipped pre-training configs."""

import numpy as np
import pytest
import torch

from tests.models.golden_case import GoldenCase

CASES = {'k400_slowfast_r50': 'egoexo_slowfast_k400.py', 'k400_slow_r50': 'egoexo_slowonly_k400.py'}
LOSSES = {
    'loss_cls': 'loss_ce_loss',
    'loss_ego': 'loss_kd_loss_0',
    'loss_object': 'loss_kd_loss_1',
    'loss_hand': 'loss_hand_loss',
    'loss_held_object': 'loss_obj_loss',
}


@pytest.fixture(scope='module', params=list(CASES))
def case(request):
    return GoldenCase(request.param, CASES[request.param])


@pytest.fixture(scope='module')
def step(case):
    return case.step()


@pytest.mark.parametrize('name', [*LOSSES, 'total'])
def test_loss(case, step, name):
    expected = float(case.expected[LOSSES.get(name, 'loss_total')])
    assert step[name].item() == pytest.approx(expected, rel=1e-4)


def test_loss_names(step):
    assert {name for name in step if name.startswith('loss')} == set(LOSSES)


def test_gradient_norms(case, step):
    case.check_gradient_norms()


def test_training_logits(case):
    case.reset()
    case.model.train()
    with torch.no_grad():
        feats, _ = case.model.extract_feat(case.inputs)
        outputs = dict(
            train_logits=case.model.cls_head(feats),
            train_kd_logits_0=case.model.aux_heads['ego_score'](feats),
            train_kd_logits_1=case.model.aux_heads['object_score'](feats),
            train_interaction_logits=case.model.aux_heads['interaction_map'](feats),
        )
    for name, value in outputs.items():
        np.testing.assert_allclose(
            value.numpy(), case.expected[name], rtol=1e-4, atol=1e-4, err_msg=name
        )


def test_evaluation_scores(case):
    scores = torch.stack([sample.pred_score for sample in case.predict()])
    with torch.no_grad():
        feats, _ = case.model.extract_feat(case.inputs)
        ego = case.model.aux_heads['ego_score'](feats).softmax(1)
        objects = case.model.aux_heads['object_score'](feats).softmax(1)
    np.testing.assert_allclose(scores.numpy(), case.expected['eval_scores'], rtol=1e-4)
    np.testing.assert_allclose(ego.numpy(), case.expected['eval_ego_scores'], rtol=1e-4)
    np.testing.assert_allclose(objects.numpy(), case.expected['eval_obj_scores'], rtol=1e-4)
