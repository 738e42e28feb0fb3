"""Videos are written in full or not at all, and every error names the file."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import cv2
import numpy as np
import pytest

from egoexo_mm.video import VideoWriteError, open_frames, write_mp4

from .numbered import number, picture

needs_av = pytest.mark.skipif(not importlib.util.find_spec('av'), reason='PyAV is not installed')


@pytest.mark.parametrize(
    'name, codec',
    [
        ('a.mp4', 'mp4v'),
        ('ä %d.mp4', 'vp09'),
        ('-a.avi', 'FFV1'),
        pytest.param('a.mp4', 'h264', marks=needs_av),
    ],
)
@pytest.mark.parametrize('fps', [7.5, 24000 / 1001])
def test_each_picture_once_and_in_order(tmp_path, name, codec, fps):
    path = tmp_path / 'new' / name
    assert write_mp4(path, (picture(n) for n in range(9)), fps, codec) == 9
    video = open_frames(str(path))
    assert [number(frame) for frame in video.get_batch(range(len(video)))] == list(range(9))
    assert video.size == (96, 64) and video.get_avg_fps() == pytest.approx(fps, rel=1e-3)
    assert [file.name for file in path.parent.iterdir()] == [name]


@pytest.mark.parametrize('codec', ['mp4v', 'vp09', pytest.param('h264', marks=needs_av)])
@pytest.mark.parametrize(
    'size, stored', [((97, 65), (96, 64)), ((96, 65), (96, 64)), ((1, 3), (2, 2))]
)
def test_odd_sides_are_scaled_to_the_even_number_below(tmp_path, codec, size, stored):
    """A box relative to the frame stays: the block in the last quarter of each side fills it."""
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    frame[-(size[1] // 4) :, -(size[0] // 4) :] = 255
    write_mp4(tmp_path / 'a.mp4', [frame] * 3, 25, codec)
    video = open_frames(str(tmp_path / 'a.mp4'))
    assert video.size == stored
    if stored == (96, 64):
        found = video[0].mean(2)
        assert found[-15:, -23:].min() > 200 and found[:47].max() < 60 and found[:, :71].max() < 60


def stops():
    yield picture(0)
    raise KeyError('a frame cannot be read')


@pytest.mark.parametrize(
    'pictures, options, error, message',
    [
        ([], {}, VideoWriteError, 'a.mp4: there is no frame to write'),
        (
            [picture(0), picture(0, (98, 64))],
            {},
            VideoWriteError,
            r'a.mp4: picture 1 has the shape \(64, 98, 3\), the first',
        ),
        (
            [picture(0).astype(float)],
            {},
            VideoWriteError,
            'a.mp4: picture 0 is float64 of the shape',
        ),
        (
            [picture(0)[..., 0]],
            {},
            VideoWriteError,
            r'a.mp4: picture 0 is uint8 of the shape \(64, 96\); expected uint8',
        ),
        (
            [picture(0)],
            dict(fps=0),
            VideoWriteError,
            'a.mp4: the frame rate is 0; give a positive number',
        ),
        ([picture(0)], dict(fps=float('nan')), VideoWriteError, 'a.mp4: the frame rate is nan'),
        (
            [picture(0)],
            dict(fps=1e6),
            VideoWriteError,
            "a.mp4: this OpenCV has no encoder for 'mp4v' at 1e.06 frames/s of 96",
        ),
        (
            [picture(0)],
            dict(codec='avc9'),
            VideoWriteError,
            "a.mp4: this OpenCV has no encoder for 'avc9'",
        ),
        (
            [picture(0)],
            dict(codec='x'),
            VideoWriteError,
            "a.mp4: this OpenCV has no encoder for 'x'",
        ),
        (stops(), {}, KeyError, 'a frame cannot be read'),
    ],
)
def test_nothing_is_left_of_a_video_that_fails(tmp_path, pictures, options, error, message):
    with pytest.raises(error, match=message):
        write_mp4(tmp_path / 'a.mp4', pictures, **{'fps': 25, **options})
    assert list(tmp_path.iterdir()) == []


def test_h264_without_pyav(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(
        VideoWriteError, match="a.mp4: PyAV, which has the encoder for 'h264', is not installed"
    ):
        write_mp4(tmp_path / 'a.mp4', [picture(0)], 25, 'h264')


def test_full_disk(tmp_path):
    """OpenCV's writer is silent on a full disk; a limit on the size of files stands for one."""
    code = (
        'import resource, sys, numpy as np\n'
        'from egoexo_mm.video.writing import write_mp4\n'
        'resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))\n'
        'rng = np.random.default_rng(0)\n'
        'frames = (rng.integers(0, 255, (64, 96, 3), dtype=np.uint8) for _ in range(60))\n'
        'write_mp4("a.mp4", frames, 25)\n'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr.strip().splitlines()[-1] == (
        'OSError: a.mp4: the video could not be written in full; free space on the disk and run '
        'again'
    )
    assert list(tmp_path.iterdir()) == []


def test_opencv_reads_what_is_written(tmp_path):
    """Not through the package's own readers."""
    write_mp4(
        tmp_path / 'a.mp4', [np.full((48, 64, 3), (40 * i, 0, 200), np.uint8) for i in range(5)], 10
    )
    capture = cv2.VideoCapture(str(tmp_path / 'a.mp4'))
    frames = [capture.read()[1][..., ::-1] for _ in range(5)]
    np.testing.assert_allclose(frames[4].mean((0, 1)), (160, 0, 200), atol=8)
    assert not capture.read()[0] and capture.get(cv2.CAP_PROP_FPS) == 10
