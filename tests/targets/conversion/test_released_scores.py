"""The score files as the released loader reads them: pickled ``{list path: numbers}``."""

import os
import pickle

import numpy as np
import pytest

from egoexo_mm.targets import TargetStore, TargetStoreError
from egoexo_mm.targets.conversion.released_scores import convert_scores

LOGITS = {'abseiling/a.mp4': [1.5, -0.5], 'abseiling/b.mp4': [0.25, 2], 'zumba/c.mkv': [-3, 0]}
PROBABILITIES = {'a.mp4': [0.25, 0.75], 'b.mp4': [1.0, 0.0], 'c.mp4': [0.5005, 0.5]}


def write(path, table, protocol=4):
    path.write_bytes(pickle.dumps(table, protocol))
    return path


def convert(source, out, **changes):
    return convert_scores(source, out, **{'signal': 'ego_score', 'score_kind': 'logits', **changes})


@pytest.mark.parametrize('protocol', [0, 2, 3, 4, 5])
@pytest.mark.parametrize(
    'kind', [list, tuple, np.float16, np.float32, np.float64, lambda v: [np.float32(x) for x in v]]
)
def test_ego_scores(tmp_path, protocol, kind):
    source = write(
        tmp_path / 'k400_ego_predicts.pkl', {k: kind(v) for k, v in LOGITS.items()}, protocol
    )
    assert convert(source, tmp_path / 'out') == 3
    store = TargetStore(tmp_path / 'out')
    assert {v: store.scores(v).tolist() for v in store.video_ids} == {
        'a': [1.5, -0.5],
        'b': [0.25, 2],
        'c': [-3, 0],
    }
    manifest = store.manifest
    assert (manifest.signal, manifest.score_kind, manifest.num_scores) == ('ego_score', 'logits', 2)
    assert (manifest.dataset, manifest.video_id) == ('k400', 'stem')
    assert manifest.teacher == 'Ego-Exo release, k400_ego_predicts.pkl'
    assert sorted(os.listdir(tmp_path / 'out')) == ['manifest.json', 'shard-r000-00000.arrow']


def test_object_scores(tmp_path):
    rows = np.random.default_rng(0).normal(size=(4, 1000)).astype(np.float32)
    source = write(tmp_path / 'in.pkl', {f'{i}.mp4': row for i, row in enumerate(rows)})
    convert(source, tmp_path / 'out', signal='object_score', dataset='mini', teacher='me')
    store = TargetStore(tmp_path / 'out')
    for i, row in enumerate(rows):
        assert np.array_equal(store.scores(str(i)), row.astype(np.float16).astype(np.float32))
    assert (store.manifest.dataset, store.manifest.teacher) == ('mini', 'me')


def test_stem_collision_and_path_rule(tmp_path):
    source = write(tmp_path / 'in.pkl', {'x/1.mp4': [0, 1], 'y/1.mp4': [2, 3]})
    with pytest.raises(
        TargetStoreError,
        match="in.pkl: 'x/1.mp4' and 'y/1.mp4' would share the "
        "video id '1'; use the id rule 'path'",
    ):
        convert(source, tmp_path / 'out')
    convert(source, tmp_path / 'out', video_id='path')
    store = TargetStore(tmp_path / 'out')
    assert store.manifest.video_id == 'path'
    assert store.scores('y/1').tolist() == [2, 3]


@pytest.mark.parametrize(
    'table, kind, message',
    [
        (
            PROBABILITIES,
            'logits',
            r'in.pkl: the scores look like probabilities \(minimum 0, sums from 1'
            r' to 1(\.\d+)?\), not logits; give --score-kind probabilities, or --force',
        ),
        (
            LOGITS,
            'probabilities',
            r"in.pkl: the scores are no probabilities \('a' has minimum -0.5 and "
            r'sum 1; all: minimum -3, sums from -3 to 2.25\); give --score-kind logits, or --force',
        ),
        (
            {**PROBABILITIES, 'd.mp4': [0.502, 0.5]},
            'probabilities',
            "'d' has minimum 0.5 and sum 1.002",
        ),
    ],
)
def test_score_kind_is_checked(tmp_path, table, kind, message):
    source = write(tmp_path / 'in.pkl', table)
    with pytest.raises(TargetStoreError, match=message):
        convert(source, tmp_path / 'out', score_kind=kind)
    assert os.listdir(tmp_path) == ['in.pkl']
    convert(source, tmp_path / 'out', score_kind=kind, force=True)
    assert TargetStore(tmp_path / 'out').manifest.score_kind == kind


def test_probabilities(tmp_path):
    convert(write(tmp_path / 'in.pkl', PROBABILITIES), tmp_path / 'out', score_kind='probabilities')
    assert TargetStore(tmp_path / 'out').scores('a').tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    'table, message',
    [
        ({}, 'expected a mapping from video path to scores, found an empty one'),
        ([1, 2], 'expected a mapping from video path to scores, found list'),
        ({'a.mp4': [0, 1], 7: [0, 1]}, 'key 7 is not a path'),
        (
            {'a.mp4': [0, 1], 'b.mp4': [0, 1, 2]},
            r"in.pkl: 'b.mp4': scores have shape \(3,\), but the store holds 2 per video",
        ),
        ({'a.mp4': [0, 1], 'b.mp4': [0, [1, 2]]}, r"'b.mp4': scores have shape \(\)"),
        ({'a.mp4': [0, 1], 'b.mp4': None}, r"'b.mp4': scores have shape \(\)"),
        ({'a.mp4': [0, 1], 'b.mp4': [0, float('nan')]}, "'b.mp4': score 1 is NaN or infinite"),
        ({'a.mp4': [0, 1], 'b.mp4': ['0', '1']}, "'b.mp4': scores have type <U1"),
    ],
)
def test_bad_tables_write_nothing(tmp_path, table, message):
    source = write(tmp_path / 'in.pkl', table)
    with pytest.raises(TargetStoreError, match=message):
        convert(source, tmp_path / 'out')
    assert os.listdir(tmp_path) == ['in.pkl']


def test_existing_output(tmp_path):
    source = write(tmp_path / 'in.pkl', LOGITS)
    (tmp_path / 'out').mkdir()
    (tmp_path / '.out.partial').mkdir()  # of a killed run
    (tmp_path / '.out.partial/junk').write_text('x')
    convert(source, tmp_path / 'out')  # an empty folder will do
    assert sorted(os.listdir(tmp_path)) == ['in.pkl', 'out']
    with pytest.raises(TargetStoreError, match='out: exists already; delete it or give another'):
        convert(source, tmp_path / 'out')
