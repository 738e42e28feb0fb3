"""Frame n is the n-th that a player shows, at its time, with every reader and kind of file."""

from importlib import util

import cv2
import numpy as np
import pytest
from mmengine.utils import digit_version

from egoexo_mm.video import READERS, open_frames, open_stream, opencv_reader, opening, probe
from tests.hosts import with_pyav

from .kinds import KINDS, RARE
from .numbered import number

pytestmark = with_pyav  # test_use.py has what works without it
kinds = pytest.mark.parametrize(
    'kind', [pytest.param(name, marks=pytest.mark.slow) if name in RARE else name for name in KINDS]
)
readers = pytest.mark.parametrize(
    'reader',
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                util.find_spec(reader.module) is None, reason=f'no {reader.module} here'
            ),
        )
        for name, reader in READERS.items()
    ],
)
# what a reader cannot do by itself: PyAV reads these kinds for it
NOT_MP4 = {
    name
    for name, kind in KINDS.items()
    if kind.suffix not in ('.mp4', '.mov', '.mkv', '.webm', '.3gp')
}
LIMITS = dict(
    decord=NOT_MP4
    | {
        'av1_mp4',
        'h264_open_gop',
        'h264_intra_refresh',
        'hevc_mkv',
        'hevc_mp4_10bit',
        'mpeg4_mp4',
        'edit_list',
        'equal_times',
        'equal_times_b',
        'h264_interlaced',
        'h264_48_wide',
        'h264_from_avi',
        'vp9_live',
        'open_gop_cut',
    },
    opencv={
        'av1_mp4',
        'cover_first',
        'h264_no_key',
        'h264_open_no_key',
        'hevc_no_key',
        'mpeg2_no_key',
        'mpeg4_no_key',
        *(name for name in KINDS if name.startswith(('grows', 'shrinks'))),
    },
    pyav=set(),
)
if digit_version(cv2.__version__) >= digit_version('5.1'):
    LIMITS['opencv'].remove('av1_mp4')
if not opencv_reader.shows_interlaced():
    LIMITS['opencv'] |= {'h264_interlaced', 'mpeg2_ts'}


@readers
@kinds
def test_frames_and_times(made, kind, reader, monkeypatch):
    said = []
    monkeypatch.setattr(opening, 'say', lambda key, text: said.append(text))
    path, expected = made(kind), KINDS[kind]
    video = open_frames(path, reader)
    frames = video.get_batch(range(len(video)))
    assert [number(frame) for frame in frames] == expected.numbers
    assert {frame.shape for frame in frames} == {
        (*expected.size[::-1], 3)
    } and video.size == expected.size
    if expected.times is not None:  # Matroska and FLV round to 1 ms
        np.testing.assert_allclose(video.times, expected.times, atol=1.1e-3)
    last = len(video) - 1
    for some in ([last // 2], [last, 0, last], range(last % 3, last + 1, 7)):
        assert [number(frame) for frame in video.get_batch(some)] == [
            expected.numbers[i] for i in some
        ]
    if kind in LIMITS[reader]:
        assert len(said) == 1 and said[0].startswith(str(path)) and 'So pyav reads it' in said[0]
    else:
        assert not said
    check_forward(path, reader, frames, video)


def check_forward(path, reader, frames, video):
    """Extraction's reader gives the very frames of training's."""
    stream, position = open_stream(path, reader), 0
    assert stream.num_frames in (0, len(video)) and stream.fps == pytest.approx(video.get_avg_fps())
    for skip in [0, 0, 3, 0, 1] + [0] * len(frames):
        frame, position = stream.read(skip), min(position + skip + 1, len(frames) + 1)
        if position > len(frames):
            assert frame is None and stream.position == len(frames)
            break
        assert stream.position == position
        np.testing.assert_array_equal(frame, frames[position - 1])


@kinds
def test_probe(made, kind):
    path, expected = made(kind), KINDS[kind]
    width, height, num_frames, fps, seconds = probe(path)
    assert ((width, height), num_frames) == (expected.size, len(expected.numbers))
    if expected.times is not None and num_frames > 1:
        average = (num_frames - 1) / expected.times[-1]
        assert fps == pytest.approx(
            average, rel=0.1
        )  # some headers count the last frame, others do not
        assert seconds == pytest.approx(expected.times[-1] + 1 / fps, abs=2e-3)
