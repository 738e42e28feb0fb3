"""KeystepMetric: percent, reports and bad input."""

import csv
import json

import pytest
import torch

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation import KeystepMetric


def samples():
    scores = [[0.7, 0.2, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]]
    return [
        dict(
            pred_score=torch.tensor(score), gt_label=torch.tensor([label]), segment_id=f's{number}'
        )
        for number, (score, label) in enumerate(zip(scores, (0, 1, 1, 2)))
    ]


def evaluate(metric, batch):
    metric.process(None, batch)
    return metric.evaluate(len(batch))


def test_percent():
    assert evaluate(KeystepMetric(topk=(1, 2)), samples()) == {
        'keystep/top1': 50.0,
        'keystep/top2': 75.0,
    }
    assert evaluate(KeystepMetric(topk=(1, 5)), samples())['keystep/top5'] == 100.0


def test_files(tmp_path):
    names = tmp_path / 'label_mapping.csv'
    names.write_text(
        'label_id,step_unique_id,step_name,scenario_name\n1,17,Cut,Cooking\n'
        '0,12,"Wash, dry",Cooking\n'
    )
    metric = KeystepMetric(
        report_dir=str(tmp_path), class_names=str(names), predictions_file=str(tmp_path / 'p.json')
    )
    unlabelled = dict(
        pred_score=torch.tensor([0.1, 0.2, 0.75]), gt_label=torch.tensor([-1]), segment_id='s4'
    )
    assert evaluate(metric, [*samples(), unlabelled])['keystep/top1'] == 50.0
    with open(tmp_path / 'keystep_classes.csv', newline='') as file:
        assert list(csv.reader(file)) == [
            ['class_id', 'name', 'count', 'top1'],
            ['0', 'Wash, dry', '1', '100'],
            ['1', 'Cut', '2', '50'],
            ['2', '', '1', '0'],
        ]
    assert (tmp_path / 'keystep_confusion.png').stat().st_size > 10_000
    assert json.loads((tmp_path / 'p.json').read_text())['s4'] == dict(label=2, score=0.75)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(gt_label=torch.tensor([3])), '^s1: label 3 does not fit a head with 3 classes'),
        (dict(gt_label=torch.tensor([0, 1])), r'^s1: expected one class id in gt_label, got 2'),
        (dict(pred_score=torch.tensor([0, float('inf'), 0])), '^s1: class score NaN or infinite'),
        (dict(segment_id='s0'), '^s0: the segment comes twice in the results'),
    ],
)
def test_bad_input(changes, message):
    batch = samples()
    batch[1].update(changes)
    with pytest.raises(ValueError, match=message):
        evaluate(KeystepMetric(), batch)
