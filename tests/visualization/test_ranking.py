"""Order of a ranking, its videos on disk, and its sheet."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from egoexo_mm.targets import StoreWriter, TargetStore
from egoexo_mm.visualization import (
    VideoFrames,
    VisualizationError,
    find_videos,
    rank_by_ego,
    ranking_sheet,
)
from egoexo_mm.visualization.ranking import TILE
from egoexo_mm.visualization.text import LINE
from tests.media import write_video
from tests.targets.stores import EGO, box_store


def ego_store(path, scores, **manifest) -> TargetStore:
    with StoreWriter(path, dataclasses.replace(EGO, **manifest)) as writer:
        for video_id, pair in scores.items():
            writer.add_scores(video_id, pair)
    return TargetStore(path)


def test_order(tmp_path):
    # b and c both have a softmax of 1.0 in float32; the logits still say which is ahead
    store = ego_store(tmp_path / 's', dict(a=(1, 0), b=(-40, 40), c=(-50, 50), d=(0, 0), e=(2, 2)))
    ranked = rank_by_ego(store)
    assert [video_id for video_id, _ in ranked] == ['c', 'b', 'd', 'e', 'a']
    np.testing.assert_allclose(
        [share for _, share in ranked], [1, 1, 0.5, 0.5, 1 / (1 + np.e)], atol=1e-6
    )
    store = ego_store(
        tmp_path / 'p', dict(a=(0.75, 0.25), b=(0.25, 0.75)), score_kind='probabilities'
    )
    assert rank_by_ego(store) == [('b', 0.75), ('a', 0.25)]


def test_stores_that_cannot_be_ranked(tmp_path):
    with pytest.raises(
        VisualizationError,
        match="boxes: holds no scores per video of signal 'interaction'; expected the 2",
    ):
        rank_by_ego(TargetStore(box_store(tmp_path / 'boxes')))
    with pytest.raises(
        VisualizationError,
        match="three: holds 3 scores per video of signal 'ego_score'; expected the 2",
    ):
        rank_by_ego(ego_store(tmp_path / 'three', dict(a=(1, 0, 2)), num_scores=3))
    with pytest.raises(VisualizationError, match='empty: holds no video; run the teacher first'):
        rank_by_ego(ego_store(tmp_path / 'empty', {}))


def test_videos_of_a_folder_or_a_list(tmp_path):
    (tmp_path / 'x').mkdir()
    for name in ('a b.mp4', 'x/c.MKV', 'x/notes.txt'):
        (tmp_path / name).touch()
    assert find_videos(tmp_path, 'stem') == {'a b': tmp_path / 'a b.mp4', 'c': tmp_path / 'x/c.MKV'}
    assert find_videos(tmp_path, 'path') == {
        'a b': tmp_path / 'a b.mp4',
        'x/c': tmp_path / 'x/c.MKV',
    }
    (tmp_path / 'list.txt').write_text('a b.mp4 0\nx/c.MKV 13\n\nplain.mp4\n')
    assert find_videos(tmp_path / 'list.txt', 'path') == {
        'a b': tmp_path / 'a b.mp4',
        'x/c': tmp_path / 'x/c.MKV',
        'plain': tmp_path / 'plain.mp4',
    }
    with pytest.raises(
        VisualizationError,
        match='none: cannot be read .*; --videos takes a folder of videos or a list',
    ):
        find_videos(tmp_path / 'none', 'stem')
    (tmp_path / 'y').mkdir()
    with pytest.raises(VisualizationError, match='y: no video in it'):
        find_videos(tmp_path / 'y', 'stem')


def test_sheet_shows_middle_frames_best_first(tmp_path):
    for name, level in (('a', 200), ('b', 100)):
        frames = np.zeros((5, 36, 64, 3), np.uint8)
        frames[2] = level  # the middle frame
        write_video(tmp_path / 'v' / f'{name}.avi', frames, codec='FFV1')
    (tmp_path / 'v' / 'broken.avi').write_bytes(b'x' * 100)
    store = ego_store(tmp_path / 's', dict(b=(0, 1), broken=(0, -3), a=(0, 2), gone=(0, -2)))
    picture, missing = ranking_sheet(store, find_videos(tmp_path / 'v', 'stem'), count=2)
    width, height = TILE
    # two rows of two tiles, each after a line of text, within gaps: most a, b; least broken, gone
    row = height + 2 * LINE
    tops = [3 * LINE + 2 * 6 + LINE + 6 + 8]
    tops.append(tops[0] + row + 8 + 6 + LINE + 6 + 8)
    columns = [8 + width // 2, 8 + width + 8 + width // 2]
    centres = [[picture[top + height // 4, column].tolist() for column in columns] for top in tops]
    np.testing.assert_allclose(centres, [[[200] * 3, [100] * 3], [[110] * 3] * 2], atol=2)
    assert len(missing) == 2 and missing[1] == 'gone: not among the 3 videos given'
    assert 'broken.avi: does not open as a video' in missing[0]
    picture, missing = ranking_sheet(store, {}, count=8)  # 4 videos: 2 and 2
    assert len(missing) == 4


def test_frames_of_a_video(tmp_path):
    frames = np.repeat(np.arange(10, dtype=np.uint8) * 20, 36 * 64 * 3).reshape(10, 36, 64, 3)
    video = VideoFrames(write_video(tmp_path / 'a.avi', frames, fps=5, codec='FFV1'))
    assert len(video) == 10 and video.seconds(4) == pytest.approx(0.8)
    assert (
        video.evenly(3) == [1, 5, 8]
        and video.evenly(99) == list(range(10))
        and video.evenly(1) == [5]
    )
    assert [round(float(video[i].mean()) / 20) for i in (9, 0, 4)] == [9, 0, 4]
