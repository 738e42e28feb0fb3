import numpy as np
import pytest

from egoexo_mm.targets import HAND, OBJECT, StoreWriter, TargetStoreError
from egoexo_mm.targets.inspection.summary import Spread, summarize, summary_lines
from tests.targets.stores import EGO, PROBS, box_store, ego_store, fail, raw_store


def test_scores(tmp_path):
    summary = summarize(ego_store(tmp_path / 's', [0, 1, 2, 3, 6]))  # shards of 2, 2 and 1
    assert (summary.rows, summary.shards, summary.manifest) == (5, 3, EGO)
    assert summary.size == sum(path.stat().st_size for path in (tmp_path / 's').glob('*.arrow'))
    assert (summary.frames, summary.unknown_length) == (10 + 11 + 12 + 13 + 16, 0)
    # 0 + 1 + 2 + 3 + 6 = 12, and -6 of the halves
    assert (summary.score.count, summary.score.total, summary.score.low, summary.score.high) == (
        10,
        6,
        -3,
        6,
    )
    assert summary.score_totals.tolist() == [12, -6]
    lines = summary_lines(summary)
    assert lines[0] == str(tmp_path / 's')
    assert lines[1:8] == [
        '  signal: ego_score',
        '  dataset: toy',
        '  teacher: t',
        '  score_kind: logits',
        '  num_scores: 2',
        '  video_id: stem',
        '  schema_version: 1',
    ]
    assert lines[8:] == [
        f'  videos: 5 in 3 shard(s), {summary.size / 1e6:.1f} MB',
        '  frames: 62',
        '  scores: mean 0.6, from -3 to 6',
        '  mean of each score: 2.4, -1.2',
        '  failed.jsonl: 0 video(s) without a row',
    ]


def test_probabilities(tmp_path):
    raw_store(
        tmp_path,
        PROBS,
        [
            dict(video_id='a'),
            dict(video_id='b', score=np.float16([0.5, 0.5, 0.5, 0]), num_frames=0),
        ],
    )
    summary = summarize(tmp_path)
    assert (summary.sums.low, summary.sums.high, summary.bad_sums, summary.unknown_length) == (
        1,
        1.5,
        1,
        1,
    )
    lines = summary_lines(summary)
    assert '  sums: mean 1.25, from 1 to 1.5; 1 of 2 are not 1' in lines
    assert '  frames: 9 (length unknown for 1 video(s))' in lines


def test_float16_probabilities_of_many_classes_sum_to_one(tmp_path):
    """Rounding to float16 must not look like a fault: at most 2^-11 of each number."""
    scores = np.random.default_rng(0).dirichlet(np.ones(4), 200)
    raw_store(
        tmp_path,
        PROBS,
        [dict(video_id=f'v{i}', score=row.astype(np.float16)) for i, row in enumerate(scores)],
    )
    summary = summarize(tmp_path)
    assert summary.bad_sums == 0 and summary.sums.high != 1


def test_boxes(tmp_path):
    summary = summarize(box_store(tmp_path))
    assert summary.boxes == {HAND: 2, OBJECT: 2}
    # frames 0, 4, 8 of 11, and 6; the video of unknown length counts on neither side
    assert (summary.processed, summary.boxes_there) == (3 + 6, 3)
    assert (summary.frames, summary.unknown_length) == (17, 1)
    lines = summary_lines(summary)
    assert lines[-4:] == [
        '  boxes: 4, 2 of hands and 2 of objects',
        '  boxes per processed frame: 0.3333 (9 frames)',
        '  scores: mean 0.5, from 0.25 to 1',
        '  failed.jsonl: 0 video(s) without a row',
    ]


def test_failed_videos(tmp_path):
    ego_store(tmp_path, [1, 2])
    fail(tmp_path, 'x', 'v1', 'x', 'y')  # x twice; v1 came through later
    summary = summarize(tmp_path)
    assert (summary.failed, summary.retried) == (2, 1)
    assert (
        summary_lines(summary)[-1]
        == '  failed.jsonl: 2 video(s) without a row (and 1 that have a row after all)'
    )


def test_empty_store(tmp_path):
    StoreWriter(tmp_path, EGO).close()
    assert summary_lines(summarize(tmp_path))[-4:] == [
        '  videos: 0 in 0 shard(s), 0.0 MB',
        '  frames: 0',
        '  scores: none',
        '  failed.jsonl: 0 video(s) without a row',
    ]


def test_nan_is_seen():
    spread = Spread()
    for values in ([1.0, 2.0], [np.nan], [3.0]):
        spread.add(np.array(values))
    assert str(spread) == 'mean nan, from nan to nan'


def test_infinite_scores_are_seen_without_a_warning(tmp_path, recwarn):
    raw_store(
        tmp_path, EGO, [dict(video_id='a', score=np.float16([np.inf, -np.inf])), dict(video_id='b')]
    )
    lines = summary_lines(summarize(tmp_path))
    assert lines[-3:-1] == [
        '  scores: mean nan, from -inf to inf',
        '  mean of each score: inf, -inf',
    ]
    assert len(recwarn) == 0


def test_damaged(tmp_path):
    shard = ego_store(tmp_path, [1]) / 'shard-r000-00000.arrow'
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(
        TargetStoreError, match='shard-r000-00000.arrow: truncated or not an Arrow file'
    ):
        summarize(tmp_path)
    with pytest.raises(TargetStoreError, match='no such target store folder'):
        summarize(tmp_path / 'x')
