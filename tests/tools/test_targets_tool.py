"""``tools/targets.py``: exit codes and what is printed where."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from egoexo_mm.targets import TargetStore
from tests.scripts import load_script
from tests.targets.stores import EGO, PROBS, box_store, ego_store, raw_store

TOOL = Path(__file__).resolve().parents[2] / 'tools/targets.py'


@pytest.fixture(scope='module')
def main():
    return load_script('tools/targets.py').main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ego_store(tmp_path / 'ego', [0, 1, 2])
    box_store(tmp_path / 'boxes')
    return tmp_path


def test_as_a_program(folder):
    done = subprocess.run(
        [sys.executable, TOOL, 'info', 'ego'], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith('ego\n  signal: ego_score\n') and done.stderr == ''


def test_info_goes_on_after_a_bad_store(folder, main, capsys):
    assert main(['info', 'ego', 'nowhere', 'boxes']) == 1
    out, err = capsys.readouterr()
    assert (
        '  scores: mean 0.25, from -1 to 2' in out.splitlines()
        and '  boxes: 4, 2 of hands and 2 of objects' in out
    )
    assert err.splitlines() == [
        'targets: error: nowhere: no such target store folder; extract or convert the targets '
        'first, or correct the path'
    ]
    assert main(['info', 'ego', 'boxes']) == 0


def test_verify(folder, main, capsys):
    assert main(['verify', 'ego']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'ego: 3 videos in 2 shard(s), nothing wrong'
    Path('list.txt').write_text('x/v2.mp4 0\nx/v0.mp4 1\n')
    assert main(['verify', 'ego', '--list', 'list.txt']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        'ego: 3 videos in 2 shard(s), nothing wrong, all 2 listed videos are there'
    )
    Path('list.txt').write_text('x/v2.mp4 0\nx/w.mp4 1\n')
    assert main(['verify', 'ego', '--list', 'list.txt']) == 1
    out, err = capsys.readouterr()
    assert (
        "ego: 1 of 2 listed videos have no row (0 of them are in failed.jsonl), the first is 'w'"
        in out
    )
    assert (
        err
        == 'targets: error: ego: 1 fault(s), 3 videos in 2 shard(s) read; mend them as said above\n'
    )


def test_verify_uses_the_id_rule_of_the_store(folder, main, capsys):
    raw_store(folder / 's', dataclasses.replace(PROBS, video_id='path'), [dict(video_id='x/v')])
    Path('list.txt').write_text('x/v.mp4 0\n')
    assert main(['verify', 's', '--list', 'list.txt']) == 0
    Path('list.txt').write_text('y/v.mp4 0\n')
    assert main(['verify', 's', '--list', 'list.txt']) == 1


def test_verify_lists_every_fault(folder, main, capsys):
    bad = np.float16([0, np.nan])
    raw_store(
        folder / 'bad',
        EGO,
        [dict(video_id='a', score=bad), dict(video_id='b', score=bad)],
        [dict(video_id='c')],
    )
    Path('bad/shard-1.arrow').write_bytes(b'')
    assert main(['verify', 'bad']) == 1
    out, err = capsys.readouterr()
    assert (
        sum('score 1 is NaN' in line for line in out.splitlines()) == 2
        and 'shard-1.arrow: truncated' in out
    )
    assert (
        err
        == 'targets: error: bad: 3 fault(s), 2 videos in 2 shard(s) read; mend them as said above\n'
    )


@pytest.mark.parametrize(
    'command, message',
    [
        (['verify', 'x'], 'x: no such target store folder'),
        (['head', 'x'], 'x: no such target store folder'),
        (['verify', 'ego', '--list', 'x'], 'x: cannot be read'),
        (['verify', 'x', '--list', 'x'], 'x: no such target store'),
        (['merge', 'ego', 'x', 'out'], 'x: no such target store folder'),
        (['merge', 'ego', 'out'], 'give two or more'),
        (['merge', 'ego', 'boxes', 'out'], "signal is 'ego_score', not 'interaction'"),
        (['head', 'ego', '--video', 'x'], "ego: no video 'x' among the 3"),
        (['head', 'ego', '--frame', '1'], 'leave out the'),
    ],
)
def test_bad_input(folder, main, capsys, command, message):
    assert main(command) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith('targets: error: ') and message in error and not Path('out').exists()


@pytest.mark.parametrize(
    'command',
    [
        [],
        ['info'],
        ['merge', 'ego'],
        ['merge', 'ego', 'boxes', 'out', '--keep', 'last'],
        ['head', 'ego', '-n', '0'],
        ['head', 'ego', '-n', '2', '--video', 'v0'],
        ['head', 'ego', '--frame', 'x'],
    ],
)
def test_bad_usage(folder, main, command):
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2


def test_merge(folder, main, capsys):
    ego_store(folder / 'more', [5, 0])
    assert main(['merge', 'ego', 'more', 'out']) == 1
    assert "video 'v0' is also in ego/shard-r000-00000.arrow" in capsys.readouterr().err
    assert main(['merge', 'ego', 'more', 'out', '--keep', 'first']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'out: 4 videos, 1 rows left out as double'
    ego_store(folder / 'last', [9])
    assert main(['merge', 'out', 'last', 'all']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == 'all: 5 videos'
    assert TargetStore('all').video_ids == ['v0', 'v1', 'v2', 'v5', 'v9']


def test_head(folder, main, capsys):
    assert main(['head', 'ego', '-n', '1']) == 0
    assert capsys.readouterr().out.splitlines() == [
        'v0: 10 frames, 25 fps, 340x256',
        '  0: 0 (50.0 %), 1: 0 (50.0 %)',
    ]
    assert main(['head', 'boxes', '--video', 'v', '--frame', '8']) == 0
    assert capsys.readouterr().out.splitlines()[2:] == [
        '  frame 8: 1 boxes',
        '    object 0.500 at 0.500, 0.500, 0.750, 1.000',
    ]


@pytest.mark.parametrize('command', ['head', 'info'])
def test_into_a_closed_pipe(folder, command):
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}
    done = subprocess.run(
        f'{sys.executable} {TOOL} {command} ego | true',
        shell=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.stderr == ''
