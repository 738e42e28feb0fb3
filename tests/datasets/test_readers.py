"""Every reader gives the same frames, and one kind of error for broken files."""
import errno
import re
from importlib import util

import numpy as np
import pytest
from broken_videos import cut, no_frames, ramp, size_change
from media import write_video

from egoexo_mm.datasets.readers import READERS, BrokenVideoError, VideoFile, check_reader

readers = pytest.mark.parametrize('reader', [
    pytest.param(name, marks=pytest.mark.skipif(util.find_spec(kind.module) is None, reason=f'no {kind.module} here'))
    for name, kind in READERS.items()])


def read_all(reader, path):
    video, frames = READERS[reader](str(path)), []
    while (frame := video.read()) is not None:
        frames.append(frame)
    return video, np.array(frames)


@readers
def test_frames_in_rgb(reader, tmp_path):
    path = write_video(tmp_path / 'a.avi', ramp(), fps=25, codec='FFV1')
    video, frames = read_all(reader, path)
    assert (video.num_frames, video.fps, video.position) == (40, 25, 40)
    assert frames.dtype == np.uint8 and np.array_equal(frames, ramp())  # the codec is lossless; red is channel 0
    assert video.read() is None


@readers
def test_skipping(reader, tmp_path):
    video = READERS[reader](str(write_video(tmp_path / 'a.mp4', ramp())))
    numbers = []
    for skip in (0, 0, 3, 0, 11, 20):
        frame = video.read(skip=skip)
        numbers.append(round(frame[..., 1].mean() / 5))
        assert video.position == numbers[-1] + 1
    assert numbers == [0, 1, 5, 6, 18, 39]
    assert video.read(skip=5) is None and video.position == 40


@readers
def test_size_change(reader, tmp_path):
    _, frames = read_all(reader, size_change(tmp_path / 'a.avi'))
    assert frames.shape == (60, 48, 64, 3)
    assert abs(frames[39, ..., 0].mean() - 200) < 3
    assert frames[40:, ..., 0].max() < 20
    assert np.allclose(frames[40:, ..., 1].mean((1, 2)), np.arange(20) * 5, atol=4)


@readers
@pytest.mark.parametrize('make', [no_frames, cut])
def test_fewer_frames_than_the_header_says(reader, make, tmp_path):
    path = make(tmp_path / 'a.avi')
    try:
        video, frames = read_all(reader, path)
    except BrokenVideoError as error:
        assert make is no_frames and re.match(r'\S+a.avi: has no frame that can be decoded$', str(error))
    else:
        assert len(frames) == video.position < 20


@readers
def test_no_video(reader, tmp_path):
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(BrokenVideoError, match=r'^\S+text.mp4: '):
        READERS[reader](str(tmp_path / 'text.mp4'))
    with pytest.raises(BrokenVideoError, match=r'^\S+other.mp4: no such file$'):
        READERS[reader](str(tmp_path / 'other.mp4'))


@readers
def test_unicode_and_spaces(reader, tmp_path):
    assert len(read_all(reader, write_video(tmp_path / 'ün ï ビデオ' / 'my clip é.mp4', ramp(7)))[1]) == 7


def test_reasons_are_the_same_in_every_run(tmp_path):
    (tmp_path / 'a.mp4').write_text('no video')
    with pytest.raises(BrokenVideoError) as raised:
        READERS['decord'](str(tmp_path / 'a.mp4'), alone=True)
    assert str(raised.value).startswith(f'{tmp_path}/a.mp4: RuntimeError: Error reading ')  # no time of day


@pytest.mark.parametrize('error', [MemoryError(), OSError(errno.EMFILE, 'Too many open files'),
                                   RuntimeError('std::bad_alloc'), ImportError('no such library')])
def test_trouble_of_the_machine_is_not_the_videos(error, tmp_path):
    class Starved(VideoFile):
        def _open(self, path):
            raise error

    (tmp_path / 'a.mp4').touch()
    with pytest.raises(type(error)):
        Starved(str(tmp_path / 'a.mp4'))


def test_unknown_and_missing_readers(monkeypatch):
    with pytest.raises(ValueError, match="reader is 'vlc', expected one of decord, opencv, pyav"):
        check_reader('vlc')
    monkeypatch.setitem(READERS, 'other', type('Other', (VideoFile, ), dict(module='no_such_module')))
    assert check_reader(None) == check_reader('auto') == 'pyav'
    with pytest.raises(ValueError, match="reader 'other' needs the package no_such_module"):
        check_reader('other')
