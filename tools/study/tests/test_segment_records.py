"""Records of segments say what the rendered ground truth says; metrics that read them, by hand."""

import json

import numpy as np
import pytest
import torch
from mmaction.registry import METRICS

import study.modules  # noqa: F401
from study.linear_probes import PENALTY, area_under_curve, classify, explained, ridge
from study.world import render_clip, write_records
from study.world.cameras import HEIGHT, WIDTH
from study.world.clips import NUM_FRAMES
from study.world.plan import EPIC, SIZES, plan
from study.world.records import BOTH, segment_record
from study.world.scene import NONE
from tests.scripts import load_script

COUNTS = {EPIC: dict(train=12, val=1, test=1)}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(SIZES, 'tiny', COUNTS)
    return plan(EPIC, 'tiny', 3)


def test_records_agree_with_what_is_drawn(tiny):
    """The acting palm lies in a hand's box, and is on the thing where the truth says so.

    The box is that of what is visible, so that a palm behind the thing may lie beside it.
    """
    frames, inside, checked = [0, 15, 31], 0, 0
    for item in tiny[:8]:
        record = segment_record(item)
        clip = render_clip(
            item.seed,
            item.verb,
            item.noun,
            view='first',
            home=item.home,
            times=np.array(frames) / NUM_FRAMES,
        )
        for frame, truth in zip(frames, clip.truth):
            hands = [hand for hand in truth.hands if hand.side == record['acting']]
            if record['acting'] == BOTH or not hands:
                continue
            palm = record['hand'][frame] * (WIDTH, HEIGHT)
            near = [
                hand
                for hand in hands
                if (palm >= hand.box[:2] - 2).all() and (palm <= hand.box[2:] + 2).all()
            ]
            checked, inside = checked + 1, inside + bool(near)
            touching = {hand.contact != NONE for hand in near}
            assert not near or record['contact'][frame] in touching
    assert checked >= 8 and inside / checked > 0.75


def test_file_of_records(tiny, tmp_path, capsys):
    (tmp_path / 'world.json').write_text(json.dumps(dict(size='tiny', seed=3)))
    main = load_script('tools/miniworld.py').main
    assert main([str(tmp_path), '--records', str(tmp_path / 'records.npz')]) == 0
    with np.load(tmp_path / 'records.npz') as found:
        assert found['name'].tolist() == [item.name for item in tiny]
        assert found['hand'].shape == (14, NUM_FRAMES, 2) and found['contact'].dtype == bool
        assert set(found['acting']) <= {0, 1, 2} and 0 < (found['others'] > 0).sum() < 14
    assert main([str(tmp_path / 'no'), '--records', 'x.npz']) == 1
    assert 'expected a world with world.json' in capsys.readouterr().err
    assert write_records(tmp_path, tmp_path / 'again.npz') == 14


@pytest.mark.parametrize('rows', [30, 6])
def test_ridge_in_closed_form(rows):
    """Both systems of equations, against the normal equations of standardised features."""
    rng = np.random.default_rng(0)
    x, y, new = rng.normal(size=(rows, 10)), rng.normal(size=(rows, 2)), rng.normal(size=(5, 10))
    x[:, 3] = 7.0  # constant
    kept = np.delete(x, 3, 1)
    mean, scale = kept.mean(0), kept.std(0)
    z = (kept - mean) / scale
    weights = np.linalg.inv(z.T @ z + rows * 10 * PENALTY * np.eye(9)) @ z.T @ (y - y.mean(0))
    expected = (np.delete(new, 3, 1) - mean) / scale @ weights + y.mean(0)
    np.testing.assert_allclose(ridge(x, y, new), expected)


def test_scores_by_hand():
    assert area_under_curve(np.array([1, 2, 3, 2]), np.array([0, 0, 1, 1])) == 100 * 3.5 / 4
    assert explained(np.array([[0.0], [2.0]]), np.array([[0.0], [1.0]])) == 50
    x = np.array([[0.0], [1.0], [10.0], [11.0]])
    assert classify(x, np.array([0, 0, 1, 1]), np.array([[2.0], [9.0]]), 2).tolist() == [0, 1]


def test_nouns_by_what_is_in_sight(tmp_path):
    np.savez(tmp_path / 'r.npz', name=np.array(['a', 'b', 'c']), others=np.array([1, 0, 2]))
    metric = METRICS.build(dict(type='ThingsInSightMetric', records=str(tmp_path / 'r.npz')))
    for name, noun in (('a', 3), ('b', 5), ('c', 4)):
        sample = dict(narration_id=name, pred_label=torch.tensor([0, 3]))
        metric.process({}, [dict(sample, gt_label=torch.tensor([1, noun]))])
    found = metric.evaluate(3)
    assert found == {'sight/noun_two': 50, 'sight/noun_one': 0, 'sight/num_two': 2}


def probe(tmp_path, hand_seen: float):
    """Features (4 channels, 2 frames, 1 x 2 cells) that hold the hand's x in one cell."""
    rng = np.random.default_rng(1)
    count = 60
    names = [f'P{1 + 2 * (i % 2)}{i:02d}' for i in range(count)]
    hand = rng.uniform(0.2, 0.8, (count, NUM_FRAMES, 2))
    hand[..., 1] = 0.5 + 0.1 * hand[..., 0]
    contact, acting = rng.random((count, NUM_FRAMES)) < 0.6, rng.integers(3, size=count)
    others = rng.integers(2, size=count)
    np.savez(
        tmp_path / 'r.npz', name=names, hand=hand, contact=contact, acting=acting, others=others
    )
    metric = METRICS.build(dict(type='LinearProbeMetric', records=str(tmp_path / 'r.npz')))
    frames = np.array([0, 4, 8, 12])
    for i, name in enumerate(names):
        maps = rng.normal(size=(4, 2, 1, 2)) * 0.01
        shown = frames[[0, 2]]
        maps[0, :, 0, 0] += hand_seen * hand[i, shown, 0]
        maps[1] += contact[i, shown][:, None, None]
        maps[2:, :, 0, 1] += np.eye(3)[acting[i], :2][:, None]
        noun = i % 3 if others[i] else 0
        sample = dict(
            narration_id=name,
            frame_inds=frames + 33,  # the second segment of a folder whose files count from 1
            start_index=1,
            segment_start=32,
            map_frames=torch.tensor([0, 2]),
            gt_label=torch.tensor([0, noun]),
            feature=torch.eye(3)[noun],
            feature_map=torch.tensor(maps),
        )
        metric.process({}, [sample])
    return metric.evaluate(count)


def test_probes_find_what_is_in_the_features(tmp_path):
    found = probe(tmp_path, hand_seen=1.0)
    assert found['probe/contact_auc'] == 100 and found['probe/side_top1'] == 100
    assert found['probe/object_top1'] == found['probe/object_two_top1'] == 100
    assert 90 < found['probe/hand_r2'] < 100


def test_probes_find_nothing_where_there_is_nothing(tmp_path):
    assert probe(tmp_path, hand_seen=0.0)['probe/hand_r2'] < 10


def test_probes_need_both_parts(tmp_path):
    np.savez(tmp_path / 'r.npz', name=np.array([]))
    metric = METRICS.build(
        dict(type='LinearProbeMetric', records=str(tmp_path / 'r.npz'), train_participants='P')
    )
    sample = dict(
        narration_id='P101',
        frame_inds=np.arange(4),
        start_index=0,
        segment_start=0,
        map_frames=torch.tensor([0]),
        gt_label=torch.tensor([0, 0]),
        feature=torch.zeros(3),
        feature_map=torch.zeros(4, 1, 1, 1),
    )
    metric.process({}, [sample])
    with pytest.raises(ValueError, match='1 of 1 segments begin with'):
        metric.evaluate(1)
