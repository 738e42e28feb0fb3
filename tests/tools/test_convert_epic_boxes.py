"""Boxes of EPIC and Charades-Ego by command line."""

import os
from pathlib import Path

import numpy as np
import pytest

from egoexo_mm.targets import TargetStore
from tests.targets.conversion.test_epic_boxes import frame, hand, save, thing
from tests.tools.test_convert_targets import main, one_error  # noqa: F401  (main is a fixture)


@pytest.fixture
def release(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / 'ho/P01/P01_01.pkl', [frame(1, [hand(0.25)], [thing(0.75)]), frame(2)])
    save(tmp_path / 'ho/P01/P01_101.pkl', [frame(1, video='P01_101')])
    return tmp_path


def test_epic_boxes(release, main, capsys):  # noqa: F811
    command = ['epic-boxes', 'ho', 'out', '--hand-threshold', '0.1', '--teacher', 'T']
    assert main(command) == 0
    assert main(command) == 0  # nothing left to do
    lines = capsys.readouterr().out.splitlines()
    assert 'convert ho: 2/2' in lines[0] and lines[-2:] == [
        'out: 2 videos written, 0 were there already',
        'out: 0 videos written, 2 were there already',
    ]
    store = TargetStore('out')
    assert store.detections('P01_01', [0]).score.tolist() == [0.25, 0.75]
    assert [store.info(name).fps for name in store.video_ids] == [60, 50]
    assert (store.manifest.dataset, store.manifest.teacher, store.manifest.frame_size) == (
        'epic100',
        'T',
        (456, 256),
    )
    assert main(['epic-boxes', 'ho', 'out']) == 1
    assert 'out: is the store of other targets' in one_error(capsys)


def test_epic_boxes_of_another_size_and_rate(release, main):  # noqa: F811
    assert (
        main(
            [
                'epic-boxes',
                'ho',
                'out',
                '--frame-size',
                '341x256',
                '--fps',
                '30',
                '--dataset',
                'epic55',
            ]
        )
        == 0
    )
    store = TargetStore('out')
    assert store.info('P01_01') == (2, 30.0, 341, 256, 1)
    assert (store.manifest.fps, store.manifest.dataset) == (30.0, 'epic55')


def test_bad_file(release, main, capsys):  # noqa: F811
    save(Path('ho/P01/P01_101.pkl'), [b'\x12'])
    assert main(['epic-boxes', 'ho', 'out']) == 1
    assert one_error(capsys) == (
        'convert_targets: error: ho/P01/P01_101.pkl item 0: ends inside a number; get the file '
        'again from the '
        'EPIC-KITCHENS-100 hand-object release'
    )
    assert main(['epic-boxes', 'ho', 'out', '--skip-bad']) == 1
    assert one_error(capsys) == (
        'convert_targets: error: 1 bad file(s) left out, listed in out/failed.jsonl; mend them and '
        'run again'
    )
    assert TargetStore('out').video_ids == ['P01_01']


@pytest.mark.parametrize(
    'options',
    [
        ['--hand-threshold', '1.5'],
        ['--object-threshold', 'nan'],
        ['--fps', '-1'],
        ['--frame-size', '456'],
    ],
)
def test_usage_errors(release, main, options, capsys):  # noqa: F811
    with pytest.raises(SystemExit) as caught:
        main(['epic-boxes', 'ho', 'out', *options])
    assert caught.value.code == 2 and not os.path.exists('out')


def npy(folder, name, num_rows):
    """A box whose left edge is 10 x its row, in pixels."""
    frames = np.empty((num_rows, 2), dtype=object)
    for row in range(num_rows):
        frames[row, 1] = np.float32([[10 * row, 0, 100, 100, 0.5, 0]])
    os.makedirs(folder, exist_ok=True)
    np.save(f'{folder}/{name}.npy', frames, allow_pickle=True)


@pytest.mark.parametrize(
    'options, num_frames, lefts',
    [
        ([], 4, [0, 0.1, 0.2, 0.3]),
        (['--first-frame', '1'], 4, [0, 0.1, 0.2, 0.3]),
        (['--first-frame', '0'], 3, [0.1, 0.2, 0.3]),
    ],
)
def test_npy_of_epic_by_frame_number(tmp_path, monkeypatch, main, options, num_frames, lefts):  # noqa: F811
    """With --first-frame 0, stored frame i (JPG number i + 1) gets row i + 1."""
    monkeypatch.chdir(tmp_path)
    npy('npy', 'P01_01', 4)
    assert (
        main(['boxes', 'npy', 'out', '--frame-size', '100x100', '--dataset', 'epic100', *options])
        == 0
    )
    store = TargetStore('out')
    assert store.info('P01_01').num_frames == num_frames
    assert (
        store.detections('P01_01', range(num_frames)).box[:, 0].tolist()
        == np.float32(lefts).tolist()
    )


def test_first_frame_is_part_of_the_store(tmp_path, monkeypatch, main, capsys):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    npy('npy', 'P01_01', 2)
    npy('one', 'P01_02', 1)
    command = ['boxes', 'npy', 'out', '--frame-size', '100x100']
    assert main([*command, '--first-frame', '0']) == 0
    assert TargetStore('out').manifest.notes == 'row 0 of a file is frame number 0, counted from 1'
    assert main(command) == 1
    assert "notes is 'row 0 of a file is frame number 0, counted from 1', not None" in one_error(
        capsys
    )
    assert main(['boxes', 'one', 'new', '--frame-size', '100x100', '--first-frame', '0']) == 1
    assert 'one/P01_02.npy: holds row 0 only, which belongs to no frame' in one_error(capsys)


def test_npy_of_charades_ego(tmp_path, monkeypatch, main):  # noqa: F811
    """The key is the image name up to the last dash, which is the name of the file."""
    monkeypatch.chdir(tmp_path)
    npy('npy', 'A1-B2EGO', 3)
    Path('sizes.csv').write_text('video_id,width,height\nA1-B2EGO,200,100\n')
    assert (
        main(
            [
                'boxes',
                'npy',
                'out',
                '--sizes',
                'sizes.csv',
                '--fps',
                '24',
                '--dataset',
                'charades_ego',
            ]
        )
        == 0
    )
    key = 'A1-B2EGO-000003.jpg'.rpartition('-')[0]
    store = TargetStore('out')
    assert store.info(key) == (3, 24.0, 200, 100, 1)
    assert store.detections(key, [2], total_frames=3).box.tolist() == [[np.float32(0.1), 0, 0.5, 1]]
