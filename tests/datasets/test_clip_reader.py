"""PyAV gives decord's frames, whatever the order they are asked for."""

import gc
import io
import os
from fractions import Fraction

import numpy as np
import pytest
from mmcv.transforms import Compose
from mmengine.registry import init_default_scope

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms import ClipReaderInit
from tests.media import noise_video

decord = pytest.importorskip('decord')
av = pytest.importorskip('av')
from egoexo_mm.video import BrokenVideoError, opening  # noqa: E402
from egoexo_mm.video.decord_reader import DecordFrames  # noqa: E402
from egoexo_mm.video.pyav_reader import PyAVFrames  # noqa: E402


def encode(path, times, size=(96, 64), **options):
    """H.264 with frames predicted from later ones, shown at ``times`` (1/90 s); the path."""
    rng = np.random.default_rng(0)
    texture = rng.integers(0, 255, (size[1], 4 * size[0], 3), np.uint8)
    with av.open(str(path), 'w') as file:
        stream = file.add_stream(
            'libx264', rate=30, options=dict(dict(g='12', bf='3', sc_threshold='0'), **options)
        )
        stream.width, stream.height, stream.pix_fmt = *size, 'yuv420p'
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(texture[:, 3 * number : 3 * number + size[0]]), 'rgb24'
            )
            frame.pts, frame.time_base = int(time), Fraction(1, 90)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp('clips')
    uneven = np.cumsum(np.random.default_rng(1).integers(1, 9, 60))
    return dict(
        steady=encode(root / 'steady.mp4', 3 * np.arange(60)),
        uneven=encode(root / 'uneven.mp4', uneven),
        one_key=encode(root / 'one_key.mp4', 3 * np.arange(60), g='250'),
        mkv=encode(root / 'x.mkv', 3 * np.arange(60)),
        mpeg4=noise_video(root / 'mpeg4.mp4', seed=0, num_frames=60),
        untimed=noise_video(root / 'untimed.avi', 0, 60),
    )


@pytest.mark.parametrize('kind', ['steady', 'uneven', 'one_key', 'mkv', 'mpeg4', 'untimed'])
def test_same_frames_as_decord(videos, kind):
    theirs, ours = decord.VideoReader(str(videos[kind])), PyAVFrames(str(videos[kind]))
    assert len(ours) == len(theirs) == 60 and ours.get_avg_fps() == pytest.approx(
        theirs.get_avg_fps()
    )
    expected = theirs.get_batch(range(60)).asnumpy()
    assert (
        len(np.unique(expected.reshape(60, -1), axis=0)) == 60
    )  # a frame taken for another is seen
    rng = np.random.default_rng(0)
    for numbers in (
        [0],
        [59],
        [59, 0, 59],
        [13, 12, 11],
        np.arange(5, 60, 2),
        np.arange(24),
        rng.integers(0, 60, 20),
    ):
        np.testing.assert_array_equal(
            np.stack(ours.get_batch(np.array(numbers)).asnumpy()), expected[numbers]
        )


def test_frames_that_nothing_depends_on_are_not_decoded(videos, monkeypatch):
    reader = PyAVFrames(str(videos['one_key']))
    decoded = []
    decode = reader._video.frames
    monkeypatch.setattr(
        reader._video,
        'frames',
        lambda needed, **start: (decoded.append(f.pts) or f for f in decode(needed, **start)),
    )
    reader.get_batch(np.array([40]))
    assert (
        len(set(decoded)) == len(decoded) <= 35
    )  # of 41 or more: one of three B-frames or more is left out


def test_starts_at_the_last_key_frame(videos, monkeypatch):
    reader = PyAVFrames(str(videos['steady']))
    assert [key * reader._video.stream.time_base * 30 for key in reader._index.keys] == [
        0,
        12,
        24,
        36,
        48,
    ]
    assert reader._runs([1, 5, 13, 30, 35, 59]) == [[1, 5], [13], [30, 35], [59]]


def test_gives_its_file_back(videos):
    gc.disable()
    try:
        before = len(os.listdir('/proc/self/fd'))
        for _ in range(3):
            reader = PyAVFrames(str(videos['steady']))
            assert len(os.listdir('/proc/self/fd')) > before
            reader.get_batch([0, 30])
            del reader
            assert len(os.listdir('/proc/self/fd')) == before
    finally:
        gc.enable()


def test_from_memory(videos):
    data = io.BytesIO(videos['steady'].read_bytes())
    np.testing.assert_array_equal(
        PyAVFrames(data).get_batch([7])[0], PyAVFrames(str(videos['steady'])).get_batch([7])[0]
    )


@pytest.mark.parametrize('numbers, bad', [([3, 60], 60), ([-1], -1)])
def test_no_such_frame(videos, numbers, bad):
    with pytest.raises(
        IndexError, match=f'steady.mp4: frame {bad} is beyond the 60 frames of the video$'
    ):
        PyAVFrames(str(videos['steady'])).get_batch(numbers)


def test_damaged_file(videos, tmp_path):
    data = bytearray(videos['steady'].read_bytes())
    start = data.index(b'mdat')
    data[start + 4000 : start + 9000] = bytes(5000)
    (tmp_path / 'bad.mp4').write_bytes(data)
    with pytest.raises(
        BrokenVideoError, match=r'^\S+bad.mp4: (frame \d+ of 60 cannot be decoded|.*Invalid data)'
    ):
        PyAVFrames(str(tmp_path / 'bad.mp4')).get_batch(np.arange(60))
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(BrokenVideoError, match=r'^\S+text.mp4: .*Invalid data'):
        PyAVFrames(str(tmp_path / 'text.mp4'))


def clip(first, path):
    init_default_scope('mmaction')
    steps = [
        first,
        dict(type='SampleTimeWindow', clip_len=8, frame_interval=2),
        dict(type='DecordDecode'),
    ]
    np.random.seed(0)
    return Compose(steps)(dict(filename=str(path), start_index=0, modality='RGB'))


@pytest.mark.parametrize(
    'init', [dict(type='ClipReaderInit'), dict(type='ClipReaderInit', io_backend='local')]
)
def test_pipeline(videos, init):
    ours, stock = clip(init, videos['steady']), clip(dict(type='DecordInit'), videos['steady'])
    assert ours.keys() == stock.keys() and isinstance(ours['imgs'], list)
    for key in ('total_frames', 'avg_fps', 'img_shape', 'original_shape', 'video_reader'):
        assert ours[key] == stock[key]
    np.testing.assert_array_equal(ours['imgs'], stock['imgs'])


def test_times_of_frames_of_videos_of_variable_rate_only(videos):
    init_default_scope('mmaction')
    init = ClipReaderInit()
    results = init(dict(filename=str(videos['uneven'])))
    uneven = np.cumsum(np.random.default_rng(1).integers(1, 9, 60))
    np.testing.assert_allclose(results['frame_times'], (uneven - uneven[0]) / 90, atol=1e-9)
    results['filename'] = str(videos['steady'])
    assert 'frame_times' not in init(results)  # nor those of the video before


def test_decord_where_pyav_is_missing(videos, monkeypatch):
    said = []
    monkeypatch.setattr(opening, 'say', lambda kind, text: said.append(text))
    monkeypatch.setitem(__import__('sys').modules, 'av', None)
    reader = ClipReaderInit()._get_video_reader(str(videos['steady']))
    assert type(reader) is DecordFrames and reader._other is None and len(reader) == 60
    assert len(said) == 1 and said[0].startswith(
        'PyAV is not installed, so decord reads the videos.'
    )
