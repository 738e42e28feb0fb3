import dataclasses
import re

import numpy as np
import pytest

from egoexo_mm.targets import TargetStore, TargetStoreError
from egoexo_mm.targets.inspection.summary import summarize, summary_lines
from egoexo_mm.targets.inspection.verification import Verification, listed_ids, verify_store
from tests.targets.stores import (
    BOXES,
    EGO,
    PROBS,
    box_store,
    ego_store,
    fail,
    raw_store,
    swap_offsets,
)


@pytest.mark.parametrize(
    'make', [box_store, lambda path: ego_store(path, range(5))], ids=['boxes', 'scores']
)
def test_sound_store(tmp_path, make, capsys):
    store = make(tmp_path / 's')
    result = verify_store(store)
    assert result.faults == []
    assert result == ((2, 3, []) if make is box_store else (3, 5, []))
    assert f'verify {store}, shards: {result.shards}/{result.shards}' in capsys.readouterr().out


def only_fault(path):
    faults = verify_store(path).faults
    assert len(faults) == 1
    return faults[0]


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(score=np.float16([0, np.nan])),
            "shard-0.arrow: video 'a': score 1 is NaN or infinite",
        ),
        (dict(score=np.float16([np.inf, 0])), "video 'a': score 0 is NaN or infinite"),
        (dict(num_frames=-1), "video 'a': num_frames is -1; expected 0 or more"),
        (dict(fps=np.nan), "video 'a': fps is nan; expected 0 or more"),
        (dict(fps=np.inf), "video 'a': fps is inf; expected 0 or more"),
        (dict(width=-5), "video 'a': width is -5; expected 0 or more"),
        (dict(frame_stride=0), "video 'a': frame_stride is 0; expected 1 or more"),
        (dict(video_id=''), 'shard-0.arrow: row 1 has an empty video id; write an id in every row'),
        (
            dict(video_id='good'),
            "video 'good' is a second time in the store, the first is in shard-0.arrow",
        ),
    ],
)
def test_bad_row_of_scores(tmp_path, changes, message):
    raw_store(tmp_path, EGO, [dict(video_id='good'), dict(video_id='a') | changes])
    assert message in only_fault(tmp_path)


@pytest.mark.parametrize(
    'score, message',
    [
        ([0.5, 0.5, 0.5, 0], "video 'a': minimum 0 and sum 1.5 are not of probabilities"),
        ([1.5, -0.5, 0, 0], "video 'a': minimum -0.5 and sum 1 are not of probabilities"),
        ([0.25, 0.25, 0.25, 0.2466], 'sum 0.9966 are not of'),
    ],
)
def test_bad_probabilities(tmp_path, score, message):
    raw_store(tmp_path, PROBS, [dict(video_id='good'), dict(video_id='a', score=np.float16(score))])
    assert message in only_fault(tmp_path)


@pytest.mark.parametrize(
    'changes, message',
    [
        (
            dict(frame=np.int32([5, 3])),
            'frames are not in ascending order; sort its detections by frame',
        ),
        (dict(frame=np.int32([-1, 3])), 'frame -1 is not a whole number in'),
        (dict(frame=np.int32([3, 9])), 'frame 9 is beyond the 9 frames of the video'),
        (dict(frame_stride=5), 'frame 3 is not a multiple of frame_stride 5'),
        (
            dict(box=np.float32([[0, 0, 1, 1], [0, 0, 64, 36]])),
            r'box (0, 0, 64, 36) at frame 5 is outside [0, 1]',
        ),
        (dict(box=np.float32([[0, 0, np.nan, 1]] * 2)), 'at frame 3 is outside'),
        (dict(box=np.float32([[0.5, 0, 0.25, 1]] * 2)), 'has x2 < x1 or y2 < y1'),
        (dict(score=np.float16([1, 1.5])), 'score 1.5 is not a number in [0, 1]'),
        (dict(kind=np.int8([0, 2])), 'kind 2 is not a whole number in [0, 1]'),
        (dict(side=np.int8([2, 0])), 'side 2 is not a whole number in [-1, 1]'),
        (dict(contact=np.int8([0, 5])), 'contact 5 is not a whole number in [-1, 4]'),
        (dict(offset=np.float16([[np.inf, 0], [0, 0]])), 'an offset does not fit float16'),
    ],
)
def test_bad_row_of_boxes(tmp_path, changes, message):
    raw_store(tmp_path, BOXES, [dict(video_id='good'), dict(video_id='a') | changes])
    fault = only_fault(tmp_path)
    assert "shard-0.arrow: video 'a': " in fault and message in fault


@pytest.mark.parametrize(
    'field, value, message',
    [
        (
            'frame_size',
            (512, 288),
            "video 'a': frame size is (340, 256), but (512, 288) in the manifest",
        ),
        ('fps', 30.0, "video 'a': fps is 25, but 30 in the manifest"),
    ],
)
def test_row_that_contradicts_the_manifest(tmp_path, field, value, message):
    manifest = dataclasses.replace(EGO, **{field: value})
    unknown = dict(fps=0.0, width=0, height=0)
    raw_store(tmp_path, manifest, [dict(video_id='a'), dict(video_id='b') | unknown])
    assert message in only_fault(tmp_path)


def test_all_faults_are_reported(tmp_path):
    """Two bad rows, three bad shards and a bad line: none hides another; good rows count."""
    bad = np.float16([np.nan, 0])
    raw_store(
        tmp_path,
        EGO,
        [dict(video_id='a', score=bad), dict(video_id='b'), dict(video_id='c', score=bad)],
        [dict(video_id='d')],
        [dict(video_id='ef'), dict(video_id='gh')],
        [dict(video_id='b')],
    )
    truncated = tmp_path / 'shard-1.arrow'
    truncated.write_bytes(truncated.read_bytes()[:100])
    swap_offsets(tmp_path / 'shard-2.arrow')
    raw_store(tmp_path / 'other', BOXES, [dict(video_id='x')])
    (tmp_path / 'other/shard-0.arrow').rename(tmp_path / 'shard-9.arrow')
    fail(tmp_path, 'x')
    (tmp_path / 'failed.jsonl').open('a').write('{"video_id": "y"\n')
    result = verify_store(tmp_path)
    assert (result.shards, result.rows) == (5, 4)
    expected = [
        r'failed.jsonl, line 2: expected a JSON object with video_id and reason; remove the line',
        r"shard-0.arrow: video 'a': score 0 is NaN",
        r"shard-0.arrow: video 'c': score 0 is NaN",
        r'shard-1.arrow: truncated or not an Arrow file',
        r'shard-2.arrow: damaged \(.*\); delete this shard and run its writer again',
        r"shard-3.arrow: video 'b' is a second time in the store, the first is in shard-0.arrow",
        r'shard-9.arrow: columns are .* this shard belongs to another store or teacher',
    ]
    assert len(result.faults) == len(expected)
    assert len(result.faults) == len(expected)
    for fault, pattern in zip(result.faults, expected):
        assert re.search(pattern, fault)


def test_coverage(tmp_path):
    store = ego_store(tmp_path / 's', [1, 2])
    fail(store, 'v9')
    assert verify_store(store, ['v2', 'v1']).faults == []
    assert verify_store(store, ['v1', 'x', 'v9', 'v2']).faults == [
        f'{store}: 2 of 4 listed videos have no row (1 of them are in failed.jsonl), the first is '
        "'x'; run the teacher on "
        'them, or leave them out of the list'
    ]


def test_no_store(tmp_path):
    with pytest.raises(TargetStoreError, match='not a target store, it has no manifest.json'):
        verify_store(tmp_path)


def test_empty_store(tmp_path):
    raw_store(tmp_path, EGO)
    assert verify_store(tmp_path) == Verification(0, 0, [])


def test_listed_ids(tmp_path):
    path = tmp_path / 'list.txt'
    path.write_text('x/a b.mp4 3\r\n\nx/ü.mp4 0\ny/ü.mp4 1\nno label.mp4\n', encoding='utf-8')
    assert listed_ids(path, 'path') == ['x/a b', 'x/ü', 'y/ü', 'no label']
    with pytest.raises(
        TargetStoreError,
        match=(
            r"list\.txt: two videos of the list have the id 'ü': 'x/ü\.mp4' and 'y/ü\.mp4'; "
            'rename one of the files, or '
            "extract into a new store with test_dataloader.dataset.video_id='path'"
        ),
    ):
        listed_ids(path, 'stem')
    path.write_text('x/a.mp4 1\n./x/a.mp4 2\nx/a.mp4 1\n')  # one video, listed three times
    assert listed_ids(path, 'stem') == ['a'] and listed_ids(path, 'path') == ['x/a']
    path.write_text('x/a.mp4 1\nx/a.avi 2\n')
    for rule in ('stem', 'path'):  # no other rule helps
        with pytest.raises(
            TargetStoreError,
            match="'x/a.mp4' and 'x/a.avi'; rename one of the files or remove its line",
        ):
            listed_ids(path, rule)


@pytest.mark.parametrize(
    'data, message',
    [
        (None, r'l: cannot be read \(No such file or directory\); give an existing file'),
        (b'\xff\xfe', 'l: is text in UTF-16 or no text at all; save it as UTF-8'),
        (
            'a.mp4 1\n\u00fc.mp4 2\n'.encode('latin-1'),
            r'l, line 2: is not UTF-8 text \(byte 0xfc\); save the file as UTF-8',
        ),
        (b'\n \n', 'the list is empty; expected one "path label" line a video'),
    ],
)
def test_bad_list(tmp_path, data, message):
    if data is not None:
        (tmp_path / 'l').write_bytes(data)
    with pytest.raises(TargetStoreError, match=message):
        listed_ids(tmp_path / 'l', 'stem')


def test_keysteps_cut_off(tmp_path):
    (tmp_path / 'keystep.json').write_text('{"segments": [')
    with pytest.raises(TargetStoreError, match=r'keystep.json: is not JSON \(.*\); get the file'):
        listed_ids(tmp_path / 'keystep.json', 'stem')


@pytest.mark.parametrize(
    'make',
    [box_store, lambda path: ego_store(path, range(6), rows_per_shard=6)],
    ids=['boxes', 'scores'],
)
def test_any_damaged_bytes_are_survived(tmp_path, make):
    """Wrong bytes, also in names, sizes and offsets of Arrow, give faults and no crash."""
    shard = sorted(make(tmp_path / 's').glob('*.arrow'))[0]
    good, rng, faulty = shard.read_bytes(), np.random.default_rng(0), 0
    for _ in range(300):
        data = bytearray(good)
        for where in rng.integers(0, len(data), 8):
            data[where] = rng.integers(0, 256)
        shard.unlink()  # rather than change what is mapped
        shard.write_bytes(data)
        faulty += bool(verify_store(tmp_path / 's').faults)
        try:
            summary_lines(summarize(tmp_path / 's'))
        except TargetStoreError:
            pass
    assert faulty > 200


def test_damaged_names_and_sizes_are_one_sentence(tmp_path):
    shard = ego_store(tmp_path, [0, 1]) / 'shard-r000-00000.arrow'
    good = shard.read_bytes()
    assert (
        good.count(b'height') == 2
    )  # the schema is in the file twice; the copy at the end is read
    shard.write_bytes(good.replace(b'height', b'h\xffight'))
    with pytest.raises(
        TargetStoreError, match='shard-r000-00000.arrow: truncated or not an Arrow file'
    ):
        TargetStore(tmp_path)
    shard.write_bytes(good)
    swap_offsets(shard)
    with pytest.raises(
        TargetStoreError,
        match='shard-r000-00000.arrow: video ids are not UTF-8 text; the shard is damaged',
    ):
        TargetStore(tmp_path)
