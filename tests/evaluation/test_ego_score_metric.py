"""EgoScoreMetric: figures worked out by hand, the report, and bad input."""

import csv
import math

import pytest
import torch

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation import EgoScoreMetric

P_EGO, LABELS = (0.9, 0.2, 0.7, 0.4), (1, 0, 0, 1)


def samples(p_ego=P_EGO, labels=LABELS, logits=False):
    scores = torch.tensor([[1 - p, p] for p in p_ego])
    return [
        dict(pred_score=score, gt_label=torch.tensor([label]), video_id=f'v{number}')
        for number, (score, label) in enumerate(zip(scores.log() + 3 if logits else scores, labels))
    ]


def evaluate(metric, batch):
    metric.process(None, batch)
    return metric.evaluate(len(batch))


@pytest.mark.parametrize('kind', ['probabilities', 'logits'])
def test_figures(kind):
    found = evaluate(EgoScoreMetric(num_bins=2, score_kind=kind), samples(logits=kind == 'logits'))
    assert found == pytest.approx(
        {
            'ego_score/accuracy': 0.5,
            'ego_score/accuracy_exo': 0.5,
            'ego_score/accuracy_ego': 0.5,
            'ego_score/nll': -(math.log(0.9) + math.log(0.8) + math.log(0.3) + math.log(0.4)) / 4,
            'ego_score/ece': (abs(0.3 - 0.5) + abs(0.8 - 0.5))
            / 2,  # bins {.2, .4} and {.7, .9}, half of each is ego
        }
    )


def test_views_apart():
    found = evaluate(EgoScoreMetric(), samples((0.6, 0.6, 0.6, 0.6, 0.1), (1, 1, 0, 0, 0)))
    assert (
        found['ego_score/accuracy_exo'] == pytest.approx(1 / 3)
        and found['ego_score/accuracy_ego'] == 1
    )
    assert 'ego_score/accuracy_exo' not in evaluate(EgoScoreMetric(), samples((0.6,), (1,)))


def test_fitted_temperature():
    """p = 0.8, right three times in four: the temperature from ln 4 to ln 3 leaves no error."""
    found = evaluate(EgoScoreMetric(fit_temperature=True), samples((0.8,) * 4, (1, 1, 1, 0)))
    assert found['ego_score/temperature'] == pytest.approx(math.log(4) / math.log(3), rel=1e-5)
    assert found['ego_score/ece'] == pytest.approx(0.05) and found[
        'ego_score/ece_fitted'
    ] == pytest.approx(0, abs=1e-6)
    assert found['ego_score/nll_fitted'] < found['ego_score/nll']
    sure = evaluate(EgoScoreMetric(fit_temperature=True), samples((1.0, 0.0), (1, 0)))
    assert [sure[f'ego_score/{key}'] for key in ('nll', 'nll_fitted', 'ece')] == pytest.approx(
        [0] * 3, abs=1e-9
    )


def test_report(tmp_path):
    evaluate(EgoScoreMetric(num_bins=4, report_dir=str(tmp_path)), samples())
    with open(tmp_path / 'ego_score_reliability.csv', newline='') as file:
        assert list(csv.reader(file)) == [
            ['from', 'to', 'videos', 'mean_p_ego', 'share_ego'],
            ['0', '0.25', '1', '0.2', '0'],
            ['0.25', '0.5', '1', '0.4', '1'],
            ['0.5', '0.75', '1', '0.7', '0'],
            ['0.75', '1', '1', '0.9', '1'],
        ]


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(gt_label=torch.tensor([2])),
            r'^v1: scores of shape \(2,\) and label \[2\]; expected two scores and the label',
        ),
        (dict(gt_label=torch.tensor([0, 1])), r'^v1: .*label \[0, 1\]'),
        (dict(pred_score=torch.zeros(3)), r'^v1: scores of shape \(3,\)'),
        (dict(pred_score=torch.tensor([0, float('nan')])), '^v1: view score NaN or infinite'),
        (
            dict(pred_score=torch.tensor([-1.0, 4.0])),
            "are no probabilities; set score_kind='logits' of EgoScoreMetric",
        ),
        (dict(video_id='v0'), '^v0: the segment comes twice'),
    ],
)
def test_bad_input(changes, message):
    batch = samples()
    batch[1].update(changes)
    with pytest.raises(ValueError, match=message):
        evaluate(EgoScoreMetric(), batch)


def test_bad_options():
    with pytest.raises(
        ValueError, match="score_kind must be 'probabilities' or 'logits', got 'odds'"
    ):
        EgoScoreMetric(score_kind='odds')
    with pytest.raises(ValueError, match='num_bins must be at least 1, got 0'):
        EgoScoreMetric(num_bins=0)
