"""The benchmarks' entry point and what its figures rest on."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexo_mm.interaction_maps import boxes_to_maps

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'
NAMES = (
    'run',
    'measuring',
    'step',
    'store',
    'loader',
    'multi_view',
    'scaling',
    'raster',
    'backbones',
)


@pytest.fixture
def bench(monkeypatch):
    """Imports a module of the benchmarks, and forgets it afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    threads = torch.get_num_threads()
    yield lambda name: __import__(name)
    torch.set_num_threads(threads)
    for name in NAMES:
        sys.modules.pop(name, None)


def test_sides_take_turns(bench):
    measuring, called = bench('measuring'), []
    times = measuring.in_turns(
        {'a': lambda: called.append('a'), 'b': lambda: called.append('b')}, 3
    )
    assert ''.join(called) == 'ab' + 'ab' + 'ba' + 'ab'  # once to warm up
    assert [len(spent) for spent in times.values()] == [3, 3]
    assert measuring.ratio(dict(x=[2.0, 9.0, 4.0], y=[1.0, 3.0, 1.0]), 'x', 'y') == 3  # of 2, 3, 4


def test_table(bench):
    assert bench('measuring').table([dict(a='x', b=1.23456), dict(a='y', c=7)]) == (
        '| a | b | c |\n|---|---|---|\n| x | 1.235 | - |\n| y | - | 7 |'
    )


def test_painting_in_the_step_makes_the_same_maps(bench):
    step = bench('step')
    _, samples, boxes = step.batch(1, 8, 96, 'cpu')
    rows = boxes[0].numpy()
    kind, frame = rows[:, 5].astype(int), rows[:, 6].astype(int)
    expected = boxes_to_maps(rows[:, :4], rows[:, 4], kind, frame, num_frames=8, grid=(3, 3))
    np.testing.assert_array_equal(step.paint(boxes[0], 8, 3).numpy(), expected)
    assert samples[0].interaction_map.shape == (2, 2, 3, 3)


def test_store_rows(bench, tmp_path, capsys):
    store = bench('store')
    rows = bench('run').main(
        ['--only', 'store', '--quick', '--rounds', '1', '--json', str(tmp_path / 'rows.json')]
    )['store']
    assert [(row['targets'], row['kept as']) for row in rows] == [
        ('Ego-Score, 100 videos', 'store'),
        ('boxes, 100 videos', 'store'),
        ('Ego-Score, 100 videos', 'one pickle'),
        ('boxes, 100 videos', 'npy per video'),
        ('Ego-Score, 300 videos', 'store'),
        ('boxes, 300 videos', 'store'),
        ('Ego-Score, 300 videos', 'one pickle'),
    ]
    assert (
        all(row['clip reads/s'] > 0 for row in rows)
        and '"tables"' in (tmp_path / 'rows.json').read_text()
    )
    assert capsys.readouterr().out.startswith('\n## store\n\n| targets | kept as |')
    store.make_store(tmp_path / 's', store.BOXES, 5, stride=4)
    found = store.TargetStore(tmp_path / 's').detections('video00000004', [0, 1, 4])
    assert found.slot.tolist() == [
        0,
        0,
        1,
        1,
        2,
        2,
    ]  # two boxes on every fourth frame; frame 1 has those of 0


def test_ranks_share_an_epoch(bench, tmp_path):
    rows = bench('scaling').rank_rows(tmp_path, 101)
    # 101 videos on two ranks: 51 each, one of them twice
    assert [(row['samples'], row['seen by both'], row['seen by either']) for row in rows] == [
        (51, 1, 101)
    ] * 2


@pytest.mark.parametrize(
    'args, message',
    [
        (['--rounds', '0'], '--rounds must be 1 or more'),
        (['--json', 'no/such/x.json'], 'no such folder'),
        (['--only', 'step,speed'], '--only speed: no such benchmark; choose from step'),
        (['--videos', 'no/such'], '--videos no/such: no such folder'),
    ],
)
def test_bad_usage_of_the_entry_point(bench, capsys, args, message):
    with pytest.raises(SystemExit):
        bench('run').main(args)
    assert message in capsys.readouterr().err


def test_heads_beside_a_backbone(bench):
    """FLOPs of the map head, by hand: 512 x 9 and 2 sums of products for each of its cells."""
    (row,) = bench('backbones').run(bench('measuring').Options(rounds=1, quick=True))
    assert (row['recognizer'], row['map, T x H x W']) == ('X3D-M', '16 x 7 x 7')
    channels, cells = 432, 16 * 7 * 7
    maps = 2 * cells * 512 * (9 * channels + 2)
    scores = 2 * channels * (2 + 1000)
    assert row['heads, GFLOP'] == f'{(maps + scores) / 1e9:.2f}'
    assert float(row['heads, % of CPU time']) > 0
