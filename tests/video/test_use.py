"""Training, extraction and drawing see one picture, also of files that are cut off or damaged."""

import io
import sys

import cv2
import numpy as np
import pytest
from mmaction.registry import DATASETS, TRANSFORMS
from mmengine.utils import digit_version

import egoexo_mm  # noqa: F401
from egoexo_mm.video import (
    READERS,
    BrokenVideoError,
    check_reader,
    open_frames,
    open_stream,
    opencv_reader,
    opening,
)
from egoexo_mm.visualization.files import VideoFrames

from .kinds import KINDS, VP9, X264, YUV
from .numbered import COUNT, copy, encode, ffmpeg, number

pytest.importorskip('av')


@pytest.mark.parametrize('kind', ['h264_mp4', 'cover_first', 'turned_90', 'variable_mp4'])
def test_training_extraction_and_drawing_agree(made, kind, tmp_path):
    path = made(kind)
    trained = TRANSFORMS.build(dict(type='ClipReaderInit'))(dict(filename=str(path)))[
        'video_reader'
    ]
    (tmp_path / 'list.txt').write_text(f'{path} 0\n')
    (extracted,) = DATASETS.build(
        dict(
            type='VideoStreamDataset',
            ann_file=str(tmp_path / 'list.txt'),
            plan=dict(type='EveryKthFrame', stride=7),
        )
    )
    drawn = VideoFrames(path)
    assert len(trained) == extracted.num_frames == len(drawn) == COUNT
    assert extracted.numbers == [0, 7, 14, 21, 28]
    for n, frame in zip(extracted.numbers, extracted.frames.numpy()):
        assert number(frame) == n
        np.testing.assert_array_equal(frame, trained[n])
        np.testing.assert_array_equal(frame, drawn[n])


@pytest.mark.parametrize(
    'kind', ['h264_mp4', 'h264_raw', 'h264_ts', 'mpeg1_mpg', 'grows_ts', 'h264_avi']
)
def test_binary_files(made, kind):
    video = open_frames(io.BytesIO(made(kind).read_bytes()), name='bucket/a.mp4')
    assert [number(video[i]) for i in (29, 0, 12)] == [29, 0, 12] and len(video) == COUNT
    with pytest.raises(
        IndexError, match='^bucket/a.mp4: frame 30 is beyond the 30 frames of the video$'
    ):
        video.get_batch([30])
    with pytest.raises(BrokenVideoError, match='^bucket/b.mp4: '):
        open_frames(io.BytesIO(b'no video'), name='bucket/b.mp4')


def keep(source, path, share):
    """The first part of a file."""
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def read_all(path, reader=None):
    stream, shown = open_stream(path, reader), []
    while (frame := stream.read()) is not None:
        shown.append(number(frame))
    return stream, shown


def test_files_that_are_cut_off(made, tmp_path):
    """Frames that exist can be read in both ways; the stream knows if the header promises more."""
    copy(made('h264_mp4'), tmp_path / 'fast.mp4', '-movflags', 'faststart')
    for source, share, promised in (
        (tmp_path / 'fast.mp4', 0.8, COUNT),
        (made('vp9_webm'), 0.6, COUNT),
        (made('mpeg4_avi'), 0.6, COUNT),
        (made('h264_ts'), 0.7, None),
        (made('h264_flv'), 0.6, None),
    ):
        path = keep(source, tmp_path / f'cut{source.suffix}', share)
        video = open_frames(path)
        by_number = [number(video[i]) for i in range(len(video))]
        stream, forward = read_all(path)
        assert forward == by_number and 10 <= len(video) < COUNT
        assert by_number[:-1] == list(
            range(len(video) - 1)
        )  # of the last one a part may be missing
        assert stream.num_frames == (promised or len(video))


def test_damage_in_the_middle(made, tmp_path):
    """Frames that need what is lost are refused, others keep their numbers."""
    copy(made('h264_mp4'), tmp_path / 'fast.mp4', '-movflags', 'faststart')
    data = bytearray((tmp_path / 'fast.mp4').read_bytes())
    start = len(data) * 60 // 100
    data[start : start + len(data) * 6 // 100] = bytes(len(data) * 6 // 100)
    path = tmp_path / 'bad.mp4'
    path.write_bytes(data)
    video = open_frames(path)
    assert len(video) == COUNT and [number(video[i]) for i in (0, 16, 29)] == [0, 16, 29]
    with pytest.raises(BrokenVideoError, match=r'bad.mp4: .*Invalid data'):
        video.get_batch([5])
    with pytest.raises(BrokenVideoError, match='bad.mp4: .*Invalid data'):
        read_all(path)


def test_no_video_in_the_file(tmp_path, made):
    ffmpeg('-f', 'lavfi', '-i', 'sine=d=0.3', '-c:a', 'aac', tmp_path / 'sound.mp4')
    ffmpeg('-i', made('h264_mp4'), '-frames:v', '1', tmp_path / 'cover.jpg')
    ffmpeg(
        '-i',
        tmp_path / 'sound.mp4',
        '-i',
        tmp_path / 'cover.jpg',
        '-map',
        '0',
        '-map',
        '1',
        '-c',
        'copy',
        '-disposition:v:0',
        'attached_pic',
        tmp_path / 'cover.mp4',
    )
    for reader in ('pyav', 'decord', 'opencv'):
        try:
            check_reader(reader)
        except ValueError:
            continue
        for name, reason in (
            ('sound.mp4', 'has no video stream'),
            ('cover.mp4', 'has a cover picture but no video stream'),
            ('gone.mp4', 'no such file'),
        ):
            for opened in (open_frames, open_stream):
                with pytest.raises(BrokenVideoError, match=f'^{tmp_path}/{name}: {reason}$'):
                    opened(tmp_path / name, reader)


def test_of_two_streams_the_larger(tmp_path, made):
    ffmpeg(
        '-f',
        'lavfi',
        '-i',
        'testsrc=s=32x32:r=25:d=1.2',
        '-i',
        made('h264_mp4'),
        '-map',
        '0',
        '-map',
        '1',
        '-c:v:0',
        'mpeg4',
        '-c:v:1',
        'copy',
        tmp_path / 'two.mp4',
    )
    assert number(open_frames(tmp_path / 'two.mp4')[8]) == 8


@pytest.mark.skipif(not all(map(opening.installed, READERS)), reason='not all readers are here')
def test_mirrored(tmp_path, made):
    """A display matrix that mirrors: left and right change places."""
    data = bytearray(encode(tmp_path / 'a.mp4', *X264).read_bytes())
    box = data.index(b'tkhd')
    matrix = box + 4 + 40  # behind version, times, id, duration, layer, group and volume
    assert data[matrix : matrix + 4] == bytes([0, 1, 0, 0])  # 1 in 16.16
    data[matrix : matrix + 4] = (-65536).to_bytes(4, 'big', signed=True)
    (tmp_path / 'b.mp4').write_bytes(data)
    plain = open_frames(tmp_path / 'a.mp4')[5]
    for reader in READERS:
        np.testing.assert_array_equal(open_frames(tmp_path / 'b.mp4', reader)[5], plain[:, ::-1])


def test_pyav_reads_interlaced_videos_for_opencv_5(made, monkeypatch):
    said = []
    monkeypatch.setattr(opening, 'say', lambda key, text: said.append(text))
    monkeypatch.setattr(opencv_reader, 'shows_interlaced', lambda: False)
    assert number(open_frames(made('h264_mp4'), 'opencv')[20]) == 20 and not said
    assert number(open_frames(made('mpeg2_ts'), 'opencv')[20]) == 20
    assert 'does not show interlaced pictures. So pyav reads it' in said[0]


def test_counted_files_are_decoded_once_in_a_process(made, monkeypatch):
    from egoexo_mm.video import pyav_index

    monkeypatch.setattr(pyav_index, '_COUNTED', {})
    path = made('h264_avi')
    open_frames(path)
    monkeypatch.setattr(pyav_index, '_decoded_times', None)  # not called again
    assert len(open_frames(path)) == COUNT


class TestWithoutPyAV:
    @pytest.fixture(autouse=True)
    def said(self, monkeypatch):
        texts = []
        monkeypatch.setitem(sys.modules, 'av', None)
        monkeypatch.setattr(opening, 'say', lambda kind, text: texts.append((kind, text)))
        return texts

    @pytest.mark.parametrize(
        'kind', ['h264_mp4', 'h264_ts', 'mpeg4_avi', 'mpeg1_mpg', 'variable_mkv', 'cover_first']
    )
    @pytest.mark.parametrize('reader', [None, 'decord', 'opencv'])
    def test_right_frames(self, made, kind, reader):
        pytest.importorskip('decord')
        path, expected = made(kind), KINDS[kind]
        video = open_frames(path, reader)
        assert [number(frame) for frame in video.get_batch(range(len(video)))] == expected.numbers
        assert [number(video[i]) for i in (20, 3)] == [20, 3]
        np.testing.assert_allclose(video.times, expected.times, atol=1.1e-3)
        stream, forward = read_all(path, reader)
        assert forward == expected.numbers and stream.num_frames in (0, COUNT)

    @pytest.mark.parametrize('kind', ['av1_mp4', 'edit_list', 'hevc_no_key', 'mpeg2_ts'])
    def test_or_a_sentence_that_names_pyav(self, made, kind):
        version = digit_version(cv2.__version__)
        shown = dict(
            av1_mp4=version >= digit_version('5.1'),
            hevc_no_key=version >= digit_version('5.0'),
            mpeg2_ts=opencv_reader.shows_interlaced(),
        )
        if shown.get(kind):
            frames = open_frames(made(kind)).get_batch(range(len(KINDS[kind].numbers)))
            assert [number(frame) for frame in frames] == KINDS[kind].numbers
            return
        with pytest.raises(
            BrokenVideoError, match=rf'{kind}\S+: .*; PyAV may read it, but is not installed \('
        ):
            open_frames(made(kind))

    @pytest.mark.parametrize('opened', [open_frames, open_stream])
    def test_interlaced_with_opencv_5(self, tmp_path, made, monkeypatch, opened):
        """It shows the same picture all the time; a film that only begins so is read."""
        monkeypatch.setattr(opencv_reader, 'shows_interlaced', lambda: False)
        monkeypatch.setattr(opening, '_ORDER', ('opencv',))
        still, begins = tmp_path / 'still.avi', tmp_path / 'begins.avi'
        for path, count in ((still, 5), (begins, 6)):
            shown = f'loop=4:1:0,trim=end_frame={count}'
            ffmpeg('-i', made('h264_mp4'), '-vf', shown, '-c:v', 'mjpeg', path)
        opened(begins, 'opencv')
        with pytest.raises(BrokenVideoError, match='still.avi: shows the same picture .* PyAV may'):
            opened(still, 'opencv')

    @pytest.mark.parametrize('kind', ['grows_mp4', 'shrinks_mp4'])
    def test_opencv_warns_where_the_size_may_change(self, made, kind, said):
        open_frames(made(kind), 'opencv').get_batch(range(COUNT))
        assert [
            text
            for key, text in said
            if key == 'same edge' and f'{kind}.mp4' in text and 'pip install av' in text
        ]


def test_webm_that_begins_within_a_group(tmp_path):
    """Copied from the middle: frames before the next key frame are neither shown nor counted."""
    encode(tmp_path / 'a.webm', *VP9, *YUV)
    ffmpeg(
        '-i',
        tmp_path / 'a.webm',
        '-c',
        'copy',
        '-bsf:v',
        "noise=drop='lt(n,3)'",
        tmp_path / 'b.webm',
    )
    video = open_frames(tmp_path / 'b.webm')
    assert (
        [number(video[i]) for i in range(len(video))]
        == list(range(8, COUNT))
        == read_all(tmp_path / 'b.webm')[1]
    )
