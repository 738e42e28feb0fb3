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
