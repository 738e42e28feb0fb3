"""VerbNounMetric: keys, subsets, bad input, reports; official numbers on the real annotation."""

import csv
import json
import os
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import METRICS

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation import VerbNounMetric

ROOT = Path(__file__).parents[2]
SHARED = Path(
    os.environ.get('EGOEXO_SHARED_DATA', ROOT.parent / 'shared' / 'data')
)  # data that is not ours to commit
GOLDEN = json.loads((ROOT / 'tests' / 'data' / 'golden' / 'epic100_metric_seed11.json').read_text())


def sample(number, label, verb, noun, participant='P01', **more):
    scores = dict(verb=torch.tensor(verb), noun=torch.tensor(noun))
    return dict(
        pred_score=scores,
        gt_label=torch.tensor(label),
        narration_id=f'{participant}_01_{number}',
        participant_id=participant,
        **more,
    )


def samples():
    return [
        sample(0, [0, 0], [0.7, 0.2, 0.1], [0.6, 0.4]),  # all right
        sample(1, [1, 0], [0.7, 0.2, 0.1], [0.6, 0.4], 'P18'),  # verb wrong, second
        sample(2, [2, 1], [0.1, 0.2, 0.7], [0.6, 0.4], 'P32'),  # noun wrong
        sample(3, [1, 1], [0.4, 0.35, 0.25], [0.1, 0.9]),  # verb wrong
    ]


def evaluate(metric, batch):
    metric.process(None, batch)
    return metric.evaluate(len(batch))


def test_all_unseen_and_tail():
    metric = METRICS.build(
        dict(
            type='mmaction.VerbNounMetric',
            topk=(1, 2),
            unseen_participants='validation',
            tail_verbs=[2],
            tail_nouns=[1],
        )
    )
    assert evaluate(metric, samples()) == {
        'acc/verb_top1': 50.0,
        'acc/noun_top1': 75.0,
        'acc/action_top1': 25.0,
        'acc/verb_top2': 100.0,
        'acc/noun_top2': 100.0,
        # segment 1: .42, .28, *.12*; segment 2: .42, *.28*; segment 3: .36, *.315*
        'acc/action_top2': 75.0,
        'acc/unseen_verb_top1': 50.0,
        'acc/unseen_noun_top1': 50.0,
        'acc/unseen_action_top1': 0.0,
        'acc/tail_verb_top1': 100.0,
        'acc/tail_noun_top1': 50.0,
        'acc/tail_action_top1': 0.0,
    }


def test_only_all_by_default_and_the_second_run_starts_anew():
    metric = VerbNounMetric()
    first = evaluate(metric, samples())
    assert sorted(first) == [
        'acc/action_top1',
        'acc/action_top5',
        'acc/noun_top1',
        'acc/noun_top5',
        'acc/verb_top1',
        'acc/verb_top5',
    ]
    assert evaluate(metric, samples()) == first and metric.results == []


def test_logits_and_probabilities_agree():
    logits = samples()
    for item in logits:
        item['pred_score'] = {kind: score.log() + 3 for kind, score in item['pred_score'].items()}
    assert evaluate(VerbNounMetric(score_kind='logits'), logits) == evaluate(
        VerbNounMetric(), samples()
    )


def test_samples_keep_their_scores():
    batch = samples()
    evaluate(VerbNounMetric(), batch)
    assert torch.equal(batch[0]['pred_score']['verb'], torch.tensor([0.7, 0.2, 0.1]))


def test_unlabelled_segments_are_not_scored(tmp_path):
    batch = samples() + [sample(4, [-1, -1], [0.7, 0.2, 0.1], [0.6, 0.4])]
    assert evaluate(VerbNounMetric(), batch) == evaluate(VerbNounMetric(), samples())
    out = tmp_path / 'new' / 'out.json'
    assert evaluate(VerbNounMetric(predictions_file=str(out)), batch[4:]) == {}
    assert json.loads(out.read_text()) == {'P01_01_4': dict(verb=0, noun=0)}


def test_ego4d_segments_go_by_clip_and_action(tmp_path):
    item = sample(0, [0, 0], [0.1, 0.9], [0.1, 0.2, 0.7], clip_uid='abc', action_idx=7)
    evaluate(VerbNounMetric(predictions_file=str(tmp_path / 'out.json')), [item])
    assert json.loads((tmp_path / 'out.json').read_text()) == {'abc_7': dict(verb=1, noun=2)}


def test_absent_subset_is_left_out():
    metrics = evaluate(
        VerbNounMetric(unseen_participants=['P99'], tail_verbs=[9], tail_nouns=[1]), samples()
    )
    assert [name for name in metrics if 'unseen' in name] == []
    assert sorted(name for name in metrics if 'tail' in name) == [
        'acc/tail_action_top1',
        'acc/tail_noun_top1',
    ]


def bad(number, **changes):
    batch = samples()
    batch[number].update(changes)
    return batch


@pytest.mark.parametrize(
    ('batch', 'message'),
    [
        ([], '^no results to score; the test set is empty'),
        (
            bad(
                1,
                pred_score=dict(
                    verb=torch.tensor([float('nan'), 0.2, 0.1]), noun=torch.tensor([0.6, 0.4])
                ),
            ),
            r'^P18_01_1: verb score NaN or infinite \(1 such samples\)',
        ),
        (
            bad(1, pred_score=torch.ones(3)),
            '^P18_01_1: expected pred_score with "verb" and "noun", got Tensor; the model needs',
        ),
        (
            bad(2, gt_label=torch.tensor([3, 0])),
            r'^P32_01_2: label \(verb, noun\) \[3, 0\] does not fit a head with 3 verbs',
        ),
        (
            bad(2, gt_label=torch.tensor([1])),
            r'^P32_01_2: expected gt_label \(verb, noun\), got an array of shape \(1,\)',
        ),
        (bad(3, narration_id='P01_01_0'), '^P01_01_0: the segment comes twice in the results'),
        (
            bad(0, participant_id=None),
            '^Unseen needs participant_id in every data sample; add it to meta_keys',
        ),
        (
            bad(
                0,
                pred_score=dict(verb=torch.tensor([5.0, 0.2, -1.0]), noun=torch.tensor([0.6, 0.4])),
            ),
            "^scores from -1 to 5 are no probabilities; set score_kind='logits'",
        ),
    ],
)
def test_bad_input_is_one_sentence(batch, message):
    with pytest.raises(ValueError, match=message) as caught:
        evaluate(VerbNounMetric(unseen_participants='validation'), batch)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(tail_verbs=[1]), 'tail_verbs and tail_nouns go together'),
        (dict(score_kind='scores'), "score_kind must be 'probabilities' or 'logits', got 'scores'"),
        (dict(unseen_participants='nowhere.csv'), '^nowhere.csv: cannot be read \\(No such file'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        VerbNounMetric(**options)


def test_reports(tmp_path):
    evaluate(
        VerbNounMetric(report_dir=str(tmp_path), verb_names=['take', 'put', 'wash']), samples()
    )
    with open(tmp_path / 'verb_classes.csv', newline='') as file:
        assert list(csv.reader(file)) == [
            ['class_id', 'name', 'count', 'top1'],
            ['0', 'take', '1', '100'],
            ['1', 'put', '2', '0'],
            ['2', 'wash', '1', '100'],
        ]
    with open(tmp_path / 'noun_classes.csv', newline='') as file:
        assert list(csv.reader(file))[1:] == [['0', '', '2', '100'], ['1', '', '2', '50']]
    assert {path.name for path in tmp_path.iterdir()} == {
        'verb_classes.csv',
        'noun_classes.csv',
        'verb_confusion.png',
        'noun_confusion.png',
    }
    assert cv2.imread(str(tmp_path / 'verb_confusion.png')).std() > 10


@pytest.mark.skipif(
    not (SHARED / 'epic100' / 'EPIC_100_validation.csv').exists(),
    reason='needs the EPIC-100 annotations (CC BY-NC) in $EGOEXO_SHARED_DATA/epic100',
)
def test_official_numbers_on_the_real_validation_set():
    folder = SHARED / 'epic100'
    with open(folder / 'EPIC_100_validation.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    labels = np.array([[int(row['verb_class']), int(row['noun_class'])] for row in rows])
    assert len(rows) == 9668
    rng, every = np.random.default_rng(11), np.arange(len(rows))
    verb = rng.standard_normal((len(rows), 97)).astype(np.float32)
    noun = rng.standard_normal((len(rows), 300)).astype(np.float32)
    verb[every, labels[:, 0]] += 2.5
    noun[every, labels[:, 1]] += 2.5
    batch = [
        dict(
            pred_score=dict(verb=torch.from_numpy(verb[i]), noun=torch.from_numpy(noun[i])),
            gt_label=torch.from_numpy(labels[i]),
            **rows[i],
        )
        for i in every
    ]
    files = dict(
        tail_verbs='EPIC_100_tail_verbs.csv',
        tail_nouns='EPIC_100_tail_nouns.csv',
        unseen_participants='EPIC_100_unseen_participant_ids_validation.csv',
    )
    for unseen in ('file', 'validation'):
        options = {key: str(folder / name) for key, name in files.items()}
        if unseen != 'file':
            options['unseen_participants'] = unseen
        begin = time.perf_counter()
        metrics = evaluate(VerbNounMetric(score_kind='logits', **options), batch)
        assert time.perf_counter() - begin < 20
        assert {
            name.removeprefix('acc/'): value for name, value in metrics.items()
        } == pytest.approx(
            {name.removeprefix('all_'): value for name, value in GOLDEN.items()}, rel=0, abs=1e-6
        )
