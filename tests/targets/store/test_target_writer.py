import json
import multiprocessing
import os
import signal

import numpy as np
import pytest

from egoexo_mm.targets import Manifest, StoreWriter, TargetStore, TargetStoreError

EGO = Manifest(signal='ego_score', dataset='toy', teacher='t', score_kind='logits')
BOXES = Manifest(signal='interaction', dataset='toy', teacher='t')
VIDEOS = [f'v{i}' for i in range(10)]


def add_all(path, videos, rank=0, die_after=None, how=None):
    with StoreWriter(path, BOXES, rows_per_shard=3, rank=rank) as writer:
        for count, video in enumerate(v for v in videos if v not in writer.done):
            if count == die_after:
                how(path)
            i = int(video[1:])
            writer.add_detections(
                video,
                frame=[i] * 2,
                box=[[0, 0, i / 16, 1]] * 2,
                score=[i / 16, 1],
                kind=[0, 1],
                num_frames=20,
            )


def content(path):
    store = TargetStore(path)
    rows = {}
    for video in store.video_ids:
        found = store.detections(video, range(20))
        rows[video] = (
            found.slot.tolist(),
            found.box.tolist(),
            found.score.tolist(),
            store.info(video),
        )
    return rows


def kill(path):
    (path / '.shard-r000-00003.arrow.tmp-r000').write_bytes(b'half a shard')
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize('how', [kill, lambda path: os._exit(1)], ids=['kill -9', '_exit'])
def test_killed_writer_resumes_to_an_undisturbed_store(tmp_path, how):
    add_all(tmp_path / 'whole', VIDEOS)
    process = multiprocessing.get_context('fork').Process(
        target=add_all, args=(tmp_path / 'killed', VIDEOS, 0, 8, how)
    )
    process.start()
    process.join()
    assert process.exitcode != 0
    # two shards of 3 were full, 2 rows were not written yet
    assert TargetStore(tmp_path / 'killed').video_ids == VIDEOS[:6]
    add_all(tmp_path / 'killed', VIDEOS)
    assert content(tmp_path / 'killed') == content(tmp_path / 'whole')
    names = sorted(os.listdir(tmp_path / 'killed'))
    assert names == ['manifest.json'] + [f'shard-r000-{n:05d}.arrow' for n in range(4)]


def test_exception_keeps_the_rows_so_far(tmp_path):
    with pytest.raises(TargetStoreError, match="video 'bad': box"):
        with StoreWriter(tmp_path, BOXES, rows_per_shard=4) as writer:
            for i in range(6):
                writer.add_detections(f'v{i}', frame=[0], box=[[0, 0, 1, 1]], score=[1], kind=[0])
            writer.add_detections('bad', frame=[0], box=[[0, 0, 99, 1]], score=[1], kind=[0])
    assert TargetStore(tmp_path).video_ids == [f'v{i}' for i in range(6)]


def test_two_ranks_write_into_one_folder(tmp_path):
    context = multiprocessing.get_context('fork')
    ranks = [
        context.Process(target=add_all, args=(tmp_path / 's', VIDEOS[rank::2], rank))
        for rank in range(2)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
        assert process.exitcode == 0
    add_all(tmp_path / 'whole', VIDEOS)
    assert content(tmp_path / 's') == {
        v: content(tmp_path / 'whole')[v] for v in VIDEOS[0::2] + VIDEOS[1::2]
    }
    add_all(tmp_path / 's', VIDEOS, rank=0)  # knows the rows of both
    assert len(list((tmp_path / 's').glob('*.arrow'))) == 4


def test_a_forked_process_keeps_no_lock(tmp_path):
    """Data workers outlive a killed run for some seconds; it can be started again at once."""
    ready, done = os.pipe(), os.pipe()
    run = os.fork()
    if run == 0:
        writer = StoreWriter(tmp_path, EGO)
        if os.fork() == 0:  # a data worker, until the test ends
            os.close(done[1])
            os.read(done[0], 1)
            os._exit(0)
        os.write(ready[1], b'x')
        signal.pause()
        writer.close()
    os.read(ready[0], 1)
    os.kill(run, signal.SIGKILL)
    os.waitpid(run, 0)
    with StoreWriter(tmp_path, EGO) as writer:
        writer.add_scores('v0', [1, 2])
    os.close(done[1])
    assert TargetStore(tmp_path).video_ids == ['v0']


def test_second_writer_of_one_rank(tmp_path):
    with StoreWriter(tmp_path, EGO) as writer:
        with pytest.raises(TargetStoreError, match='another process writes as rank 0'):
            StoreWriter(tmp_path, EGO)
        writer.add_scores('a', [0, 1])
    assert TargetStore(tmp_path).video_ids == ['a']


def test_leftover_is_ignored_and_cleaned(tmp_path):
    StoreWriter(tmp_path, EGO).close()
    leftover = tmp_path / '.shard-r000-00000.arrow.tmp-r000'
    leftover.write_bytes(b'ARROW1')
    of_another_rank = tmp_path / '.shard-r001-00000.arrow.tmp-r001'
    of_another_rank.write_bytes(b'ARROW1')
    assert len(TargetStore(tmp_path)) == 0
    StoreWriter(tmp_path, EGO).close()
    assert not leftover.exists() and of_another_rank.exists()


def test_a_failing_disk_leaves_no_half_shard(tmp_path, monkeypatch):
    writer = StoreWriter(tmp_path, EGO)
    writer.add_scores('a', [0, 1])

    def full(_):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(os, 'fsync', full)
        with pytest.raises(
            TargetStoreError,
            match=r'shard-r000-00000.arrow: cannot be written \(No'
            r' space left on device\); free space',
        ):
            writer.close()
    assert os.listdir(tmp_path) == ['manifest.json']


@pytest.mark.parametrize(
    'other, message',
    [
        (
            Manifest(signal='ego_score', dataset='toy', teacher='u', score_kind='logits'),
            "is the store of other targets \\(teacher is 't', not 'u'\\); give another folder",
        ),
        (BOXES, "signal is 'ego_score', not 'interaction'"),
    ],
)
def test_other_manifest_is_refused(tmp_path, other, message):
    StoreWriter(tmp_path, EGO).close()
    before = (tmp_path / 'manifest.json').read_text()
    with pytest.raises(TargetStoreError, match=message):
        StoreWriter(tmp_path, other)
    assert (tmp_path / 'manifest.json').read_text() == before
    assert os.listdir(tmp_path) == ['manifest.json']


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / 'thesis.tex').write_text('x')
    with pytest.raises(TargetStoreError, match='holds files but no manifest.json'):
        StoreWriter(tmp_path, EGO)
    with pytest.raises(TargetStoreError, match='thesis.tex: is a file; give a folder'):
        StoreWriter(tmp_path / 'thesis.tex', EGO)
    assert os.listdir(tmp_path) == ['thesis.tex']


@pytest.mark.parametrize(
    'scores, message',
    [
        ([0, 1, 2], r"video 'v': scores have shape \(3,\), but the store holds 2 per video"),
        ([[0, 1]], r'scores have shape \(1, 2\)'),
        ([0, np.nan], 'score 1 is NaN or infinite; run the teacher on this video again'),
        ([-np.inf, 0], 'score 0 is NaN or infinite'),
        ([0, 1e5], 'score 100000 does not fit float16'),
        (['a', 'b'], 'scores have type <U1; expected numbers'),
    ],
)
def test_bad_scores(tmp_path, scores, message):
    with StoreWriter(tmp_path, EGO) as writer:
        with pytest.raises(TargetStoreError, match=message):
            writer.add_scores('v', scores)
    assert os.listdir(tmp_path) == ['manifest.json']


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(box=[[0, 0, 200, 100]]),
            r"video 'v': box \(0, 0, 200, 100\) at frame 3 is outside "
            r'\[0, 1\]; values look like pixels, divide by frame width and height',
        ),
        (dict(box=[[-0.02, 0, 1, 1]]), r'box \(-0.02, 0, 1, 1\) at frame 3 is outside'),
        (dict(box=[[0, 0, np.nan, 1]]), 'is outside'),
        (
            dict(box=[[0.5, 0, 0.25, 1]]),
            'has x2 < x1 or y2 < y1; boxes are x1, y1, x2, y2, not x, y, wi',
        ),
        (dict(box=[[0, 0.5, 1, 0.25]]), 'has x2 < x1 or y2 < y1'),
        (dict(box=[0, 0, 1, 1]), r'box has shape \(4,\), expected \(1, 4\) for 1 detections'),
        (dict(box=[['a'] * 4]), 'box has type <U1; expected numbers'),
        (dict(frame=[-1]), r'frame -1 is not a whole number in \[0, '),
        (dict(frame=[1.5]), 'frame 1.5 is not a whole number'),
        (dict(frame=[9], num_frames=9), 'frame 9 is beyond the 9 frames of the video'),
        (dict(frame_stride=2), 'frame 3 is not a multiple of frame_stride 2'),
        (dict(frame_stride=0), 'frame_stride is 0; expected 1 or more'),
        (dict(score=[1.5]), r'score 1.5 is not a number in \[0, 1\]'),
        (dict(score=[np.nan]), 'score nan is not a number'),
        (dict(kind=[2]), r'kind 2 is not a whole number in \[0, 1\]'),
        (dict(side=[2]), r'side 2 is not a whole number in \[-1, 1\]'),
        (dict(contact=[5]), r'contact 5 is not a whole number in \[-1, 4\]'),
        (dict(offset=[[0, 1e6]]), 'an offset does not fit float16'),
        (dict(fps=-1.0), 'fps is -1.0; expected 0 or more'),
        (dict(fps=float('nan')), 'fps is nan'),
    ],
)
def test_bad_detections(tmp_path, changes, message):
    row = dict(frame=[3], box=[[0, 0, 1, 1]], score=[1], kind=[0])
    with StoreWriter(tmp_path, BOXES) as writer:
        with pytest.raises(TargetStoreError, match=message):
            writer.add_detections('v', **{**row, **changes})
    assert os.listdir(tmp_path) == ['manifest.json']


def test_slight_overshoot_is_clipped(tmp_path):
    with StoreWriter(tmp_path, BOXES) as writer:
        writer.add_detections('v', frame=[0], box=[[-0.01, 0, 1.01, 0.5]], score=[1], kind=[0])
    assert TargetStore(tmp_path).detections('v', [0]).box.tolist() == [[0, 0, 1, 0.5]]


def test_one_id_twice(tmp_path):
    with StoreWriter(tmp_path, EGO, rows_per_shard=1) as writer:
        writer.add_scores('a', [0, 1])
        assert 'a' not in writer.done  # done speaks of earlier runs
        with pytest.raises(TargetStoreError, match="'a' is in the store already; skip the ids in"):
            writer.add_scores('a', [0, 1])
    with StoreWriter(tmp_path, EGO) as writer:
        assert writer.done == {'a'}
        with pytest.raises(TargetStoreError, match="'a' is in the store already"):
            writer.add_scores('a', [0, 1])
        with pytest.raises(TargetStoreError, match='id must be a string that is not empty'):
            writer.add_scores('', [0, 1])
        with pytest.raises(TargetStoreError, match='cannot add detections, this store is for sc'):
            writer.add_detections('b', frame=[], box=[], score=[], kind=[])


def test_fail_appends_a_line(tmp_path):
    with StoreWriter(tmp_path, EGO) as writer:
        writer.fail('a', ValueError('bad\nvideo'))
        writer.fail('b', 'gone', 'videos/b.mp4')
    lines = [json.loads(x) for x in (tmp_path / 'failed.jsonl').read_text().splitlines()]
    assert lines == [
        dict(video_id='a', path=None, reason='bad video'),
        dict(video_id='b', path='videos/b.mp4', reason='gone'),
    ]


def test_a_shard_is_closed_early_when_it_holds_many_boxes(tmp_path, monkeypatch):
    monkeypatch.setattr('egoexo_mm.targets.store.writer._MAX_BOXES_PER_SHARD', 4)
    add_all(tmp_path, ['v0', 'v1', 'v2'])
    sizes = sorted(p.name for p in tmp_path.glob('*.arrow'))
    assert sizes == ['shard-r000-00000.arrow', 'shard-r000-00001.arrow']  # 4 boxes, then 2
    assert list(content(tmp_path)) == ['v0', 'v1', 'v2']


def test_a_renamed_shard_of_another_machine(tmp_path):
    for name in 'ab':
        with StoreWriter(tmp_path, EGO) as writer:
            writer.add_scores(name, [0, 1])
        if name == 'a':
            shard = tmp_path / 'shard-r000-00000.arrow'
            shard.rename(tmp_path / 'shard-r000-00000-gpu1.arrow')
    assert sorted(TargetStore(tmp_path).video_ids) == ['a', 'b']


def test_an_id_that_is_not_utf8(tmp_path):
    with StoreWriter(tmp_path, EGO) as writer:
        writer.add_scores('a', [0, 1])
        with pytest.raises(TargetStoreError, match='the id is not UTF-8, .* rename the file'):
            writer.add_scores('caf\udce9', [0, 1])
    assert TargetStore(tmp_path).video_ids == ['a']


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(TargetStoreError, match=r'file/store: cannot be written \(Not a dir'):
        StoreWriter(tmp_path / 'file/store', EGO)
