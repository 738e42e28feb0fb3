import random

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms import SeedAugmentations


def sample(total_frames, fps=30.0, start_index=0, seed=0, **options):
    transform = TRANSFORMS.build(
        dict(type='SampleTimeWindow', clip_len=32, frame_interval=2, **options)
    )
    np.random.seed(seed)
    return transform(dict(total_frames=total_frames, avg_fps=fps, start_index=start_index))[
        'frame_inds'
    ]


def test_window_of_a_clip():
    """32 frames spread over 64: steps of 63 / 31, rounded down."""
    expected = np.linspace(0, 63, 32).astype(int)
    for seed in range(20):
        np.random.seed(seed)
        start = np.random.uniform(0, 300 - 64)
        np.testing.assert_array_equal(
            sample(300, seed=seed), np.floor(np.linspace(start, start + 63, 32))
        )
    np.testing.assert_array_equal(sample(64), expected)  # no room: the whole video


def test_window_follows_the_frame_rate():
    assert np.ptp(sample(600, fps=60)) in (126, 127)  # 128 source frames at 60 fps
    assert np.ptp(sample(600, fps=15)) in (30, 31)
    np.testing.assert_array_equal(sample(600, fps=None), sample(600, fps=30))


def test_short_video_repeats_its_last_frame():
    found = sample(10)
    assert found.max() == 9 and (found[5:] == 9).all() and found[:5].tolist() == [0, 2, 4, 6, 8]


def test_test_clips():
    """Clip i of 10 starts at i / 10 of the room, so the last one does not reach the end."""
    found = sample(264, num_clips=10, test_mode=True).reshape(10, 32)
    assert found[:, 0].tolist() == [20 * i for i in range(10)]
    assert found.max() == 20 * 9 + 63


def test_start_index_shifts():
    np.testing.assert_array_equal(sample(300, start_index=1), sample(300) + 1)


def test_video_without_frames():
    with pytest.raises(ValueError, match='no frames to sample from'):
        sample(0)


def draws(transform, idx):
    transform(dict(sample_idx=idx))
    return np.random.rand(), random.random()


def test_draws_depend_on_seed_epoch_and_sample():
    transform = SeedAugmentations()
    transform.set_epoch(0, 3)
    first = draws(transform, 7)
    np.random.rand(5)
    assert draws(transform, 7) == first
    assert draws(transform, 8) != first
    transform.set_epoch(0, 4)
    assert draws(transform, 7) != first
    transform.set_epoch(1, 3)
    assert draws(transform, 7) != first


def test_without_the_hook_nothing_is_seeded():
    transform = SeedAugmentations()
    np.random.seed(0)
    expected = np.random.rand()
    np.random.seed(0)
    assert draws(transform, 0)[0] == expected


def test_running_workers_see_the_epoch():
    import torch.multiprocessing as mp

    transform = SeedAugmentations()
    context = mp.get_context('fork')
    ours, theirs = context.Pipe()

    def work():
        for _ in range(2):
            theirs.send(draws(transform, theirs.recv()))

    worker = context.Process(target=work)
    worker.start()
    found = []
    for epoch in (1, 2):
        transform.set_epoch(5, epoch)
        ours.send(0)
        found.append(ours.recv())
    worker.join()
    expected = []
    for epoch in (1, 2):
        transform.set_epoch(5, epoch)
        expected.append(draws(transform, 0))
    assert found == expected and found[0] != found[1]


# ---- videos of variable rate


@pytest.fixture(scope='module')
def slowing(tmp_path_factory):
    """Frames 0 to 19 at 30 a second, and 20 to 30 from 2/3 s at 7.5: 30 steps in 2 s, so 15."""
    pytest.importorskip('av')
    from tests.datasets.test_clip_reader import encode

    ticks = [*range(0, 60, 3), *range(60, 181, 12)]  # of 1/90 s
    return encode(tmp_path_factory.mktemp('slowing') / 'a.mp4', ticks)


def clamped(path, start=None, stop=None, **options):
    results = dict(filename=str(path), start_index=0, start_sec=start, stop_sec=stop)
    for step in (
        dict(type='ClipReaderInit'),
        dict(type='TrimSegment'),
        dict(dict(type='SampleClampedFrames', test_mode=True), **options),
    ):
        results = TRANSFORMS.build(step)(results)
    return results['frame_inds'].tolist()


def test_clamped_clips_step_by_time(slowing):
    """The last of 31 frames is shown to 2.1333 s, so position k is at 0.0688 k s.

    That is two of the first frames, or half of a later one.
    """
    # the span of 15 leaves room for 16, so the clip starts at 16 / 2 = 8, at 0.5505 s: frame 16
    expected = [16, 20, 21, 22, 23, 24, 25, 26]
    assert clamped(slowing, clip_len=8, frame_interval=2) == expected
    # the span of 29 leaves the starts 0 and 2; positions 2, 6, 10, 14, ... are at 0.1376 s (frame
    # 4), 0.4129 s (12), 0.6882 s (20), 0.9634 s (22), ..., 2.0645 s (30)
    found = clamped(slowing, clip_len=8, frame_interval=4, num_clips=2)
    assert found[:8] == [0, 8, 16, 21, 23, 25, 27, 29]
    assert found[8:] == [4, 12, 20, 22, 24, 26, 28, 30]


def test_clamped_clips_of_a_segment_step_by_time(slowing):
    """From 1/3 s (frame 10) to 1 s (frame 22, shown to 16/15 s): 13 frames in 0.7333 s."""
    # the span of 13 starts at 0; positions 0, 4, 8 and 12 of 0.0564 s are at 0.3333, 0.5590,
    # 0.7846 and 1.0103 s
    assert clamped(slowing, 1 / 3, 1.0, clip_len=4, frame_interval=4) == [10, 16, 20, 22]
    # in training no clip leaves the segment
    for seed in range(20):
        np.random.seed(seed)
        found = clamped(slowing, 1 / 3, 1.0, clip_len=4, frame_interval=2, test_mode=False)
        assert 10 <= found[0] and found[-1] <= 22 and found == sorted(found)


def test_times_of_a_steady_video_change_no_clip():
    """With the times of a fixed rate, position k is frame k, also in segments."""
    for options in (
        dict(clip_len=8, frame_interval=3),
        dict(clip_len=8, frame_interval=3, num_clips=4),
    ):
        step = TRANSFORMS.build(dict(type='SampleClampedFrames', test_mode=True, **options))
        for first, total in ((0, 100), (37, 50), (90, 10)):
            plain = dict(total_frames=total, segment_start=first, start_index=0, source_frames=100)
            timed = dict(plain, avg_fps=29.97, frame_times=np.arange(100) / 29.97)
            np.testing.assert_array_equal(
                step(dict(timed))['frame_inds'], step(dict(plain))['frame_inds']
            )


def window_of(first, total, source=100, times=None, **options):
    step = TRANSFORMS.build(dict(dict(type='SampleTimeWindow', test_mode=True), **options))
    results = dict(
        total_frames=total, segment_start=first, source_frames=source, start_index=0, avg_fps=30
    )
    return step(results if times is None else dict(results, frame_times=times))['frame_inds']


def test_window_of_a_segment():
    """As in a video of these frames alone, 37 frames later; also by time, also of short ones."""
    steady = np.arange(100) / 30
    for total in (50, 10):
        for options in (dict(clip_len=8, frame_interval=2), dict(clip_len=4, num_clips=2)):
            options = dict(dict(frame_interval=3), **options)
            alone = window_of(0, total, total, **options)
            np.testing.assert_array_equal(window_of(37, total, **options), 37 + alone)
            np.testing.assert_array_equal(window_of(37, total, times=steady, **options), 37 + alone)
    np.random.seed(0)
    drawn = [window_of(37, 50, clip_len=8, frame_interval=4, test_mode=False) for _ in range(20)]
    assert np.min(drawn) >= 37 and np.max(drawn) <= 86 and len({clip[0] for clip in drawn}) > 5


def test_window_of_a_segment_of_variable_rate():
    """Frames 0 to 9 come every 0.1 s, then every 0.2 s: frames 10 to 13 last from 1.0 to 1.8 s."""
    times = np.array([*np.arange(10) / 10, *(1 + np.arange(10) / 5)])
    found = window_of(10, 4, 20, times, clip_len=4, frame_interval=6)  # 0.8 s at 30 fps
    assert found.tolist() == [10, 11, 12, 13]
