import numpy as np
import pytest

from egoexo_mm.targets import TargetStoreError, VideoInfo, stored_frames
from egoexo_mm.targets.store.frame_matching import rows_of_frames
from egoexo_mm.targets.store.records import boxes_in_order, check_box_values


def info(num_frames=0, fps=0.0, stride=1):
    return VideoInfo(num_frames, fps, 0, 0, stride)


@pytest.mark.parametrize(
    'stored, total, fps, frames, expected',
    [
        # equal frame counts: frame by frame, whatever the frame rates say
        (info(300, 30.0), 300, 25.0, [0, 7, 299], [0, 7, 299]),
        # by time: frame 30 at 60 fps is second 0.5, frame 15 at 30 fps
        (info(300, 30.0), 600, 60.0, [0, 30, 31, 33, 599], [0, 15, 16, 16, 299]),
        # 25 -> 30 fps: 10 / 25 s * 30 = 12
        (info(300, 30.0), 250, 25.0, [10, 249], [12, 299]),
        # frame counts unknown: by time as well
        (info(0, 30.0), None, 60.0, [40], [20]),
        # no frame rate: at the same fraction of the video
        (info(300), 100, None, [0, 10, 99], [0, 30, 297]),
        (info(300, 30.0), 100, None, [10], [30]),
        # nothing known: by number
        (info(), 100, None, [5], [5]),
        (info(300), None, 30.0, [5], [5]),
        # clamped
        (info(10), None, None, [-3, 9, 10, 500], [0, 9, 9, 9]),
    ],
)
def test_lookup(stored, total, fps, frames, expected):
    found = stored_frames(np.array(frames), stored, total, fps)
    assert found.tolist() == expected
    assert found.dtype == np.int64


@pytest.mark.parametrize(
    'num_frames, stride, frames, expected',
    [
        (0, 4, [0, 1, 2, 3, 4, 5, 6], [0, 0, 4, 4, 4, 4, 8]),
        (0, 3, [0, 1, 2, 3, 4, 5], [0, 0, 3, 3, 3, 6]),
        (12, 4, [9, 10, 11], [8, 8, 8]),  # processed: 0, 4, 8
        (10, 4, [9, 20], [8, 8]),
    ],
)
def test_nearest_processed_frame(num_frames, stride, frames, expected):
    found = stored_frames(np.array(frames), info(num_frames, stride=stride))
    assert found.tolist() == expected


def test_input_is_left_alone():
    frames = np.array([-1, 50])
    stored_frames(frames, info(10, stride=4))
    assert frames.tolist() == [-1, 50]


def test_unknown_length_is_bounded_by_int32():
    assert stored_frames([2**40, 7], info(), None, None).tolist() == [2**31 - 1, 7]
    assert stored_frames([2**40], info(stride=4), None, None).tolist() == [2**31 - 4]


@pytest.mark.parametrize('seed', range(5))
def test_rows_are_those_of_a_search_frame_by_frame(seed):
    rng = np.random.default_rng(seed)
    frame = np.sort(rng.integers(0, 40, rng.integers(0, 90))).astype(np.int32)
    wanted = rng.integers(
        0, 45, rng.integers(0, 20)
    )  # any order, repeated, some without detections
    slot, rows = rows_of_frames(frame, wanted)
    expected = [
        (i, row) for i, asked in enumerate(wanted) for row in np.flatnonzero(frame == asked)
    ]
    assert len(slot) == len(rows)
    assert list(zip(slot.tolist(), rows.tolist())) == expected
    assert slot.dtype == rows.dtype == np.int64


@pytest.mark.parametrize(
    'box, good',
    [
        ([], True),
        ([[0, 0, 1, 1]], True),
        ([[0.5, 0.5, 0.5, 0.5]], True),
        ([[-0.01, 0, 1.01, 1]], True),
        ([[-0.011, 0, 1, 1]], False),
        ([[0, 0, 1, 1.011]], False),
        ([[0.5, 0, 0.25, 1]], False),
        ([[0, 0.5, 1, 0.25]], False),
        ([[0, 0, 1, 1], [np.nan, 0, 1, 1]], False),
        ([[0, 0, 1, np.nan]], False),
        ([[0, 0, 1, np.inf]], False),
        ([[1.02, 0, 1.03, 1]], False),
        ([[-3, 0, -2, 1]], False),
        ([[0, 0, 1, 1], [10, 20, 30, 40]], False),
    ],
)
def test_quick_box_check_agrees_with_the_one_that_explains(box, good):
    box = np.array(box, np.float32).reshape(-1, 4)
    assert boxes_in_order(box) is good
    if good:
        check_box_values(box, np.zeros(len(box), int), 'x')
    else:
        with pytest.raises(TargetStoreError, match='^x: box .* at frame 0 '):
            check_box_values(box, np.zeros(len(box), int), 'x')
