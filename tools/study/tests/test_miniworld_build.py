"""The small world is the same everywhere, continues where it stopped, never mixes with another."""

import pytest

from study.tests.miniworld_files import LEAST, TINY, digests, short_clips, tiny_world
from study.world import PARTS, build, make_world
from study.world.plan import plan
from tests.scripts import load_script


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    short_clips(monkeypatch)  # forked workers have it too


def test_files_do_not_depend_on_processes(tmp_path, monkeypatch):
    for procs in (1, 2):
        tiny_world(tmp_path / str(procs), monkeypatch, counts=LEAST, procs=procs)
    one = digests(tmp_path / '1')
    assert one == digests(tmp_path / '2')
    # 2 videos, a frame each of 4 and of 3 segments, 3 pictures, 16 objects, 9 ground truths, 3
    # annotations
    assert len(one) == 2 + 4 + 3 + 3 + 16 + 9 + 3


def test_a_stopped_run_goes_on(tmp_path, monkeypatch):
    make_item, done = build.make_item, []

    def stops(root, item):
        if len(done) == 2:
            raise OSError('disk full')
        make_item(root, item)
        done.append(item)

    monkeypatch.setattr(build, 'make_item', stops)
    with pytest.raises(OSError, match='disk full'):
        tiny_world(tmp_path / 'a', monkeypatch, counts=LEAST)
    # a list is written when all its clips are
    assert not (tmp_path / 'a/charades_ego/CharadesEgo_v1_train.csv').exists()
    before = digests(tmp_path / 'a')
    leftover = tmp_path / 'a/objects/train/ball/.train_ball_00000-abc.png'  # of a killed run
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    monkeypatch.setattr(build, 'make_item', make_item)
    parts = tiny_world(tmp_path / 'a', monkeypatch, counts=LEAST)
    assert [parts[name]['rendered'] for name in PARTS] == [0, 2, 3, 3, 16]
    assert before.items() <= digests(tmp_path / 'a').items()
    assert not leftover.exists()
    again = tiny_world(tmp_path / 'a', monkeypatch, counts=LEAST)
    assert [again[name]['rendered'] for name in PARTS] == [0] * 5


def test_another_world_or_folder_is_left_alone(tmp_path):
    build._claim(tmp_path / 'a', dict(version=1, size='small', seed=1))
    with pytest.raises(
        ValueError,
        match='world.json: the folder holds another world .size small, seed 1, version 1.; give',
    ):
        make_world(tmp_path / 'a', size='small', seed=2)
    (tmp_path / 'b').mkdir()
    (tmp_path / 'b/letter.txt').touch()
    with pytest.raises(ValueError, match='b: is no world and not empty; give a new folder'):
        make_world(tmp_path / 'b')
    assert [path.name for path in (tmp_path / 'b').iterdir()] == ['letter.txt']
    with pytest.raises(
        ValueError, match="size 'big', seed 0 or procs 1: expected one of small, short, full"
    ):
        make_world(tmp_path / 'c', size='big')
    assert not (tmp_path / 'c').exists()


@pytest.mark.parametrize('size', ['small', 'short', 'full'])
def test_splits_share_nothing(size):
    items = [item for part in PARTS for item in plan(part, size, 0)]
    assert len({item.seed for item in items}) == len(items)
    assert not {item.seed for item in items} & {
        item.seed for part in PARTS for item in plan(part, size, 1)
    }
    epic = plan('epic100', size, 0)
    homes = {
        split: {tuple(item.home) for item in epic if item.split == split}
        for split in ('train', 'val', 'test')
    }
    people = {
        split: {item.participant for item in epic if item.split == split}
        for split in ('train', 'val', 'test')
    }
    for sets in (homes, people):
        assert (
            not sets['train'] & sets['val']
            and not sets['train'] & sets['test']
            and not sets['val'] & sets['test']
        )


def test_actions_are_spread_evenly():
    train = [item for item in plan('kinetics', 'full', 0) if item.split == 'train']
    counts = {}
    for item in train:
        counts[item.verb, item.noun] = counts.get((item.verb, item.noun), 0) + 1
    assert len(train) == 480 and len(counts) == 48 and set(counts.values()) == {10}


def test_command(tmp_path, monkeypatch, capsys):
    tool = load_script('tools/miniworld.py')
    monkeypatch.setitem(build.SIZES, 'tiny', {**LEAST, 'kinetics': TINY['kinetics']})
    assert tool.main([str(tmp_path / 'a'), '--size', 'tiny', '--procs', '1']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert (
        lines[0].split()[:7] == ['kinetics', 'train', '2,', 'val', '1', '3', 'rendered']
        and 'whole after' in lines[-1]
    )
    assert tool.main([str(tmp_path / 'a'), '--size', 'tiny', '--seed', '4']) == 1
    assert 'error: ' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        tool.main([str(tmp_path / 'a'), '--procs', '0'])
