"""Seconds and frames in videos of variable rate: 20 frames at 25 a second, then 10 at 6.25."""

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

import egoexo_mm  # noqa: F401
from egoexo_mm.targets import VideoInfo, stored_frames
from egoexo_mm.video.times import duration, frame_at

NUMBERS = np.arange(30)
TIMES = (
    np.where(NUMBERS < 20, NUMBERS, 20 + (NUMBERS - 20) * 4) / 25
)  # 0, 0.04, ..., 0.8, 0.96, ..., 2.24
FPS = 30 / 2.4


def test_the_frame_in_sight():
    assert frame_at(TIMES, [-1, 0, 0.0399, 0.04, 0.79, 0.8, 0.95, 0.96, 2.24, 9]).tolist() == [
        0,
        0,
        0,
        1,
        19,
        20,
        20,
        21,
        29,
        29,
    ]
    assert duration(TIMES, FPS) == pytest.approx(2.24 + 0.16) and duration(np.zeros(1), 25) == 0.04


def trim(start, stop, **results):
    return TRANSFORMS.build(dict(type='TrimSegment'))(
        dict(
            dict(
                filename='a.mp4',
                total_frames=30,
                avg_fps=FPS,
                frame_times=TIMES,
                start_sec=start,
                stop_sec=stop,
            ),
            **results,
        )
    )


def test_segments_in_seconds():
    """By the average rate, 0 to 0.8 s would end at frame 10."""
    found = trim(0.0, 0.8)
    assert (found['segment_start'], found['total_frames'], found['source_frames']) == (0, 21, 30)
    found = trim(1.3, 1.7)  # frame 23 is shown from 1.28 s, 25 from 1.6 s
    assert (found['segment_start'], found['total_frames']) == (23, 3)
    assert trim(2.39, 5.0)['segment_start'] == 29  # the last is in sight to 2.4 s
    with pytest.raises(ValueError, match='from 2.4 to 3 s does not lie in its 30 frames'):
        trim(2.4, 3.0)
    steady = trim(0.5, 1.0, frame_times=None, avg_fps=25.0)
    assert (steady['segment_start'], steady['total_frames']) == (
        12,
        14,
    )  # floor(0.5 * 25) and floor(1 * 25)


def test_time_windows():
    """A clip of 8 frames at 4 / 30 s is 1.07 s long; its frames are those shown at even times."""
    step = TRANSFORMS.build(
        dict(type='SampleTimeWindow', clip_len=8, frame_interval=4, num_clips=2, test_mode=True)
    )
    window = 8 * 4 / 30
    starts = (2.4 - window) * np.array([[0], [0.5]])
    expected = frame_at(TIMES, starts + np.linspace(0, window - 1 / FPS, 8))
    found = step(dict(total_frames=30, avg_fps=FPS, start_index=0, frame_times=TIMES))
    np.testing.assert_array_equal(found['frame_inds'].reshape(2, 8), expected)
    assert np.ptp(expected[0]) > 1.5 * np.ptp(expected[1])  # many short frames, then few long ones


def test_boxes_of_another_copy():
    """The teacher saw 60 frames at 25 frames/s; the user's copy has 30 of variable rate."""
    stored = VideoInfo(60, 25.0, 96, 64, 1)
    assert stored_frames([0, 10, 20, 21, 29], stored, 30, FPS, TIMES).tolist() == [
        0,
        10,
        20,
        24,
        56,
    ]
    assert stored_frames([0, 10, 20, 21, 29], stored, 30, FPS).tolist() == [
        0,
        20,
        40,
        42,
        58,
    ]  # by the average rate
    same = VideoInfo(30, FPS, 96, 64, 1)
    assert stored_frames([0, 10, 29], same, 30, FPS, TIMES).tolist() == [0, 10, 29]


def test_targets_follow_the_times(monkeypatch):
    """``LoadTargets`` hands the times on."""
    step = TRANSFORMS.build(dict(type='LoadTargets', time_stride=1, frame_sampling='stride'))
    asked = {}

    class Store:
        def detections(self, video_id, frames, **copy):
            asked.update(copy, frames=frames.tolist())
            raise KeyError

    with pytest.raises(KeyError):
        step._maps(
            Store(),
            'a',
            dict(
                frame_inds=np.array([3, 21]),
                start_index=0,
                num_clips=1,
                clip_len=2,
                total_frames=30,
                avg_fps=FPS,
                frame_times=TIMES,
            ),
        )
    assert asked.pop('frame_times') is TIMES and asked == dict(
        frames=[3, 21], total_frames=30, fps=FPS
    )
