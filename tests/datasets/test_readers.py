"""Every reader gives the same frames, and one kind of error for broken files."""

import errno
import os
import re
import struct
import subprocess
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from broken_videos import cut, no_frames, ramp, size_change
from media import write_video

from egoexo_mm.datasets.readers import READERS, BrokenVideoError, VideoFile, check_reader
from egoexo_mm.video import open_frames
from tests.hosts import with_pyav

ROOT = Path(__file__).parents[2]
readers = pytest.mark.parametrize(
    'reader',
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                util.find_spec(kind.module) is None, reason=f'no {kind.module} here'
            ),
        )
        for name, kind in READERS.items()
    ],
)


def read_all(reader, path):
    video, frames = READERS[reader](str(path)), []
    while (frame := video.read()) is not None:
        frames.append(frame)
    return video, np.array(frames)


@with_pyav
@readers
def test_frames_in_rgb(reader, tmp_path):
    path = write_video(tmp_path / 'a.avi', ramp(), fps=25, codec='FFV1')
    video, frames = read_all(reader, path)
    assert (video.num_frames, video.fps, video.position) == (40, 25, 40)
    assert frames.dtype == np.uint8 and np.array_equal(
        frames, ramp()
    )  # the codec is lossless; red is channel 0
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


@with_pyav
@readers
def test_size_change(reader, tmp_path):
    _, frames = read_all(reader, size_change(tmp_path / 'a.avi'))
    assert frames.shape == (60, 48, 64, 3)
    assert abs(frames[39, ..., 0].mean() - 200) < 3
    assert frames[40:, ..., 0].max() < 20
    assert np.allclose(frames[40:, ..., 1].mean((1, 2)), np.arange(20) * 5, atol=4)


@with_pyav
@readers
@pytest.mark.parametrize('make', [no_frames, cut])
def test_fewer_frames_than_the_header_says(reader, make, tmp_path):
    path = make(tmp_path / 'a.avi')
    try:
        video, frames = read_all(reader, path)
    except BrokenVideoError as error:
        assert make is no_frames and re.match(
            r'\S+a.avi: has no frame that can be decoded$', str(error)
        )
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
    assert (
        len(read_all(reader, write_video(tmp_path / 'ün ï ビデオ' / 'my clip é.mp4', ramp(7)))[1])
        == 7
    )


def test_reasons_are_the_same_in_every_run(tmp_path):
    (tmp_path / 'a.mp4').write_text('no video')
    with pytest.raises(BrokenVideoError) as raised:
        READERS['decord'](str(tmp_path / 'a.mp4'), alone=True)
    assert str(raised.value).startswith(
        f'{tmp_path}/a.mp4: RuntimeError: Error reading '
    )  # no time of day


@pytest.mark.parametrize(
    'error',
    [
        MemoryError(),
        OSError(errno.EMFILE, 'Too many open files'),
        RuntimeError('std::bad_alloc'),
        ImportError('no such library'),
    ],
)
def test_trouble_of_the_machine_is_not_the_videos(error, tmp_path, monkeypatch):
    monkeypatch.setattr('egoexo_mm.video.errors._memory_left', lambda: False)

    class Starved(VideoFile):
        def _open(self, path):
            raise error

    (tmp_path / 'a.mp4').touch()
    with pytest.raises(type(error)):
        Starved(str(tmp_path / 'a.mp4'))


_CLAIMS = """
import resource, sys
from egoexo_mm.video import READERS, BrokenVideoError, open_frames
path = sys.argv[1]
for reader in READERS:
    try:
        open_frames(path, reader)
    except BrokenVideoError as error:
        expected = f'{path}: is damaged: it asks for more memory than a video needs'
        assert str(error) == expected, error
        print(reader)
pages = int(open('/proc/self/statm').read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 200 * 2**20, ) * 2)
try:
    open_frames(path)
except MemoryError:
    print('lack of memory')
"""


@with_pyav
@pytest.mark.skipif(sys.platform != 'linux', reason='limits memory as Linux does')
def test_a_header_that_claims_too_much_is_damage_but_a_lack_of_memory_is_not(tmp_path):
    path = write_video(tmp_path / 'a.mp4', np.zeros((20, 48, 64, 3), np.uint8), codec='mp4v')
    content = bytearray(path.read_bytes())
    struct.pack_into(
        '>I', content, content.index(b'stts') + 8, 0x1FFFFFFE
    )  # rows of a table that FFmpeg allocates at once
    path.write_bytes(content)
    run = subprocess.run(
        [sys.executable, '-c', _CLAIMS, str(path)], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    assert [line for line in run.stdout.splitlines() if 'WARNING' not in line] == [
        *READERS,
        'lack of memory',
    ]


@with_pyav
def test_unknown_and_missing_readers(monkeypatch):
    with pytest.raises(ValueError, match="reader is 'vlc', expected one of decord, opencv, pyav"):
        check_reader('vlc')
    monkeypatch.setitem(
        READERS, 'other', type('Other', (VideoFile,), dict(module='no_such_module'))
    )
    assert check_reader(None) == check_reader('auto') == 'pyav'
    with pytest.raises(ValueError, match="reader 'other' needs the package no_such_module"):
        check_reader('other')


FORKS = """
import gc, os, sys
import egoexo_mm
assert not {'av', 'decord'} & set(sys.modules)
import cv2, decord

def cycle(one):  # only the garbage collector frees it
    both = [one]
    both.append(both)
    return both

gc.disable()
kept = []
for number in range(30):
    reader = decord.VideoReader(sys.argv[1])
    if number % 3:
        reader[number % 20]
    if number % 4 == 1:
        reader.seek(0)
    kept.append(cycle(reader))
try:
    import av
    threads = dict(threads=2) if int(av.__version__.split('.')[0]) > 16 else {}
    frame = next(av.open(sys.argv[1]).decode(video=0))
    frame.reformat(format='rgb24', **threads)
    kept.append(cycle(frame))
    del frame
except ImportError:
    pass
del kept
held = decord.VideoReader(sys.argv[1])
held[3]
child = os.fork()
if not child:
    gc.collect()
    del held
    own = decord.VideoReader(sys.argv[1])
    handle = own._handle
    own[0]
    freed = []
    free = decord.video_reader._CAPI_VideoReaderFree
    def note(one):
        freed.append(one)
        free(one)
    decord.video_reader._CAPI_VideoReaderFree = note
    del own
    os._exit(7 if freed == [handle] else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_does_not_wait_for_readers_of_its_parent(tmp_path):
    """As a data worker that collects garbage: threads of decord and of PyAV are the parent's alone.

    The worker frees its own readers. Those of decord are MMAction2's too, which its ``DecordInit``
    opens so.
    """
    pytest.importorskip('decord')
    path = write_video(tmp_path / 'a.mp4', np.concatenate([ramp()] * 6))
    command = [sys.executable, '-W', 'ignore', '-c', FORKS, str(path)]
    assert subprocess.run(command, timeout=100).returncode == 7


@pytest.mark.skipif(not Path('/proc/self/task').is_dir(), reason='Linux lists threads there')
def test_colours_are_converted_on_one_thread(tmp_path):
    pytest.importorskip('av')
    video = open_frames(write_video(tmp_path / 'a.mp4', ramp()), 'pyav')
    before = set(os.listdir('/proc/self/task'))
    video.get_batch([3, 4])
    assert set(os.listdir('/proc/self/task')) <= before
