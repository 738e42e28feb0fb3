"""Copies and frames that ffmpeg makes are those that the readers give, for every kind of video."""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from egoexo_mm.video import ffmpeg, open_frames, write_mp4
from tests.hosts import with_pyav

from .kinds import KINDS
from .numbered import COUNT, RATE, encode, number, picture
from .numbered import ffmpeg as run_ffmpeg

pytestmark = [
    pytest.mark.skipif(
        not (shutil.which('ffmpeg') and shutil.which('ffprobe')),
        reason='ffmpeg and ffprobe are not installed',
    ),
    with_pyav,
]
X264 = ('-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-g', '8', '-bf', '2')
# one of each fault that was found; the others take half a minute
OFTEN = (
    'h264_mp4',
    'h264_odd',
    'h264_avi',
    'h264_raw',
    'hevc_no_key',
    'vp9_live',
    'mpeg1_mpg',
    'variable_mp4',
    'turned_90',
    'cover_first',
    'late_start_mkv',
    'grows_ts',
)
NO_TIMES = (
    'mpeg4_packed',
)  # two frames in one packet and one lost: nothing says when its frames are shown
GUESSED = (
    'h264_from_avi',
)  # the file itself says 0.28 s of two frames; ffmpeg leaves one of them there, a frame late
TOO_FAST = ('equal_times', 'equal_times_b')  # half a millisecond a frame: no frame at 25 a second


def numbers(frames, size) -> list[int]:
    return [number(cv2.resize(np.ascontiguousarray(frame), size)) for frame in frames]


@pytest.mark.parametrize(
    'name',
    [
        name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow)
        for name in KINDS
        if name not in NO_TIMES
    ],
)
def test_copies_and_extracted_frames(tmp_path, name):
    """The copy has each frame once and at its time; the JPGs show what is shown at n / 25 s."""
    kind, source = KINDS[name], tmp_path / f'source{KINDS[name].suffix}'
    kind.make(source)
    video = open_frames(str(source))
    expected = numbers(video.get_batch(range(len(video))), video.size)
    assert expected == kind.numbers or not kind.numbers
    found = ffmpeg.probe(source)
    assert (found.width, found.height) == video.size == kind.size

    ffmpeg.reencode(source, tmp_path / 'copy.mp4', short_side=64, crf=10, threads=1)
    copy = open_frames(str(tmp_path / 'copy.mp4'))
    assert copy.size == ffmpeg.shrunk_size(*kind.size, 64)
    assert numbers(copy.get_batch(range(len(copy))), kind.size) == expected
    np.testing.assert_allclose(
        copy.times, video.times, atol=1 / RATE if name in GUESSED else 0.0021
    )  # ASF: milliseconds

    if name not in TOO_FAST + GUESSED:
        ffmpeg.extract_frames(
            source, tmp_path / 'frames', '%d.jpg', fps=RATE, short_side=64, quality=2, threads=1
        )
        count = len(os.listdir(tmp_path / 'frames'))
        frames = [
            cv2.imread(str(tmp_path / f'frames/{n}.jpg'))[..., ::-1] for n in range(1, count + 1)
        ]
        shown = np.searchsorted(video.times, np.arange(count) / RATE + 0.5 / RATE, 'right') - 1
        assert numbers(frames, kind.size) == [expected[n] for n in shown]
        assert abs(count - (video.times[-1] + 1 / RATE) * RATE) <= 1


@pytest.mark.parametrize(
    'width, height, short_side, expected',
    [
        (1920, 1080, 256, (456, 256)),  # 256 * 16 / 9 = 455.1
        (640, 480, 320, (426, 320)),
        (480, 640, 320, (320, 426)),  # 426.7
        (97, 65, 320, (96, 64)),
        (97, 65, 33, (48, 32)),  # never enlarged; both even
        (1, 1, 320, (2, 2)),
        (2000, 3, 2, (1334, 2)),
    ],
)
def test_sizes(width, height, short_side, expected):
    assert ffmpeg.shrunk_size(width, height, short_side) == expected


def test_names_that_mean_something_to_ffmpeg(tmp_path):
    (tmp_path / 'out %d').mkdir()
    for name in ('-y.mp4', '50% %d.mp4', 'größe 視頻: a.mp4', "it's [1],x.mp4"):
        write_mp4(tmp_path / name, [picture(n) for n in range(5)], RATE)
        ffmpeg.reencode(
            tmp_path / name, tmp_path / 'out %d' / name, short_side=64, crf=20, threads=1
        )
        assert len(open_frames(str(tmp_path / 'out %d' / name))) == 5


def cut_short(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


@pytest.mark.parametrize('suffix', ['.mkv', '.flv', '.mp4'])
def test_a_video_that_breaks_off_is_not_taken_for_a_short_one(tmp_path, suffix):
    """The header promises all; ffmpeg itself is content with half."""
    options = ('-movflags', '+faststart') if suffix == '.mp4' else ()
    source = cut_short(encode(tmp_path / f'video{suffix}', *X264, *options, count=100), 0.5)
    message = r'breaks off, .* of about 4(.08)? s could be decoded|cannot be decoded'
    with pytest.raises(ffmpeg.MediaError, match=message):
        ffmpeg.extract_frames(
            source, tmp_path / 'frames', '%d.jpg', fps=RATE, short_side=64, quality=3, threads=1
        )
    with pytest.raises(ffmpeg.MediaError, match=message):
        ffmpeg.reencode(source, tmp_path / 'out.mp4', short_side=64, crf=20, threads=1)


def test_longer_sound_and_a_long_last_frame_are_no_damage(tmp_path):
    """FLV and ASF have one duration for all streams; a slide show's last frame is shown long."""
    sound = ('-f', 'lavfi', '-i', 'sine=d=6')
    for suffix, codecs in (
        ('.flv', ('-c:a', 'mp3')),
        ('.wmv', ('-c:a', 'wmav2')),
        ('.mkv', ('-c:a', 'aac')),
    ):
        video = '-c:v', 'wmv2' if suffix == '.wmv' else 'libx264', '-pix_fmt', 'yuv420p'
        source = encode(tmp_path / f'sound{suffix}', *video, *codecs, inputs=sound)
        ffmpeg.reencode(source, tmp_path / 'copy.mp4', short_side=64, crf=20, threads=1)
        assert len(open_frames(str(tmp_path / 'copy.mp4'))) == COUNT
    slides = encode(
        tmp_path / 'slides.mp4', *X264, '-vf', 'setpts=N*5/TB', '-vsync', 'vfr', count=4
    )
    ffmpeg.reencode(slides, tmp_path / 'copy.mp4', short_side=64, crf=20, threads=1)
    assert open_frames(str(tmp_path / 'copy.mp4')).times.tolist() == [0, 5, 10, 15]
    still = encode(tmp_path / 'still.mkv', *X264, *codecs, inputs=sound, count=1)
    ffmpeg.reencode(still, tmp_path / 'copy.mp4', short_side=64, crf=20, threads=1)
    assert len(open_frames(str(tmp_path / 'copy.mp4'))) == 1


def test_durations(tmp_path):
    """1.2 s; MPEG program streams only guess, live WebM says nothing."""
    for name in ('mpeg1_mpg', 'vp9_live'):
        path = tmp_path / f'{name}{KINDS[name].suffix}'
        KINDS[name].make(path)
        assert ffmpeg.seconds_of(path, need=1.2) == pytest.approx(COUNT / RATE, abs=0.05)


@pytest.mark.parametrize(
    'make, message',
    [
        (lambda path: path.write_text('no video'), r'cannot be decoded \(a.mp4: '),
        (
            lambda path: run_ffmpeg('-f', 'lavfi', '-i', 'sine=d=1', '-c:a', 'aac', path),
            'holds no video stream',
        ),
        (
            lambda path: run_ffmpeg(
                '-f',
                'lavfi',
                '-i',
                'sine=d=1',
                '-f',
                'lavfi',
                '-i',
                'color=s=64x64:d=0.04',
                '-c:a',
                'aac',
                '-c:v',
                'mjpeg',
                '-pix_fmt',
                'yuvj420p',
                '-disposition:v',
                'attached_pic',
                path,
            ),
            'holds a cover picture and no video',
        ),
    ],
)
def test_no_video(tmp_path, make, message):
    make(tmp_path / 'a.mp4')
    with pytest.raises(ffmpeg.MediaError, match=message):
        ffmpeg.probe(tmp_path / 'a.mp4')


@pytest.mark.parametrize(
    'text, expected',
    [
        (
            b'ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright',
            ['-vsync', '0', '-enc_time_base', '-1'],
        ),
        (
            b'ffmpeg version 5.1.9-0+deb12u1 Copyright',
            ['-fps_mode', 'passthrough', '-enc_time_base', '-1'],
        ),
        (b'ffmpeg version n7.1 Copyright', ['-fps_mode', 'passthrough', '-enc_time_base', 'demux']),
        (
            b'ffmpeg version N-117009-g8ee1e4d Copyright',
            ['-fps_mode', 'passthrough', '-enc_time_base', 'demux'],
        ),
    ],
)
def test_options_of_the_version(monkeypatch, text, expected):
    monkeypatch.setattr(
        ffmpeg.subprocess, 'run', lambda *_, **__: type('Done', (), dict(stdout=text))
    )
    ffmpeg._version.cache_clear()
    try:
        assert ffmpeg._own_times() == expected
    finally:
        ffmpeg._version.cache_clear()


def test_nothing_begins_after_the_stop(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg, '_stopped', threading.Event())
    ffmpeg.stop_children()
    with pytest.raises(ffmpeg.Interrupted):
        ffmpeg.probe(tmp_path / 'a.mp4')


def test_standard_library_alone():
    """Preparing data needs no PyTorch: these modules import nothing else of the package."""
    for name in ('video/ffmpeg', 'video/names', 'video_lists', 'csv_files'):
        text = (Path(ffmpeg.__file__).parents[1] / f'{name}.py').read_text()
        found = re.findall(r'^\s*(?:from|import) (\S+)', text, re.M)
        tops = {module.split('.')[0] for module in found}
        assert tops and not tops & {'egoexo_mm', 'numpy', 'cv2', 'av', 'torch', 'mmengine'}, name
