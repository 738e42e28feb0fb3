"""Videos and pictures are there whole or not at all."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from egoexo_mm.visualization import VideoFrames, VisualizationError, write_mp4, write_png


@pytest.mark.parametrize('codec', ['mp4v', 'vp09'])
def test_mp4_plays(tmp_path, codec):
    pictures = [np.full((48, 64, 3), (40 * i, 0, 200), np.uint8) for i in range(5)]
    assert write_mp4(tmp_path / 'new' / 'a.mp4', iter(pictures), fps=10, codec=codec) == 5
    video = VideoFrames(tmp_path / 'new' / 'a.mp4')
    assert len(video) == 5 and video.fps == pytest.approx(10)
    np.testing.assert_allclose(video[4].mean((0, 1)), (160, 0, 200), atol=8)


@pytest.mark.skipif(not shutil.which('ffmpeg'), reason='ffmpeg is not installed')
@pytest.mark.parametrize(
    'name', ['av1_mp4', 'turned_90', 'variable_mp4', 'cover_first', 'h264_avi', 'h264_ts']
)
def test_frames_are_those_of_training(tmp_path, name):
    """The same picture for the same number: in `variable` frame 25 is at (20 + 5 x 4) / 25 s."""
    from mmaction.registry import TRANSFORMS

    from tests.video.kinds import KINDS
    from tests.video.numbered import number

    path = tmp_path / f'a{KINDS[name].suffix}'
    KINDS[name].make(path)
    video = VideoFrames(path)
    trained = TRANSFORMS.build(dict(type='ClipReaderInit'))(dict(filename=str(path)))[
        'video_reader'
    ]
    numbers = [0, 11, 25, len(video) - 1]
    for n, frame in zip(numbers, trained.get_batch(numbers)):
        np.testing.assert_array_equal(video[n], frame)
        assert number(video[n]) == n
    assert video.seconds(25) == pytest.approx(1.6 if name == 'variable_mp4' else 1.0, abs=0.001)
    assert video.until(0.99) == (
        25 if name != 'variable_mp4' else 22
    )  # frames 20, 21 at 0.8 and 0.96 s
    assert len(video) == 30 and video.until(1e9) == 30 and video.until(1e-9) == 1


def broken_off():
    yield np.zeros((32, 48, 3), np.uint8)
    raise VisualizationError('a frame cannot be decoded')


@pytest.mark.parametrize(
    'pictures, message',
    [
        (broken_off(), 'a frame cannot be decoded'),
        ([], 'a.mp4: there is no frame to write'),
        (
            [np.zeros((32, 48, 3), np.uint8), np.zeros((32, 50, 3), np.uint8)],
            r'picture 1 has the shape \(32, 50, 3\)',
        ),
    ],
)
def test_nothing_is_left_of_a_video_that_fails(tmp_path, pictures, message):
    with pytest.raises(VisualizationError, match=message):
        write_mp4(tmp_path / 'a.mp4', pictures, fps=10)
    assert list(tmp_path.iterdir()) == []


def test_png(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (8, 9, 3), dtype=np.uint8)
    write_png(tmp_path / 'a.png', picture)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'a.png'))[..., ::-1], picture)
    with pytest.raises(
        VisualizationError, match='a.xyz: OpenCV cannot write it; give a name that ends in .png'
    ):
        write_png(tmp_path / 'a.xyz', picture)
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']
