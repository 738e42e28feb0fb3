"""Signals of any name, embeddings, segments and kinds of boxes, as training loads them."""

import numpy as np
import pytest
from mmcv.transforms import Compose

import egoexo_mm  # noqa: F401
from egoexo_mm.targets import Manifest, MissingVideoError, StoreWriter, TargetStoreError
from tests.datasets.test_egoexo4d_keystep import build, write

ABOUT = dict(dataset='toy', teacher='t')


def store(path, signal, rows, **manifest):
    """Rows are video -> scores, or (video, start, stop) -> scores."""
    manifest = Manifest(signal=signal, num_scores=2, **{**ABOUT, **manifest})
    with StoreWriter(path / signal, manifest) as writer:
        for key, scores in rows.items():
            if isinstance(key, str):
                writer.add_scores(key, scores)
            else:
                writer.add_scores(key[0], scores, span=key[1:])
    return {signal: str(path / signal)}


def steps(path, rows, **manifest):
    manifest = dict(dict(score_kind='logits', row='segment'), **manifest)
    return store(path, 'step', rows, **manifest)


def load(stores, frames=(0, 1), missing='error', **results):
    results = dict(
        dict(start_index=0, avg_fps=10.0, filename='x/video.mp4'),
        frame_inds=np.array(frames),
        **results,
    )
    return Compose([dict(type='LoadTargets', stores=stores, missing=missing)])(results)


@pytest.mark.parametrize(
    'kind, stored, expected',
    [
        ('logits', [2, -1], [2, -1]),
        ('probabilities', [0.25, 0.75], np.log([0.25, 0.75])),
        ('scores', [-3, 7], [-3, 7]),
        ('embedding', [0.5, -8], [0.5, -8]),
    ],
)
def test_vectors_of_videos(tmp_path, kind, stored, expected):
    found = load(store(tmp_path, 'mine', {'video': stored}, score_kind=kind))['mine']
    assert found.shape == (2,)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_a_signal_replaces_nothing_else(tmp_path):
    stores = store(tmp_path, 'label', {'video': [1, 2]}, score_kind='scores')
    with pytest.raises(ValueError, match="the sample has 'label' already, which the target of"):
        load(stores, label=3)


SPANS = {('video', 0, 4): [1, 0], ('video', 4, 6): [2, 0], ('video', 6, 9): [3, 0]}


@pytest.mark.parametrize(
    'frames, extra, first',
    [
        ([30, 38], {}, 1),  # 3.0 to 3.9 s
        ([35, 49], {}, 2),  # 3.5 to 5.0 s: 0.5 and 1.0 s
        ([31, 45], dict(start_index=1), 1),  # frames 30 to 44, so 3.0 to 4.5 s: 1.0 and 0.5 s
        ([35, 49], dict(start_sec=0, stop_sec=4), 1),  # the annotated segment
        ([35, 49], dict(start_sec=0, stop_sec=5), 2),  # no such segment is stored
        ([0, 1], dict(frame_times=np.array([4.5, 7.0])), 2),  # to 7.1 s: 1.5 and 1.1 s
    ],
)
def test_segment_of_a_clip(tmp_path, frames, extra, first):
    assert load(steps(tmp_path, SPANS), frames, **extra)['step'].tolist() == [first, 0]


def test_a_clip_beside_all_segments(tmp_path):
    stores = steps(tmp_path, SPANS)
    with pytest.raises(MissingVideoError, match='overlaps 9.5 to 9.7 s .it has 3, from 0 to 9 s'):
        load(stores, [95, 96])
    assert 'step' not in load(stores, [95, 96], missing='skip')
    with pytest.raises(MissingVideoError, match="no video 'video'"):
        load(steps(tmp_path / 'other', {('w', 0, 1): [0, 0]}))


def test_frame_rate_of_the_teacher_serves_where_the_clip_has_none(tmp_path):
    with pytest.raises(TargetStoreError, match="video 'video': the frame rate is not known"):
        load(steps(tmp_path, SPANS), [35, 49], avg_fps=None)
    manifest = Manifest(signal='step', num_scores=2, score_kind='logits', row='segment', **ABOUT)
    with StoreWriter(tmp_path / 'rated', manifest) as writer:
        writer.add_scores('video', [5, 0], span=(3, 5), fps=10)
    found = load(dict(step=str(tmp_path / 'rated')), [35, 49], avg_fps=None)
    assert found['step'].tolist() == [5, 0]


def test_clip_cut_from_a_take(tmp_path):
    rows = {('take', 10, 14): [1, 0], ('take', 12, 16): [2, 0], ('video', 0, 9): [3, 0]}
    stores = steps(tmp_path, rows)
    assert load(stores, [0, 9], cut_from=('take', 12, 16))['step'].tolist() == [2, 0]
    # a span that is not stored: the clip shows 10.5 to 11.5 s of the take
    assert load(stores, [5, 14], cut_from=('take', 10, 18))['step'].tolist() == [1, 0]
    assert load(stores)['step'].tolist() == [3, 0]


def test_maps_of_other_kinds(tmp_path):
    manifest = Manifest(signal='tools', kinds=['knife', 'cup', 'gaze'], **ABOUT)
    with StoreWriter(tmp_path / 'tools', manifest) as writer:
        writer.add_detections(
            'video',
            frame=[0, 0],
            box=[[0, 0, 0.4, 0.4], [0.9, 0.9, 0.9, 0.9]],
            score=[0.5, 1],
            kind=[1, 2],
        )
    step = Compose(
        [
            dict(type='TrackGeometry'),
            dict(
                type='LoadTargets',
                stores=dict(tools_map=str(tmp_path / 'tools')),
                time_stride=1,
                cell_size=32,
            ),
        ]
    )
    maps = step(
        dict(
            frame_inds=np.array([0, 1]),
            start_index=0,
            num_clips=1,
            clip_len=2,
            img_shape=(64, 64),
            filename='video',
        )
    )['tools_map']
    nothing = [[0, 0], [0, 0]]
    assert maps.tolist() == [
        [nothing, nothing],
        [[[0.5, 0], [0, 0]], nothing],
        [[[0, 0], [0, 1]], nothing],  # a point is one cell
    ]


def test_keysteps_get_the_targets_of_their_take(tmp_path):
    """Two segments of a take; the second has no row."""
    path = write(
        tmp_path / 'a.json',
        {},
        dict(
            segment_name_list=['train/take/b_ego.mp4'],
            ego_segment_name='train/take/b_ego.mp4',
            start_time=40.0,
            end_time=41.0,
        ),
    )
    stores = steps(tmp_path, {('uid-1', 0.85598, 33.20377): [1, 2]})
    with pytest.raises(
        TargetStoreError,
        match=r"1 of 2 segments of .*a.json have no step, the first is \('uid-1', \(40.0, 41.0\)\)",
    ):
        build(path, targets=stores)
    dataset = build(path, targets=stores, missing_targets='drop')
    assert len(dataset) == 1 and dataset[0]['cut_from'] == ('uid-1', 0.85598, 33.20377)
    sample = dict(dataset[0], frame_inds=np.array([0]), avg_fps=30.0)
    found = Compose([dict(type='LoadTargets')])(sample)['step']
    assert found.tolist() == [1, 2]
    assert 'cut_from' not in build(path)[0]
