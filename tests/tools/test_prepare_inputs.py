"""Folders and lists of users: hidden files, other containers, names of frames, encodings."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.prepare_tools import TOOLS, failures, needs_ffmpeg, prepare, table, video

COMPANION = b'\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        '
PICKLES = Path(__file__).parents[1] / 'data/epic_pickles'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names, data=b'jpg'):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(data)


def ffmpeg(*args):
    subprocess.run(
        ['ffmpeg', '-v', 'error', '-y', *map(str, args)], check=True, stdin=subprocess.DEVNULL
    )


@needs_ffmpeg
@pytest.mark.parametrize(
    'script, names, out',
    [
        ('kinetics', ('k/a b (c)/v.mp4',), 'out/a_b_(c)/v.mp4'),
        ('ego4d', ('k/uid.mp4',), 'out/uid.mp4'),
        ('charades_ego', ('k/AB12C.mp4',), 'out/AB12C/AB12C-000001.jpg'),
        ('epic', ('k/P01_01.MP4',), 'out/P01/rgb_frames/P01_01/frame_0000000001.jpg'),
    ],
)
def test_hidden_files_are_left_out(folder, script, names, out):
    """Half of the files of an archive made on macOS are such companions."""
    for name in names:
        video(folder / name, num_frames=5)
        touch(
            str(Path(name).with_name(f'._{Path(name).name}')),
            f'k/__MACOSX/._{Path(name).name}',
            data=COMPANION,
        )
    touch('k/__MACOSX/x/v.mp4', 'k/.cache/v.mp4', 'k/@eaDir/v.mp4', 'k/.DS_Store', data=COMPANION)
    done = prepare(script, 'k', 'out')
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        os.path.exists(out) and 'passed over' not in done.stderr and table(done)['ready'][0] == '1'
    )


@needs_ffmpeg
def test_kinetics_takes_every_container_and_tells_of_the_rest(folder):
    source = video(folder / 'made.avi', num_frames=10)
    codecs = {
        '.ts': 'mpeg2video',
        '.WMV': 'wmv2',
        '.flv': 'flv1',
        '.mpg': 'mpeg1video',
        '.ogv': 'libtheora',
        '.gif': 'gif',
        '.m2ts': 'mpeg2video',
        '.3gp': 'mpeg4',
        '.vob': 'mpeg2video',
    }
    Path('k/juggling').mkdir(parents=True)
    for suffix, codec in codecs.items():
        ffmpeg('-i', source, '-c:v', codec, f'k/juggling/v{suffix[1:]}{suffix}')
    touch(
        'k/juggling/half.mp4.part',
        'k/juggling/thumb.jpg',
        'k/juggling/README',
        'k/loose.mp4',
        'k/notes.txt',
    )
    done = prepare('kinetics', 'k', 'out', '--workers', 2)
    assert done.returncode == 0, done.stdout + str(failures('out'))
    assert Path('out/list.txt').read_text() == ''.join(
        f'juggling/v{name}.mp4 0\n' for name in sorted(suffix[1:] for suffix in codecs)
    )
    assert (
        'prepare_kinetics: 3 files in k are passed over, no videos by their suffix (1 x no suffix, '
        '1 x .part, 1 x .jpg; '
        'such as juggling/README)'
    ) in done.stderr
    assert (
        'prepare_kinetics: 1 videos lie in no folder of a class and are passed over (loose.mp4); '
        'move them into one'
    ) in done.stderr


@needs_ffmpeg
def test_cover_picture_in_front(folder):
    """A 64 x 64 cover as stream 0 of a video of 96 x 64."""
    ffmpeg('-f', 'lavfi', '-i', 'color=blue:s=64x64', '-frames:v', '1', 'cover.jpg')
    source = video(folder / 'v.mp4', num_frames=30, size=(96, 64))
    Path('k').mkdir()
    ffmpeg(
        '-i',
        source,
        '-i',
        'cover.jpg',
        '-map',
        '1',
        '-map',
        '0',
        '-c',
        'copy',
        '-disposition:v:0',
        'attached_pic',
        'k/a.mp4',
    )
    ffmpeg(
        '-i',
        source,
        '-c',
        'copy',
        '-attach',
        'cover.jpg',
        '-metadata:s:t',
        'mimetype=image/jpeg',
        'k/b.mkv',
    )
    ffmpeg('-i', 'cover.jpg', '-c', 'copy', '-disposition:v', 'attached_pic', 'k/c.mp4')
    assert prepare('ego4d', 'k', 'out').returncode == 1
    from egoexo_mm.video import open_frames

    for name in 'ab':
        copy = open_frames(f'out/{name}.mp4')
        assert len(copy) == 30 and copy.size == (96, 64)
    assert failures('out')['c'] == ('broken', 'k/c.mp4: holds a cover picture and no video')


FRAMES = 'frame_{:010}.jpg'


@pytest.mark.parametrize(
    'template, first, settings',
    [
        (FRAMES, 1, ''),
        (FRAMES, 0, 'start_index=0'),
        ('frame_{}.jpg', 1, "filename_tmpl='frame_{}.jpg'"),
        ('frame_{}.jpg', 0, "filename_tmpl='frame_{}.jpg', start_index=0"),
        ('img_{:05}.jpg', 1, "filename_tmpl='img_{:05}.jpg'"),
        ('frame_{:010}.png', 1, "filename_tmpl='frame_{:010}.png'"),
        ('{:02}.JPG', 0, "filename_tmpl='{:02}.JPG', start_index=0"),
    ],
)
def test_epic_frames_with_other_names(folder, template, first, settings):
    """They are followed; with the settings that are named the data set finds every frame."""
    from egoexo_mm.datasets.epic_kitchens import EpicKitchensDataset

    touch(
        *('P01/rgb_frames/P01_01/' + template.format(n) for n in range(first, first + 12)),
        'P01/rgb_frames/P01_01/._' + template.format(5),
    )
    done = prepare('epic', '.')
    assert done.returncode == 0 and table(done)['ready'] == ['1', '12 frames  nothing to do']
    line = f'1 videos are read with {settings} in the data set: P01_01'
    assert (line in done.stdout.splitlines()) if settings else 'are read with' not in done.stdout
    Path('a.csv').write_text(
        'narration_id,participant_id,video_id,start_frame,stop_frame,verb_class,noun_class\n'
        f'P01_01_0,P01,P01_01,{first},{first + 11},0,0\n'
    )
    options = eval(f'dict({settings})')
    assert len(EpicKitchensDataset('a.csv', [], data_prefix=dict(img='.'), **options)) == 1


def test_charades_frames_with_other_names(folder):
    from egoexo_mm.datasets.charades_ego import CharadesEgoDataset

    touch(
        *(f'rgb/AB12CEGO/AB12CEGO-{n}.jpg' for n in range(24)),
        *(f'rgb/XY34ZEGO/XY34ZEGO-{n}.jpg' for n in range(24)),
    )
    Path('a.csv').write_text(
        'id,actions,length,egocentric\nAB12CEGO,c001 0.00 0.50,1.0,Yes\nXY34ZEGO,,1.0,Yes\n'
    )
    done = prepare('charades_ego', 'rgb', '--ann', 'a.csv')
    settings = "filename_tmpl='{video_id}-{{}}.jpg', start_index=0"
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == (
        f'2 videos are read with {settings} in the data set: AB12CEGO, XY34ZEGO'
    )
    rows = CharadesEgoDataset('a.csv', [], data_prefix=dict(img='rgb'), **eval(f'dict({settings})'))
    assert [rows.get_data_info(i)['total_frames'] for i in range(2)] == [24, 24]


def test_two_ways_of_naming_are_too_many_for_one_data_set(folder):
    touch(
        *('P01/rgb_frames/P01_01/' + FRAMES.format(n) for n in range(1, 4)),
        *('P01/rgb_frames/P01_02/' + FRAMES.format(n) for n in range(3)),
    )
    done = prepare('epic', '.')
    assert done.returncode == 1 and done.stdout.splitlines()[-2:] == [
        '1 videos are read with start_index=0 in the data set: P01_02',
        'one data set takes one such setting: rename the frames of one kind, or use two data sets',
    ]


@pytest.mark.parametrize(
    'names, message',
    [
        (['frame_1.jpg', 'frame_3.jpg'], 'lacks frame 2 of 3'),
        (['frame_0.jpg', 'frame_2.jpg'], 'lacks frame 1 of 2'),
        (['frame_01.jpg', 'frame_1.jpg'], 'holds frame 1 twice'),
        (['a_1.jpg', 'b_1.png'], 'holds 2 kinds of frames (a_1.jpg, b_1.png)'),
        (['frame_1.jpg', 'frame_02.jpg'], 'pads its numbers in several ways'),
        (['._frame_0000000001.jpg'], 'holds no frames'),
    ],
)
def test_frames_that_no_setting_reads(folder, names, message):
    touch(*(f'P01/rgb_frames/P01_01/{name}' for name in names))
    Path('out').mkdir()
    shutil.move('P01', 'out/P01')
    Path('in').mkdir()
    touch('a.csv', data=b'video_id,stop_frame\nP01_01,1\n')
    assert prepare('epic', 'in', 'out', '--ann', 'a.csv').returncode == 1
    assert message in failures('out')['P01_01'][1]


def test_csv_of_a_download_that_broke_off(folder):
    touch('a.csv', data=b'narration_id,video_id,stop_frame\na,P01_01,1\nb,P0')
    done = prepare('epic', '.', '--ann', 'a.csv')
    assert done.stderr == (
        'prepare_epic: error: a.csv, line 3: 2 fields, expected 3 as in the header; correct or '
        'remove the row\n'
    )


@pytest.mark.parametrize(
    'text, codec',
    [
        ('video_id,stop_frame\nP01_01,3\n', 'utf-8-sig'),
        ('video_id,stop_frame\r\nP01_01,3\r\n', 'utf-8'),
        ('video_id\tstop_frame\nP01_01\t3\n', 'utf-8'),
        ('video_id;stop_frame\nP01_01;3\n', 'utf-8-sig'),
        ('video_id, stop_frame\n P01_01 ,  3 \n\n', 'utf-8'),
    ],
)
def test_csv_as_people_save_it(folder, text, codec):
    touch(
        *('P01/rgb_frames/P01_01/' + FRAMES.format(n) for n in range(1, 4)),
        'P01/rgb_frames/P01_02/' + FRAMES.format(1),
    )
    Path('a.csv').write_bytes(text.encode(codec))
    done = prepare('epic', '.', '--ann', 'a.csv')
    assert done.returncode == 0 and table(done)['ready'] == ['1', '3 frames  nothing to do'], (
        done.stderr
    )


@pytest.mark.parametrize(
    'script, option',
    [('epic', '--ann'), ('charades_ego', '--ann'), ('ego4d', '--ann'), ('kinetics', '--list')],
)
@needs_ffmpeg
def test_utf_16_is_refused_by_the_name_of_the_file(folder, script, option):
    touch('in/x/P01_01.mp4')
    Path('a b.txt').write_bytes('id,length\nP01_01,3\n'.encode('utf-16'))
    done = prepare(script, 'in', 'out', option, 'a b.txt')
    assert done.returncode == 1 and done.stderr.splitlines() == [
        f'prepare_{script}: error: a b.txt: is text in UTF-16 or no text at all; save it as UTF-8'
    ]


@needs_ffmpeg
def test_kinetics_list_as_people_make_it(folder):
    """BOM, Windows line ends, a tab, blanks, several labels, and a hidden file."""
    for name in ('a b.mkv', 'c.mp4', 'd.mp4'):
        video(folder / 'k' / name, num_frames=5)
    touch('k/._c.mp4', data=COMPANION)
    Path('list.txt').write_bytes(
        '\ufeffa b.mkv  3\r\nc.mp4\t1\r\n\r\nd.mp4 1 4\r\n._c.mp4 1\r\n'.encode()
    )
    done = prepare('kinetics', 'k', 'out', '--list', 'list.txt')
    assert (
        done.returncode == 0
        and Path('out/list.txt').read_text() == 'a_b.mp4 3\nc.mp4 1\nd.mp4 1 4\n'
    ), done.stderr
    assert (
        'prepare_kinetics: 1 lines of list.txt name hidden files, which are passed over'
        in done.stderr
    )


def test_official_pickle_in_place_of_the_csv(folder):
    """The same need as from the csv: videos and last frames."""
    name = 'index_pandas1.5.3_protocol2.pkl'
    from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle

    columns = read_dataframe_pickle(PICKLES / name).columns
    videos = sorted(set(columns['video_id']))
    shutil.copy(PICKLES / name, 'train.PKL')
    Path('train.csv').write_text(
        'video_id,stop_frame\n'
        + ''.join(
            f'{one},{stop}\n' for one, stop in zip(columns['video_id'], columns['stop_frame'])
        )
    )
    Path('in').mkdir()
    done = [
        prepare('epic', 'in', '--check-only', '--ann', file) for file in ('train.PKL', 'train.csv')
    ]
    assert done[0].stdout == done[1].stdout and table(done[0])['missing'][0] == str(len(videos)), (
        done[0].stderr
    )


def test_pickles_that_are_no_table_or_cannot_be_read_here(folder, monkeypatch):
    Path('in').mkdir()
    Path('a.pkl').write_bytes(pickle.dumps(dict(a=1)))
    done = prepare('epic', 'in', 'out', '--ann', 'a.pkl')
    assert re.fullmatch(r'prepare_epic: error: a.pkl: .*csv.*\n', done.stderr)
    touch('broken/torch/__init__.py', data=b'raise ImportError("no torch here")')
    monkeypatch.setenv('PYTHONPATH', 'broken')
    done = prepare('epic', 'in', 'out', '--ann', 'a.pkl')
    assert done.stderr == (
        'prepare_epic: error: a.pkl: a pickle is read by the package, which cannot be imported '
        'here '
        '(ImportError: no torch here); give the csv of the same annotation\n'
    )


def test_scripts_without_the_package(folder):
    """Copied alone they say what is missing; beside it they need the standard library only."""
    shutil.copytree(TOOLS, 'tools/data')
    bare = [sys.executable, '-E', '-S']  # without site-packages
    done = subprocess.run(
        [*bare, 'tools/data/prepare_epic.py', '--help'], capture_output=True, text=True
    )
    assert done.returncode == 1 and re.fullmatch(
        r'prepare_epic: error: .*/egoexo_mm/video/ffmpeg.py: no such file; '
        r'run the script from a checkout of egoexo_mm, or '
        r'install the package\n',
        done.stderr,
    )
    done = subprocess.run(
        [*bare, TOOLS / 'prepare_epic.py', '--help'], capture_output=True, text=True
    )
    assert done.returncode == 0 and 'SOURCE' in done.stdout


def test_json_with_a_mark(folder):
    text = json.dumps(dict(clips=[dict(clip_uid='u', action_clip_end_sec=1)]))
    Path('a.json').write_text(text, encoding='utf-8-sig')
    Path('in').mkdir()
    done = prepare('ego4d', 'in', '--check-only', '--ann', 'a.json')
    assert (
        table(done)['missing'][0] == '1'
        if shutil.which('ffmpeg')
        else 'ffmpeg is not' in done.stderr
    )


@needs_ffmpeg
def test_clips_in_another_container(folder):
    """Ego4D clips become .mp4, or the setting is named; Ego-Exo4D keeps the json's names."""
    from egoexo_mm.video import open_frames

    source = video(folder / 'made.avi', num_frames=30)
    Path('in/sub').mkdir(parents=True)
    ffmpeg('-i', source, '-c:v', 'mpeg2video', 'in/sub/uid.MTS')
    shutil.copy('in/sub/uid.MTS', 'in/start1.0_end2.0_cam.ts')
    Path('a.json').write_text(json.dumps(dict(clips=[dict(clip_uid='uid', action_clip_end_sec=1)])))
    done = prepare('ego4d', 'in', '--ann', 'a.json')
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == (
        "1 videos are read with path_tmpl='sub/{clip_uid}.MTS' in the data set: uid"
    )
    done = prepare('ego4d', 'in', 'out', '--ann', 'a.json')
    assert (
        done.returncode == 0
        and len(open_frames('out/uid.mp4')) == 30
        and 'path_tmpl' not in done.stdout
    )
    name = 'start1.0_end2.0_cam.mp4'
    Path('b.json').write_text(
        json.dumps(
            dict(
                segments=[
                    dict(
                        segment_name_list=[name],
                        ego_segment_name=name,
                        take_name='t',
                        start_time=1.0,
                        end_time=2.0,
                    )
                ]
            )
        )
    )
    assert prepare('egoexo4d', 'in', 'clips', '--ann', 'b.json').returncode == 0
    assert len(open_frames(f'clips/{name}')) == 30
    assert (
        prepare('egoexo4d', 'in', '--ann', 'b.json').returncode == 1
    )  # the data set reads the name of the json
