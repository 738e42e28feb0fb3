import dataclasses
import json
import os
import shutil

import numpy as np
import pyarrow as pa
import pytest

from egoexo_mm.targets import StoreWriter, TargetStore, TargetStoreError
from egoexo_mm.targets.inspection import merging as module
from egoexo_mm.targets.inspection.merging import MergeReport, merge_stores
from egoexo_mm.targets.store.records import arrow_schema
from egoexo_mm.targets.store.shards import read_shard
from tests.targets.stores import BOXES, EGO, box_store, ego_store, fail, raw_store


def names(path):
    return sorted(os.listdir(path))


def test_scores(tmp_path):
    parts = [ego_store(tmp_path / 'a', [0, 1, 2]), ego_store(tmp_path / 'b', [7, 5])]
    assert merge_stores(parts, tmp_path / 'deep/out') == MergeReport(5, 0)
    store = TargetStore(tmp_path / 'deep/out')
    assert store.manifest == EGO and store.video_ids == ['v0', 'v1', 'v2', 'v7', 'v5']
    assert store.scores('v5').tolist() == [5, -2.5] and store.info('v7') == (17, 25, 340, 256, 1)
    assert names(tmp_path / 'deep') == ['out']
    assert names(tmp_path / 'deep/out') == ['manifest.json'] + [
        f'shard-r000-{n:05d}.arrow' for n in range(3)
    ]
    with StoreWriter(tmp_path / 'deep/out', EGO) as writer:  # and it goes on
        writer.add_scores('v8', [0, 0])
    assert len(TargetStore(tmp_path / 'deep/out')) == 6


def test_boxes(tmp_path):
    one = box_store(tmp_path / 'a')
    with StoreWriter(tmp_path / 'b', BOXES) as writer:
        writer.add_detections(
            'w', frame=[1], box=[[0, 0, 0.5, 1]], score=[0.75], kind=[0], num_frames=3
        )
        writer.add_detections(
            'v', frame=[2], box=[[0, 0, 0.5, 1]], score=[0.75], kind=[0], num_frames=3
        )
        writer.add_detections(
            'x',
            frame=[2] * 2,
            box=[[0, 0, 0.25, 1]] * 2,
            score=[0.75, 0.5],
            kind=[1, 1],
            num_frames=3,
        )
    assert merge_stores([one, tmp_path / 'b'], tmp_path / 'out', keep_first=True) == MergeReport(
        5, 1
    )
    store = TargetStore(tmp_path / 'out')
    assert store.video_ids == ['v', 'none', 'open', 'w', 'x']
    found = store.detections('v', [4, 8])  # of the first store
    assert found.box.tolist() == [[0, 0.25, 0.5, 0.75], [0.125, 0, 0.25, 0.5], [0.5, 0.5, 0.75, 1]]
    assert found.offset[0].tolist() == [0.5, -0.25] and np.isnan(found.offset[1:]).all()
    assert store.info('v') == (11, 30, 340, 256, 4)
    found = store.detections('x', [2])  # behind a row that was left out
    assert found.box.tolist() == [[0, 0, 0.25, 1]] * 2 and found.score.tolist() == [0.75, 0.5]


def test_double_video(tmp_path):
    parts = [ego_store(tmp_path / 'a', [0, 1]), ego_store(tmp_path / 'b', [2, 1])]
    with pytest.raises(TargetStoreError) as caught:
        merge_stores(parts, tmp_path / 'out')
    assert str(caught.value) == (
        f"{parts[1]}/shard-r000-00000.arrow: video 'v1' is also in "
        f'{parts[0]}/shard-r000-00000.arrow; keep the first row of '
        'such videos (--keep first), or delete one of the two shards'
    )
    assert names(tmp_path) == ['a', 'b']
    raw_store(tmp_path / 'b', EGO, [dict(video_id='v1', score=np.float16([7, 7]))])
    assert merge_stores(parts, tmp_path / 'out', keep_first=True) == MergeReport(3, 2)
    assert TargetStore(tmp_path / 'out').scores('v1').tolist() == [1, -0.5]
    assert len(list((tmp_path / 'out').glob('*.arrow'))) == 2  # no shard without rows


@pytest.mark.parametrize('keep_first', [False, True])
def test_double_video_within_one_shard(tmp_path, keep_first):
    parts = [
        ego_store(tmp_path / 'a', [0]),
        raw_store(tmp_path / 'b', EGO, [dict(video_id='x'), dict(video_id='x')]),
    ]
    if keep_first:
        assert merge_stores(parts, tmp_path / 'out', keep_first=True) == MergeReport(2, 1)
    else:
        with pytest.raises(TargetStoreError, match="video 'x' is also in"):
            merge_stores(parts, tmp_path / 'out')


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(teacher='u'),
            r"a and .*b are stores of different targets \(teacher is 't', not 'u'\); "
            r'merge stores with equal',
        ),
        (dict(dataset='d', fps=30.0), r"\(dataset is 'toy', not 'd'; fps is None, not 30.0\)"),
        (dict(score_kind='probabilities'), r"\(score_kind is 'logits', not 'probabilities'\)"),
    ],
)
def test_other_manifest(tmp_path, changes, message):
    parts = [
        ego_store(tmp_path / 'a', [0]),
        ego_store(tmp_path / 'b', [1], dataclasses.replace(EGO, **changes)),
    ]
    with pytest.raises(TargetStoreError, match=message):
        merge_stores(parts, tmp_path / 'out')
    assert names(tmp_path) == ['a', 'b']


def test_damaged_source(tmp_path):
    parts = [
        ego_store(tmp_path / 'a', [0]),
        raw_store(tmp_path / 'b', EGO, [dict(video_id='x', score=np.float16([0, np.nan]))]),
    ]
    with pytest.raises(
        TargetStoreError, match="b/shard-0.arrow: video 'x': score 1 is NaN or infinite"
    ):
        merge_stores(parts, tmp_path / 'out')
    (tmp_path / 'b/shard-0.arrow').write_bytes(b'ARROW1')
    with pytest.raises(TargetStoreError, match='b/shard-0.arrow: truncated or not an Arrow file'):
        merge_stores(parts, tmp_path / 'out')
    assert names(tmp_path) == ['a', 'b']


def test_output_in_use(tmp_path):
    parts = [ego_store(tmp_path / 'a', [0]), ego_store(tmp_path / 'b', [1])]
    with pytest.raises(
        TargetStoreError, match='a: exists already; delete it or give another folder'
    ):
        merge_stores(parts, parts[0])
    (tmp_path / '.out.merging').mkdir()
    with pytest.raises(
        TargetStoreError,
        match='.out.merging: left by a merge that was stopped, or of one that runs now',
    ):
        merge_stores(parts, tmp_path / 'out')
    assert names(tmp_path) == ['.out.merging', 'a', 'b']
    (tmp_path / '.out.merging').rmdir()
    (tmp_path / 'out').mkdir()  # an empty folder is no obstacle
    assert merge_stores(parts, tmp_path / 'out').rows == 2


@pytest.mark.parametrize('given', [['a'], ['a', 'a'], ['a', './a']])
def test_one_store_only(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    ego_store(tmp_path / 'a', [0])
    with pytest.raises(TargetStoreError, match='give two or more different stores to merge'):
        merge_stores(given, 'out')


def test_failures_are_carried_over(tmp_path):
    parts = [ego_store(tmp_path / 'a', [0]), ego_store(tmp_path / 'b', [1])]
    fail(parts[0], 'v1', 'x')  # the other machine came through with v1
    fail(parts[1], 'x', 'y')
    merge_stores(parts, tmp_path / 'out')
    lines = (tmp_path / 'out/failed.jsonl').read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        dict(video_id=name, path=None, reason='broken') for name in 'xy'
    ]
    (parts[1] / 'failed.jsonl').write_text('[]')
    with pytest.raises(
        TargetStoreError,
        match='b/failed.jsonl, line 1: expected a JSON object with video_id and reason',
    ):
        merge_stores(parts, tmp_path / 'again')
    assert names(tmp_path) == ['a', 'b', 'out']


def test_full_disk(tmp_path, monkeypatch):
    parts = [ego_store(tmp_path / 'a', [0]), ego_store(tmp_path / 'b', [1])]

    def full(_):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(
        TargetStoreError, match=r'out: cannot be written \(No space left on device\); free space or'
    ):
        merge_stores(parts, tmp_path / 'out')
    assert names(tmp_path) == ['a', 'b']


def test_result_is_verified(tmp_path, monkeypatch):
    """A disk that loses the end of a shard without an error."""
    parts = [ego_store(tmp_path / 'a', [0]), ego_store(tmp_path / 'b', [1])]
    write = module._write_batches

    def lossy(path, batches):
        write(path, batches)
        path.write_bytes(path.read_bytes()[:-100])

    monkeypatch.setattr(module, '_write_batches', lossy)
    with pytest.raises(
        TargetStoreError, match='the merged store is damaged and was removed .*truncated'
    ):
        merge_stores(parts, tmp_path / 'out')
    assert names(tmp_path) == ['a', 'b']


def test_shards_of_several_batches_and_another_column_order(tmp_path):
    part = ego_store(tmp_path / 'a', [0, 1])
    shard = ego_store(tmp_path / 'b', [2, 3]) / 'shard-r000-00000.arrow'
    batch = read_shard(shard, arrow_schema(EGO))[0]
    batch = batch.select(batch.schema.names[::-1])
    with pa.ipc.new_file(str(tmp_path / 'new'), batch.schema) as sink:
        for row in range(2):
            sink.write_batch(batch.slice(row, 1))
    (tmp_path / 'new').rename(shard)
    merge_stores([part, tmp_path / 'b'], tmp_path / 'out')
    store = TargetStore(tmp_path / 'out')
    assert store.video_ids == ['v0', 'v1', 'v2', 'v3'] and store.scores('v3').tolist() == [3, -1.5]


def test_settings_of_the_teacher(tmp_path):
    """A store of an earlier release names none, and then neither does the result."""
    parts = [ego_store(tmp_path / name, [i]) for i, name in enumerate('abc')]
    for part, ego_class in zip(parts[1:], (0, 1)):
        manifest = EGO.with_settings(dict(ego_class=ego_class))
        (part / 'manifest.json').write_text(manifest.to_json())
    with pytest.raises(TargetStoreError, match=r"b and \S+c are .* \(ego_class is '0', not '1'\)"):
        merge_stores(parts, tmp_path / 'out')
    for pair in (parts[:2], parts[1::-1]):
        merge_stores(pair, tmp_path / 'out')
        assert TargetStore(tmp_path / 'out').manifest == EGO
        shutil.rmtree(tmp_path / 'out')
