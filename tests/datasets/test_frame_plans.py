"""Which frames plans want, by hand."""

import numpy as np
import pytest
from mmaction.datasets.transforms import SampleFrames

from egoexo_mm.datasets.frame_plans import EvenFrames, EveryKthFrame, SampledClips, _Table


def follow(schedule, end):
    """Frames read, and items with the frames kept when they complete, for a video up to ``end``."""
    position, read, items, kept = 0, [], [], set()
    while (number := schedule.next(position)) is not None and number < end:
        read.append(number)
        kept.add(number)
        position = number + 1
        done = schedule.complete(number)
        assert all(set(frames) <= kept for _, frames in done)
        items += done
        kept = {frame for frame in kept if frame >= schedule.keep_from(number)}
    rest = schedule.finish(read[-1])
    assert all(set(frames) <= kept for _, frames in rest)
    return read, items + rest


def test_every_kth_frame():
    plan = EveryKthFrame(stride=4)
    assert follow(plan.schedule(0, 30.0), end=10) == ([0, 4, 8], [(0, (0,)), (1, (4,)), (2, (8,))])
    assert (plan.stride, str(plan), str(EveryKthFrame())) == (4, 'every 4 frames', 'every frame')
    with pytest.raises(ValueError, match='stride is 0, expected 1 or more'):
        EveryKthFrame(stride=0)


def test_even_frames():
    # middles of 4 parts of 2.5 frames: 1.25, 3.75, 6.25, 8.75
    assert EvenFrames(num_frames=4).items(10, 30.0).tolist() == [[1], [3], [6], [8]]
    assert EvenFrames(num_frames=4).items(3, 30.0).tolist() == [[0], [1], [2]]  # every frame once


def test_clips_share_frames():
    # 3 clips of 4 frames, interval 2 (7 frames long), in 11 frames: begin at 0, 2, 4
    plan = SampledClips(clip_len=4, frame_interval=2, num_clips=3)
    read, items = follow(plan.schedule(11, 30.0), end=11)
    assert read == [0, 2, 4, 6, 8, 10]
    assert items == [(0, (0, 2, 4, 6)), (1, (2, 4, 6, 8)), (2, (4, 6, 8, 10))]
    assert str(plan) == 'clips of clip_len 4, frame_interval 2, num_clips 3'


@pytest.mark.parametrize('num_frames', [1, 5, 31, 300])
@pytest.mark.parametrize(
    'options',
    [dict(target_fps=30), dict(), dict(out_of_bound_opt='repeat_last'), dict(twice_sample=True)],
)
def test_clips_are_those_of_sample_frames(options, num_frames):
    clips = dict(clip_len=8, frame_interval=2, num_clips=5, **options)
    host = SampleFrames(test_mode=True, **clips).transform(
        dict(total_frames=num_frames, avg_fps=25.0, start_index=0)
    )
    plan = SampledClips(**clips)
    _, items = follow(plan.schedule(num_frames, 25.0), end=num_frames)
    assert [frame for _, frames in sorted(items) for frame in frames] == host['frame_inds'].tolist()


def test_items_in_any_order():
    read, items = follow(_Table(np.array([[7, 3], [0, 1], [3, 3]])), end=8)
    assert read == [0, 1, 3, 7]
    assert items == [(1, (0, 1)), (2, (3, 3)), (0, (7, 3))]


def test_a_video_that_ends_early():
    """Frames 8 and 9 of ten are missing: items go on with frame 6, the latest that was wanted."""
    table = _Table(np.array([[0, 4], [6, 8], [8, 9]]))
    assert follow(table, end=8) == ([0, 4, 6], [(0, (0, 4)), (1, (6, 6)), (2, (6, 6))])
