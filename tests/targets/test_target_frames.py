import numpy as np
import pytest

from egoexo_mm.targets import VideoInfo, stored_frames


def info(num_frames=0, fps=0., stride=1):
    return VideoInfo(num_frames, fps, 0, 0, stride)


@pytest.mark.parametrize('stored, total, fps, frames, expected', [
    # equal frame counts: frame by frame, whatever the frame rates say
    (info(300, 30.), 300, 25., [0, 7, 299], [0, 7, 299]),
    # by time: frame 30 at 60 fps is second 0.5, frame 15 at 30 fps
    (info(300, 30.), 600, 60., [0, 30, 31, 33, 599], [0, 15, 16, 16, 299]),
    # 25 -> 30 fps: 10 / 25 s * 30 = 12
    (info(300, 30.), 250, 25., [10, 249], [12, 299]),
    # frame counts unknown: by time as well
    (info(0, 30.), None, 60., [40], [20]),
    # no frame rate: at the same fraction of the video
    (info(300), 100, None, [0, 10, 99], [0, 30, 297]),
    (info(300, 30.), 100, None, [10], [30]),
    # nothing known: by number
    (info(), 100, None, [5], [5]),
    (info(300), None, 30., [5], [5]),
    # clamped
    (info(10), None, None, [-3, 9, 10, 500], [0, 9, 9, 9]),
])
def test_lookup(stored, total, fps, frames, expected):
    found = stored_frames(np.array(frames), stored, total, fps)
    assert found.tolist() == expected
    assert found.dtype == np.int64


@pytest.mark.parametrize('num_frames, stride, frames, expected', [
    (0, 4, [0, 1, 2, 3, 4, 5, 6], [0, 0, 4, 4, 4, 4, 8]),
    (0, 3, [0, 1, 2, 3, 4, 5], [0, 0, 3, 3, 3, 6]),
    (12, 4, [9, 10, 11], [8, 8, 8]),  # processed: 0, 4, 8
    (10, 4, [9, 20], [8, 8]),
])
def test_nearest_processed_frame(num_frames, stride, frames, expected):
    found = stored_frames(np.array(frames), info(num_frames, stride=stride))
    assert found.tolist() == expected


def test_input_is_left_alone():
    frames = np.array([-1, 50])
    stored_frames(frames, info(10, stride=4))
    assert frames.tolist() == [-1, 50]
