"""CharadesMetric: both variants, the report and bad input."""

import csv

import pytest
import torch
from mmaction.registry import METRICS

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation import CharadesMetric

# Scores and labels of tests/evaluation/test_average_precision.py.
SCORES = [[0.9, 0.2, 0.5], [0.8, 0.9, 0.5], [0.7, 0.4, 0.5], [0.6, 0.3, 0.5]]
LABELS = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]


def samples(scores=SCORES, labels=LABELS):
    return [
        dict(pred_score=torch.tensor(score), gt_label=torch.tensor(label), video_id=f'V{number}EGO')
        for number, (score, label) in enumerate(zip(scores, labels))
    ]


def evaluate(metric, batch):
    metric.process(None, batch)
    return metric.evaluate(len(batch))


@pytest.mark.parametrize(
    ('variant', 'expected'), [('reference', (5 / 6 + 7 / 12) / 2), ('official', 1.0)]
)
def test_map(variant, expected):
    metric = METRICS.build(dict(type='mmaction.CharadesMetric', variant=variant))
    assert evaluate(metric, samples()) == {'charades/mAP': pytest.approx(expected)}


def test_half_precision_scores():
    batch = samples()
    for item in batch:
        item['pred_score'] = item['pred_score'].bfloat16()
    assert evaluate(CharadesMetric(), batch) == {
        'charades/mAP': pytest.approx((5 / 6 + 7 / 12) / 2)
    }


def test_report(tmp_path):
    names = tmp_path / 'names.txt'
    names.write_text(
        'c000 Holding some clothes\nc001 Putting clothes somewhere\nc002 Taking some clothes\n'
    )
    evaluate(CharadesMetric(report_dir=str(tmp_path / 'new'), class_names=str(names)), samples())
    with open(tmp_path / 'new' / 'charades_classes.csv', newline='') as file:
        assert list(csv.reader(file)) == [
            ['class_id', 'name', 'count', 'ap'],
            ['0', 'Holding some clothes', '2', '0.833333'],
            ['1', 'Putting clothes somewhere', '2', '0.583333'],
            ['2', 'Taking some clothes', '0', ''],
        ]


@pytest.mark.parametrize(
    ('batch', 'message'),
    [
        ([], '^no results to score; the test set is empty'),
        (
            samples(labels=[[0.0, 0.0, 0.0]] * 4),
            '^mAP is undefined: none of the 3 classes has a positive label',
        ),
        (
            samples(labels=[label[:2] for label in LABELS]),
            r'^V0EGO: scores of shape \(3,\) and labels of shape \(2,\); expected multi-hot labels '
            'with as many classes as',
        ),
        (
            samples(scores=[*SCORES[:2], [0.7, float('nan'), 0.5], SCORES[3]]),
            r'^V2EGO: class score NaN or infinite \(1 such',
        ),
    ],
)
def test_bad_input_leaves_one_sentence_and_no_report(batch, message, tmp_path):
    with pytest.raises(ValueError, match=message) as caught:
        evaluate(CharadesMetric(report_dir=str(tmp_path / 'new')), batch)
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'new').exists()


def test_unknown_variant():
    with pytest.raises(ValueError, match="variant must be one of reference, official, got 'max'"):
        CharadesMetric(variant='max')
