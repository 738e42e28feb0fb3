"""Whole extractions in processes of their own: killed and started again, and on two ranks."""

import json
import os
import subprocess
import sys

import pytest
from media import noise_video
from runs import ROOT, test

import egoexo_mm  # noqa: F401
from egoexo_mm.targets.inspection.summary import summarize, summary_lines
from egoexo_mm.targets.inspection.verification import listed_ids, verify_store
from tests.engine.extraction_case import config, extract, rows

# For each config: a run to measure by, then the same into another store, again and again in a
# process that is killed at some moment, until one finishes. Moments are random, but the second and
# third run are killed at work, with a new shard.
KILLER = """
import os, random, signal, sys, time
from pathlib import Path
from mmengine.config import Config
sys.path[:0] = [sys.argv[1], sys.argv[1] + '/tests']
from tests.engine.extraction_case import extract


def start(path):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            extract(Config.fromfile(path))
            code = 0
        finally:
            os._exit(code)
    return child


def watch(child, due):
    while not due():
        ended, code = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(code)
        time.sleep(0.005)
    time.sleep(draw.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print('KILLED', flush=True)


draw = random.Random(int(sys.argv[2]))
warm = Config.fromfile(sys.argv[3])
warm.test_cfg.store += '_warm'
extract(warm)  # the first run of a process takes seconds longer
for whole, killed in zip(sys.argv[3::2], sys.argv[4::2]):
    begin = time.monotonic()
    extract(Config.fromfile(whole))
    seconds = time.monotonic() - begin
    shards = lambda: len(list(Path(Config.fromfile(killed).test_cfg.store).glob('shard-*')))
    attempt, code = 0, None
    while code is None:
        before, until = shards(), time.monotonic() + draw.uniform(0.1, 0.8) * seconds
        at_work = attempt in (1, 2)
        code = watch(
            start(killed), lambda: shards() > before if at_work else time.monotonic() > until
        )
        attempt += 1
    print('ENDED', code, flush=True)
"""


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Twelve videos of 40 frames, and one that is broken."""
    root = tmp_path_factory.mktemp('videos')
    for i in range(12):
        noise_video(root / 'videos' / f'clip_{i}.mp4', seed=i)
    (root / 'videos' / 'broken.mp4').write_bytes(b'no video')
    names = [f'clip_{i}.mp4 {i % 2}\n' for i in range(12)]
    (root / 'list.txt').write_text(''.join(names[:5] + ['broken.mp4 0\n'] + names[5:]))
    (root / 'first.txt').write_text(''.join(names[:3]))
    return root


def failed(store):
    return [
        json.loads(line)['video_id'] for line in (store / 'failed.jsonl').read_text().splitlines()
    ]


def dumped(cfg, path):
    cfg.dump(path)
    return path


def test_killed_until_done(videos, tmp_path):
    cases = [('ColourTeacher', 1), ('BrightBoxTeacher', 0)]
    paths = []
    for teacher, workers in cases:
        slow = dict(
            teacher=teacher,
            workers=workers,
            model=dict(seconds=0.03),
            loop=dict(batch_size=4, rows_per_shard=2),
        )
        paths += [
            dumped(
                config(videos, str(tmp_path / f'{teacher}_{name}'), **slow),
                tmp_path / f'{teacher}_{name}.py',
            )
            for name in ('whole', 'killed')
        ]
    with open(
        tmp_path / 'out.txt', 'w'
    ) as out:  # a file: orphaned data workers would hold a pipe open for seconds
        subprocess.run(
            [sys.executable, '-c', KILLER, str(ROOT), '0', *map(str, paths)],
            cwd=ROOT,
            stdout=out,
            stderr=out,
            env=dict(os.environ, OMP_NUM_THREADS='1'),
            timeout=120,
        )
    said = (tmp_path / 'out.txt').read_text()
    parts = said.split('ENDED 0')
    assert len(parts) == 3, said[-3000:]
    for (teacher, _), part in zip(cases, parts):
        store = tmp_path / f'{teacher}_killed'
        assert part.count('KILLED') >= 2
        assert 'videos are in it already' in part, 'no killed run had written anything'
        assert rows(store) == rows(tmp_path / f'{teacher}_whole') and len(rows(store)) == 12
        assert failed(store) == ['broken']
        listed = set(listed_ids(videos / 'list.txt', 'stem')) - {'broken'}
        assert verify_store(store, listed).faults == []


def test_two_ranks_equal_one(videos, tmp_path):
    store = tmp_path / 'store'
    begun = config(videos, str(store))
    begun.test_dataloader.dataset.ann_file = str(videos / 'first.txt')
    extract(begun)  # three videos by one rank
    path = dumped(config(videos, str(store)), tmp_path / 'config.py')
    said = test(path, 'none', tmp_path / 'work', procs=2)
    counts = '9 videos extracted (90 frames), 3 were there before; 1 failed'
    assert f'{store}: {counts}, see {store}/failed.jsonl' in said
    extract(config(videos, str(tmp_path / 'one')))
    assert rows(store) == rows(tmp_path / 'one')
    assert failed(store) == ['broken']
    assert {shard.name[:10] for shard in store.glob('shard-*')} == {'shard-r000', 'shard-r001'}
    told = '\n'.join(summary_lines(summarize(store)))
    assert 'videos: 12 in 3 shard(s)' in told and 'failed.jsonl: 1 video(s) without a row' in told
