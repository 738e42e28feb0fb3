"""What all prepare scripts share: complete targets only, resuming, workers, bad media, exit."""

import errno
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import pytest

from tests.tools.prepare_tools import (
    TOOLS,
    failures,
    fake_program,
    needs_ffmpeg,
    prepare,
    table,
    video,
)

JPG = b'\xff\xd8 a frame \xff\xd9'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def modules(monkeypatch):
    """``frames``, ``jobs`` and ``report`` of tools/data/preparing."""
    monkeypatch.syspath_prepend(str(TOOLS))
    import preparing.frames
    import preparing.jobs
    import preparing.report
    from egoexo_light.video import ffmpeg

    monkeypatch.setattr(ffmpeg, '_stopped', threading.Event())  # a run that ends leaves it set
    return preparing.frames, preparing.jobs, preparing.report


def tar(path, names, data=JPG):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w') as bundle:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            bundle.addfile(entry, io.BytesIO(data))
    return path


def frames(count):
    return [f'./frame_{i:010d}.jpg' for i in range(1, count + 1)]


def tree(root):
    return sorted(str(path.relative_to(root)) for path in Path(root).rglob('*'))


@needs_ffmpeg
def test_kill_9_in_the_middle_and_resume(folder):
    """Two workers are killed before ffmpeg returns: finished targets stay, the rest is redone."""
    for i in range(1, 6):
        video(folder / f'in/P01_{i:02}.MP4', num_frames=5, fps=10, seed=i)
    # Quick for two videos, then it hangs after its work.
    fake_program(
        folder / 'bin',
        'ffmpeg',
        f'echo x >> {folder}/calls\nn=$(wc -l < {folder}/calls)\n'
        f'{shutil.which("ffmpeg")} "$@" || exit 1\n[ $n -gt 2 ] && sleep 30\nexit 0',
    )
    env = dict(os.environ, PATH=f'{folder}/bin:{os.environ["PATH"]}')
    run = subprocess.Popen(
        [sys.executable, TOOLS / 'prepare_epic.py', 'in', 'out', '--workers', '2'],
        env=env,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        root, deadline = folder / 'out/P01/rgb_frames', time.time() + 20
        while (
            len(list(root.glob('.partial/*-P01_0[345]/frame_0000000030.jpg'))) < 2
            and time.time() < deadline
        ):
            time.sleep(0.02)
        run.kill()
        assert run.wait() == -signal.SIGKILL
        finished = sorted(path.name for path in root.glob('P*'))
        assert finished == ['P01_01', 'P01_02'] and all(
            len(list((root / name).iterdir())) == 30 for name in finished
        )
        before = (root / 'P01_01').stat().st_mtime_ns
        with open('out/.prepared.jsonl', 'a') as index:
            index.write('["P01/rgb_fra')  # a line that was cut by the kill

        done = prepare('epic', 'in', 'out', '--workers', 2)  # while the orphaned ffmpegs still hang
        assert done.returncode == 0, done.stderr
        assert (
            'prepare: 3/3 videos' in done.stderr
            and done.stdout.splitlines()[-1] == '5 of 5 videos in out are usable'
        )
        assert (root / 'P01_01').stat().st_mtime_ns == before
        assert sorted(os.listdir(root)) == [f'P01_{i:02}' for i in range(1, 6)]
        assert all(
            len(list((root / f'P01_{i:02}').iterdir())) == 30 for i in range(1, 6)
        )  # 0.5 s at 60 frames a second
    finally:
        os.killpg(run.pid, signal.SIGKILL)


@needs_ffmpeg
def test_interrupt_ends_ffmpeg_and_leaves_nothing_by_half(folder):
    video(folder / 'in/P01_01.MP4')
    fake_program(folder / 'bin', 'ffmpeg', f'touch {folder}/begun\nexec sleep 30')
    env = dict(os.environ, PATH=f'{folder}/bin:{os.environ["PATH"]}')
    run = subprocess.Popen(
        [sys.executable, TOOLS / 'prepare_epic.py', 'in', 'out'],
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    while not (folder / 'begun').exists():
        time.sleep(0.02)
    run.terminate()
    errors = run.communicate(timeout=10)[1]
    assert run.returncode == 130 and errors.splitlines()[-1] == (
        'prepare_epic: interrupted; run the same command again to go on'
    )
    assert not (folder / 'out/failed.jsonl').exists() and not list(
        folder.glob('out/P01/rgb_frames/*')
    )


@needs_ffmpeg
def test_corrupt_videos_are_listed_and_the_others_made(folder):
    good = video(folder / 'in/P01_01.MP4').read_bytes()
    Path('in/P01_02.MP4').write_bytes(good[: len(good) // 2])
    Path('in/P01_03.MP4').write_bytes(b'')
    Path('in/P01_04.MP4').write_text('not a video')
    done = prepare('epic', 'in', 'out', '--workers', 2)
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert table(done) == dict(
        ready=['1', '60 frames  nothing to do'],
        broken=['3', '-  damaged or unreadable; get again and run again: P01_02, P01_03, P01_04'],
    )
    assert done.stdout.splitlines()[-1] == 'each of the others, with the reason: out/failed.jsonl'
    found = failures('out')
    assert sorted(found) == ['P01_02', 'P01_03', 'P01_04'] and os.listdir('out/P01/rgb_frames') == [
        'P01_01'
    ]
    lines = [json.loads(line) for line in Path('out/failed.jsonl').read_text().splitlines()]
    assert sorted(line['path'] for line in lines) == [
        'in/P01_02.MP4',
        'in/P01_03.MP4',
        'in/P01_04.MP4',
    ]
    assert re.fullmatch(r'in/P01_02.MP4: cannot be decoded \(P01_02.MP4: .*\)', found['P01_02'][1])
    shutil.copy('in/P01_01.MP4', 'in/P01_02.MP4')  # mended
    assert prepare('epic', 'in', 'out').returncode == 1
    assert sorted(failures('out')) == ['P01_03', 'P01_04']


@needs_ffmpeg
def test_names_with_blanks_percent_signs_and_other_letters(folder):
    names = ['-dash', 'größe 視頻', '50% off', "it's: a"]
    for name in names:
        video(folder / f'my vidéos %d/{name}.mp4', num_frames=10)
    done = prepare('charades_ego', 'my vidéos %d', 'out %05d ö', '--workers', 2)
    assert done.returncode == 0, done.stderr + str(failures('out %05d ö'))
    for name in names:
        assert sorted(os.listdir(f'out %05d ö/{name}')) == [
            f'{name}-{i:06d}.jpg' for i in range(1, 9)
        ]  # 1/3 s at 24


@needs_ffmpeg
def test_check_only_writes_nothing_and_opens_the_sources(folder):
    video(folder / 'in/P01_01.MP4')
    Path('in/P01_02.MP4').write_text('not a video')
    before = tree(folder)
    done = prepare('epic', 'in', 'out', '--check-only')
    assert done.returncode == 1 and tree(folder) == before
    assert {state: row[0] for state, row in table(done).items()} == {'to': 'do', 'broken': '1'}
    assert 'to do        1       -  give OUT and no --check-only: P01_01' in done.stdout


def test_missing_ffmpeg(folder):
    video(folder / 'in/P01_01.MP4')
    (folder / 'bin').mkdir()
    done = prepare('epic', 'in', 'out', path=str(folder / 'bin'))
    assert done.returncode == 1 and done.stderr == (
        'prepare_epic: error: ffmpeg is not on the PATH; install it, for example with "apt-get '
        'install ffmpeg" or "conda '
        'install -c conda-forge ffmpeg", and run the same command again\n'
    )
    assert not os.path.exists('out')


def test_archives_need_no_ffmpeg(folder):
    tar('in/P01/rgb_frames/P01_01.tar', frames(3))
    assert prepare('epic', 'in', 'out', path='').returncode == 0
    assert sorted(os.listdir('out/P01/rgb_frames/P01_01')) == [name[2:] for name in frames(3)]


@pytest.mark.parametrize(
    'say, message',
    [
        (
            'av_interleaved_write_frame(): No space left on device',
            'out/P01/rgb_frames/.partial/.*: the disk is full; free',
        ),
        ("Unknown encoder 'libx264'", 'this ffmpeg has no encoder libx264'),
    ],
)
def test_what_concerns_all_videos_ends_the_run_with_one_sentence(folder, say, message):
    for i in range(1, 9):
        Path('in').mkdir(exist_ok=True)
        Path(f'in/P01_{i:02}.MP4').write_text('video')
    fake_program(
        folder / 'bin',
        'ffprobe',
        'echo \'{"streams": [{"index": 0, "codec_type": '
        '"video", "width": 64, "height": 48, "duration": "1"}]}\'',
    )
    fake_program(folder / 'bin', 'ffmpeg', f'echo x >> {folder}/calls; echo "{say}" >&2; exit 1')
    done = prepare('epic', 'in', 'out', '--workers', 2, path=f'{folder}/bin:{os.environ["PATH"]}')
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and done.stdout == ''
    assert re.match('prepare_epic: error: ' + message, lines[-1]) and 'Traceback' not in done.stderr
    assert len(Path('calls').read_text().split()) <= 4  # the others were not begun
    assert not [name for name in tree('out') if 'P01_' in name] and not os.path.exists(
        'out/failed.jsonl'
    )


def test_full_disk_while_unpacking(modules, folder, monkeypatch):
    media, jobs, report = modules

    def no_space(*_):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(media, '_copy', no_space)
    item = report.Item(
        'P01_01',
        tar('in/P01_01.tar', frames(2)),
        folder / 'out/P01_01',
        check_source=Path.stat,
        check=None,
        make=lambda one, other: media.unpack_frames(one, other, re.compile('.*')),
    )
    with pytest.raises(
        jobs.StopRun, match=r'out: the disk is full; free space and run the same command again'
    ):
        jobs.prepare([item], folder / 'out', workers=1, check_only=False)
    assert tree('out') == ['.prepare.lock', '.prepared.jsonl']


def test_second_run_into_one_folder(modules, folder):
    jobs = modules[1]
    tar('in/P01_01.tar', frames(2))
    (folder / 'out').mkdir()
    with jobs._lock(folder / 'out'):
        done = prepare('epic', 'in', 'out')
    assert done.returncode == 1 and done.stderr == (
        'prepare_epic: error: out: another run prepares into this folder; wait for it, or give '
        'another folder\n'
    )
    assert prepare('epic', 'in', 'out').returncode == 0


def test_bad_archives(folder):
    tar('in/P01_01.tar', ['frame_0000000001.jpg', 'frame_0000000003.jpg'])
    good = tar('in/P01_02.tar', frames(200)).read_bytes()
    Path('in/P01_02.tar').write_bytes(good[: len(good) // 2 - 500])
    Path('in/P01_03.zip').write_text('not a zip')
    tar('in/P01_04.tar', ['a/frame_0000000001.jpg', 'b/frame_0000000001.jpg'])
    tar('in/P01_05.tar', ['img_1.jpg'])
    tar('in/P01_06.tar', ['../../../../frame_0000000001.jpg'])  # leads nowhere
    with tarfile.open('in/P01_07.tar', 'w') as bundle:
        entry = tarfile.TarInfo('frame_0000000001.jpg')
        entry.type, entry.linkname = tarfile.SYMTYPE, '/etc/passwd'
        bundle.addfile(entry)
    done = prepare('epic', 'in', 'out', '--workers', 2)
    found = {name: reason for name, (_, reason) in failures('out').items()}
    assert found['P01_01'] == 'in/P01_01.tar: lacks frame 2 of 3'
    assert found['P01_02'].startswith('in/P01_02.tar: is damaged (')
    assert found['P01_03'] == 'in/P01_03.zip: is damaged (File is not a zip file)'
    assert found['P01_04'] == 'in/P01_04.tar: holds frame_0000000001.jpg twice'
    assert found['P01_05'].startswith('in/P01_05.tar: holds no frames with names like')
    assert found['P01_07'].startswith('in/P01_07.tar: holds no frames')
    assert os.listdir('out/P01/rgb_frames') == ['P01_06'] and done.returncode == 1


def test_a_folder_of_the_user_is_never_deleted(folder):
    tar('in/P01_01.tar', frames(3))
    (folder / 'out/P01/rgb_frames/P01_01').mkdir(parents=True)
    for i in (1, 3):
        Path(f'out/P01/rgb_frames/P01_01/frame_{i:010d}.jpg').write_bytes(JPG)
    assert prepare('epic', 'in', 'out').returncode == 1
    assert failures('out')['P01_01'] == (
        'broken',
        'out/P01/rgb_frames/P01_01: lacks frame 2 of 3; delete it and run again',
    )
    Path('out/P01/rgb_frames/P01_01/frame_0000000002.jpg').write_bytes(b'')
    assert prepare('epic', 'in', 'out').returncode == 0
    Path('out/P01/rgb_frames/P01_01/frame_0000000004.jpg').write_bytes(
        b''
    )  # changes the folder, so it is looked at again
    assert prepare('epic', 'in', 'out').returncode == 1
    assert 'frame 4 is an empty file' in failures('out')['P01_01'][1]


@pytest.mark.parametrize(
    'args, message',
    [
        (['nowhere', 'out'], 'nowhere: no such folder; give the folder of what was downloaded'),
        (['in', 'in'], 'in: is the source folder; give another folder to write to'),
        (['in', 'out'], 'in: nothing to prepare was found'),
        (
            ['in', 'out', '--ann', 'gone.csv'],
            'gone.csv: cannot be read (No such file or directory)',
        ),
        (['in', 'out', '--ann', 'empty.csv'], 'empty.csv: has no rows; give the published csv'),
        (['in', 'out', '--ann', 'other.csv'], 'other.csv: lacks the columns video_id, stop_frame'),
        (['in', 'out', '--ann', 'bad.csv'], "bad.csv: stop_frame is 'x', expected a number"),
        (['in', 'out', '--ann', 'nan.csv'], "nan.csv: stop_frame is 'nan', expected a number"),
        (
            ['in', 'out', '--ann', 'path.csv'],
            "path.csv: the name '../P01_01' leads out of the folder",
        ),
        (['two', 'out'], 'two/b/P01_01.tar and two/a/P01_01.tar have one name'),
    ],
)
def test_bad_input_is_one_sentence(folder, args, message):
    for name, text in dict(
        empty='video_id,stop_frame\n',
        other='a,b\n1,2\n',
        bad='video_id,stop_frame\nP01_01,x\n',
        nan='video_id,stop_frame\nP01_01,nan\n',
        path='video_id,stop_frame\n../P01_01,1\n',
    ).items():
        Path(f'{name}.csv').write_text(text)
    Path('in').mkdir()
    for name in 'ab':
        tar(f'two/{name}/P01_01.tar', frames(1))
    done = prepare('epic', *args)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and done.stdout == ''
    assert done.stderr.startswith(f'prepare_epic: error: {message}') and not os.path.exists('out')


def test_progress_shows_rate_and_time_left(modules, monkeypatch, capsys):
    report = modules[2]
    now = iter([0.0, 0.0, 20.0, 30.0])
    monkeypatch.setattr(report.time, 'monotonic', lambda: next(now))
    bar = report.Progress(3, 'prepare')
    for _ in range(3):
        bar.step()
    assert capsys.readouterr().err.splitlines() == [
        'prepare: 2/3 videos, 0.1/s, 00:00:10 left',
        'prepare: 3/3 videos, 0.1/s, 00:00:00 left',
    ]


def test_progress_bar_on_a_terminal(modules, monkeypatch, capsys):
    report = modules[2]
    monkeypatch.setattr(report.sys.stderr, 'isatty', lambda: True)
    bar = report.Progress(3, 'check')
    bar.begin -= 2
    bar.step()
    assert capsys.readouterr().err.startswith(
        f'\r[{"#" * 10}{"-" * 20}] check: 1/3 videos, 0.5/s, 00:00:0'
    )
