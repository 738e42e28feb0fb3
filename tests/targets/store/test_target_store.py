import multiprocessing
import pickle

import numpy as np
import pyarrow as pa
import pytest

from egoexo_mm.targets import (
    HAND,
    OBJECT,
    Manifest,
    MissingVideoError,
    StoreWriter,
    TargetStore,
    TargetStoreError,
)

EGO = Manifest(signal='ego_score', dataset='toy', teacher='t', score_kind='logits')
BOXES = Manifest(signal='interaction', dataset='toy', teacher='t')


def ego_store(path, count=5, rows_per_shard=2):
    with StoreWriter(path, EGO, rows_per_shard) as writer:
        for i in range(count):
            writer.add_scores(
                f'v{i}', [i, -0.5 * i], num_frames=10 + i, fps=29.97, width=340, height=256
            )
    return TargetStore(path)


def box_store(path, **video):
    with StoreWriter(path, BOXES) as writer:
        writer.add_detections(
            'before', frame=[0, 3], box=[[0, 0, 1, 1]] * 2, score=[1, 1], kind=[0, 0]
        )
        writer.add_detections(
            'v',
            frame=[5, 3, 3],
            box=[[0.5, 0.5, 0.75, 1], [0, 0.25, 0.5, 0.75], [0.125, 0, 0.25, 0.5]],
            score=[0.5, 0.25, 1],
            kind=[OBJECT, HAND, OBJECT],
            side=[-1, 1, -1],
            contact=[-1, 3, -1],
            offset=[[0, 0], [0.5, -0.25], [0, 0]],
            **video,
        )
        writer.add_detections('none', frame=[], box=[], score=[], kind=[], num_frames=9)
    return TargetStore(path)


def test_scores_and_info(tmp_path):
    store = ego_store(tmp_path / 's')
    assert len(store) == 5 and 'v4' in store and 'v5' not in store
    assert store.video_ids == ['v0', 'v1', 'v2', 'v3', 'v4']
    assert store.coverage(['v9', 'v1', 'x']) == ['v9', 'x']
    assert store.manifest == EGO and store.path == tmp_path / 's'
    for i in range(5):
        scores = store.scores(f'v{i}')
        assert scores.dtype == np.float32 and scores.tolist() == [i, -0.5 * i]
        assert store.info(f'v{i}') == (10 + i, 29.97, 340, 256, 1)
    assert len(list((tmp_path / 's').glob('*.arrow'))) == 3


def test_detections_by_frame(tmp_path):
    store = box_store(tmp_path / 's')
    found = store.detections('v', [3, 4, 5])
    assert found.slot.tolist() == [0, 0, 2] and found.slot.dtype == np.int64
    assert found.box.tolist() == [[0, 0.25, 0.5, 0.75], [0.125, 0, 0.25, 0.5], [0.5, 0.5, 0.75, 1]]
    assert found.score.tolist() == [0.25, 1, 0.5]
    assert found.kind.tolist() == [HAND, OBJECT, OBJECT]
    assert found.side.tolist() == [1, -1, -1]
    assert found.contact.tolist() == [3, -1, -1]
    assert found.offset.tolist() == [[0.5, -0.25], [0, 0], [0, 0]]
    dtypes = dict(box='f4', score='f4', kind='i1', side='i1', contact='i1', offset='f4')
    assert {name: getattr(found, name).dtype.str[1:] for name in dtypes} == dtypes


def test_repeated_frames_get_their_boxes_each_time(tmp_path):
    # the reference code leaves all boxes on the last of equal frames
    found = box_store(tmp_path / 's').detections('v', [3, 3, 0, 5, 3])
    assert found.slot.tolist() == [0, 0, 1, 1, 3, 4, 4]
    assert found.score.tolist() == [0.25, 1, 0.25, 1, 0.5, 0.25, 1]


def test_nothing_found(tmp_path):
    store = box_store(tmp_path / 's')
    for video, frames in (('none', [0, 1]), ('v', [4]), ('v', [])):
        found = store.detections(video, frames)
        assert len(found) == 0 and found.box.shape == (0, 4) and found.offset.shape == (0, 2)


def test_unknown_columns(tmp_path):
    found = box_store(tmp_path / 's').detections('before', [0])
    assert found.side.tolist() == found.contact.tolist() == [-1]
    assert np.isnan(found.offset).all()


def test_painted_rectangle_comes_back_at_other_size_and_frame_rate(tmp_path):
    """Boxes painted at 30 fps and 64x36 land on the same picture at 60 fps and 128x72."""
    rng = np.random.default_rng(0)
    boxes = np.sort(rng.integers(0, 33, (10, 2, 2)), axis=1)  # (frame, corner, xy)
    boxes[:, 1] += 1
    with StoreWriter(tmp_path / 's', BOXES) as writer:
        writer.add_detections(
            'v',
            frame=np.arange(10),
            box=boxes.reshape(10, 4) / [64, 36, 64, 36],
            score=np.ones(10),
            kind=np.zeros(10),
            num_frames=10,
            fps=30,
            width=64,
            height=36,
        )
    frames = np.array([0, 2, 4, 4, 18])  # of the 60 fps copy: stored 0, 1, 2, 2, 9
    found = TargetStore(tmp_path / 's').detections('v', frames, total_frames=20, fps=60.0)
    assert len(found.slot) == len(found.box)
    for slot, box in zip(found.slot, found.box):
        x1, y1, x2, y2 = boxes[frames[slot] // 2].reshape(-1) * 2
        painted = np.zeros((72, 128), bool)
        painted[y1:y2, x1:x2] = True
        x1, y1, x2, y2 = np.rint(box * [128, 72, 128, 72]).astype(int)
        again = np.zeros_like(painted)
        again[y1:y2, x1:x2] = True
        assert (painted == again).all()
    assert found.slot.tolist() == [0, 1, 2, 3, 4]


def test_frame_stride(tmp_path):
    with StoreWriter(tmp_path / 's', BOXES) as writer:
        writer.add_detections(
            'v',
            frame=[0, 4, 8],
            box=[[0, 0, 1, 1]] * 3,
            score=[0.25, 0.5, 1],
            kind=[0] * 3,
            num_frames=11,
            frame_stride=4,
        )
    found = TargetStore(tmp_path / 's').detections('v', [1, 2, 5, 10])
    assert found.score.tolist() == [0.25, 0.5, 0.5, 1]


def test_returned_arrays_are_copies(tmp_path):
    store = box_store(tmp_path / 's')
    found = store.detections('v', [3, 5])
    for name in ('box', 'score', 'kind', 'side', 'contact', 'offset'):
        getattr(found, name)[:] = 7
    assert store.detections('v', [3, 5]).score.tolist() == [0.25, 1, 0.5]
    assert store.detections('v', [5]).box.tolist() == [[0.5, 0.5, 0.75, 1]]
    ego = ego_store(tmp_path / 'ego')
    ego.scores('v3')[:] = 7
    assert ego.scores('v3').tolist() == [3, -1.5]


def test_pickle_reopens_by_path(tmp_path):
    store = ego_store(tmp_path / 's', count=50)
    store.scores('v1')
    data = pickle.dumps(store)
    assert len(data) < 300
    assert pickle.loads(data).scores('v49').tolist() == [49, -24.5]


def test_reads_in_a_forked_worker(tmp_path):
    store = box_store(tmp_path / 's')
    store.detections('v', [3])
    queue = multiprocessing.get_context('fork').SimpleQueue()
    worker = multiprocessing.get_context('fork').Process(
        target=lambda: queue.put(store.detections('v', [3, 5]).score.tolist())
    )
    worker.start()
    assert queue.get() == [0.25, 1, 0.5]
    worker.join()


def test_missing_video(tmp_path):
    store = ego_store(tmp_path / 's')
    with pytest.raises(MissingVideoError) as caught:
        store.scores('abc')
    assert isinstance(caught.value, KeyError) and isinstance(caught.value, TargetStoreError)
    assert str(caught.value).startswith(
        f"{tmp_path / 's'}: no video 'abc' among the 5 of this store (ids by rule 'stem', for "
        "example 'v0'); run the teacher on it"
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(MissingVideoError, match="no video 'abc'"):
        store.info('abc')


def test_wrong_kind_of_store(tmp_path):
    with pytest.raises(TargetStoreError, match='asked for detections, but this store holds scores'):
        ego_store(tmp_path / 'a').detections('v0', [0])
    with pytest.raises(TargetStoreError, match="asked for scores, but .* \\(signal 'interaction'"):
        box_store(tmp_path / 'b').scores('v')


@pytest.mark.parametrize('keep', [0, 7, 0.5, 0.99])
def test_truncated_shard(tmp_path, keep):
    ego_store(tmp_path / 's')
    shard = tmp_path / 's/shard-r000-00001.arrow'
    data = shard.read_bytes()
    shard.write_bytes(data[: keep if keep in (0, 7) else int(len(data) * keep)])
    with pytest.raises(
        TargetStoreError,
        match='shard-r000-00001.arrow: truncated or not an Arrow '
        r'file \(.*\); delete this shard and run its writer again',
    ):
        TargetStore(tmp_path / 's')


def test_shard_of_another_store(tmp_path):
    ego_store(tmp_path / 's')
    objects = Manifest(signal='object_score', dataset='toy', teacher='t', score_kind='logits')
    with StoreWriter(tmp_path / 'o', objects) as writer:
        writer.add_scores('x', np.zeros(1000))
    (tmp_path / 'o/shard-r000-00000.arrow').rename(tmp_path / 's/shard-r009-00000.arrow')
    with pytest.raises(
        TargetStoreError,
        match=r'shard-r009-00000.arrow: columns are .*\[1000\]\],'
        r' but s/manifest.json asks for \[.*\[2\]\]; this shard belongs to another',
    ):
        TargetStore(tmp_path / 's')


def test_duplicate_id_across_shards(tmp_path):
    ego_store(tmp_path / 's')
    data = (tmp_path / 's/shard-r000-00001.arrow').read_bytes()
    (tmp_path / 's/shard-r001-00000.arrow').write_bytes(data)
    with pytest.raises(
        TargetStoreError,
        match="shard-r001-00000.arrow: video 'v2' is also in "
        'shard-r000-00001.arrow; delete one of the two',
    ):
        TargetStore(tmp_path / 's')


def foreign_shard(path, **changes):
    """A shard as another program would write it, with pyarrow's plain python conversion."""
    box_store(path)
    row = dict(
        video_id=['f'],
        num_frames=[0],
        fps=[0.0],
        width=[0],
        height=[0],
        frame_stride=[1],
        frame=[[1, 2]],
        box=[[[0, 0, 1, 1]] * 2],
        score=[[1, 1]],
        kind=[[0, 1]],
        side=[[-1, -1]],
        contact=[[-1, -1]],
        offset=[[[0, 0]] * 2],
    )
    row.update(changes)
    row['score'] = [[np.float16(x) for x in row['score'][0]]]
    row['offset'] = [[[np.float16(x) for x in xy] for xy in row['offset'][0]]]
    schema = pa.ipc.open_file(path / 'shard-r000-00000.arrow').schema
    table = pa.table({name: pa.array(row[name], schema.field(name).type) for name in schema.names})
    with pa.ipc.new_file(str(path / 'other.arrow'), table.schema) as sink:
        sink.write_table(table)
    return TargetStore(path)


def test_shard_of_another_program(tmp_path):
    found = foreign_shard(tmp_path / 's').detections('f', [2, 1])
    assert found.kind.tolist() == [1, 0]


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(box=[[[0, 0, 40, 30]] * 2]),
            r"other.arrow: video 'f': box \(0, 0, 40, 30\) at frame 1 "
            r'is outside \[0, 1\]; values look like pixels, divide by frame width and height',
        ),
        (dict(box=[[[0.5, 0, 0.25, 1]] * 2]), 'has x2 < x1 or y2 < y1'),
        (dict(frame=[[2, 1]]), 'not in ascending order; sort its detections by frame'),
        (dict(frame=[[-1, 1]]), 'negative or not in ascending order'),
        (dict(side=[[1]]), "column 'side' has other list lengths than 'frame'"),
        (dict(side=[[1, None]]), r"column 'side' has empty \(null\) values; write 0 or -1"),
        (dict(fps=[None]), "column 'fps' has empty"),
    ],
)
def test_bad_shard_of_another_program(tmp_path, changes, message):
    store = foreign_shard(tmp_path / 's', **changes)
    with pytest.raises(TargetStoreError, match=message):
        store.detections('f', [1, 2])
