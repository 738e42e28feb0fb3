"""The benchmark runs, refuses to time unequal outputs, and reports every row."""

import functools
import json

import numpy as np
import pytest

from tests.scripts import load_script


@pytest.fixture
def tool():
    module = load_script('tools/benchmarks/raster.py')
    threads = module.torch.get_num_threads()
    yield module
    module.torch.set_num_threads(threads)  # the tool takes one


def test_rows(tool, tmp_path, capsys):
    out = tmp_path / 'rows.json'
    tool.main(['--quick', '--rounds', '1', '--videos', '2', '--json', str(out)])
    report = json.loads(out.read_text())
    rows, printed = report['rows'], capsys.readouterr().out
    assert report['rounds'] == 1 and report['versions']['numpy'] == np.__version__
    # 6 loads x 3 loops, 2 loads x 2 ways to get the slow frames, boxes, scores
    assert [row['identical'] for row in rows] == [True] * (6 * 3 + 2 * 2 + 2)
    assert printed.startswith('| case | baseline |')
    for row in rows:
        assert f'| {row["case"]} | {row["baseline"]} |' in printed
        assert row['baseline_us'] > 0 and row['ours_us'] > 0
        assert row['ratio'] == pytest.approx(row['baseline_us'] / row['ours_us'])
        assert row['spread'][0] <= row['ratio'] <= row['spread'][1]  # one round: all equal
    assert [row['case'] for row in rows[-2:]] == [
        'boxes of 8 frames of a random video (of 2)',
        'open 16 x 1000 scores, read one video',
    ]


def test_loops_by_hand(tool):
    # 0.3 * 7 = 2.1 -> 2, 0.5 * 7 = 3.5 -> 3 and 1 * 7 -> 7, clamped to 6
    boxes = tool.Boxes(
        np.array([[0.3, 0, 0.5, 0.1], [0.5, 0, 1, 0]], np.float32),
        np.array([0.75, 0.5], np.float32),
        np.array([1, 1]),
        np.array([0, 0]),
    )
    expected = np.zeros((2, 1, 7, 7))
    expected[1, 0, 0] = [0, 0, 0.75, 0.75, 0.5, 0.5, 0.5]
    tensors = tool.Boxes(*map(tool.torch.from_numpy, boxes))
    for paint, given in (
        (tool.paint_torch, tensors),
        (tool.paint_numpy, boxes),
        (tool.paint_fill_only, boxes),
        (tool.paint_at_once, boxes),
    ):
        np.testing.assert_array_equal(paint(given, 1), expected)


def test_unequal_outputs_are_not_timed(tool, monkeypatch, tmp_path):
    compare = functools.partial(tool.measure, rounds=1, least=0)
    monkeypatch.setattr(
        tool, 'paint_at_once', lambda boxes, num_frames: np.zeros((2, num_frames, 7, 7), np.float32)
    )
    with pytest.raises(RuntimeError, match='torch loop, .* gives another output; the times would'):
        tool.raster_rows(compare)
    read = tool.read_store
    monkeypatch.setattr(
        tool,
        'read_store',
        lambda store, video_id, frames: read(store, video_id, frames)._replace(kind=np.zeros(0)),
    )
    with pytest.raises(RuntimeError, match='np.load.* gives another output'):
        tool.reading_rows(compare, tmp_path, 1)


@pytest.mark.parametrize(
    'args, message',
    [
        (['--rounds', '0'], '--rounds must be 1 or more'),
        (['--json', 'no/such/x.json'], 'no such folder'),
    ],
)
def test_bad_usage(tool, capsys, args, message):
    with pytest.raises(SystemExit):
        tool.main(args)
    assert message in capsys.readouterr().err
