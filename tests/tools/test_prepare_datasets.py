"""Each prepare script on small media in the layout that is downloaded."""

import json
import os
import tarfile
import zipfile
from pathlib import Path

import cv2
import pytest

from tests.tools.prepare_tools import failures, needs_ffmpeg, prepare, table, video

pytestmark = needs_ffmpeg


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def measure(path):
    """Width, height, number of frames of a video."""
    reader = cv2.VideoCapture(str(path))
    return tuple(
        int(reader.get(what))
        for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FRAME_COUNT)
    )


def write_archives(folder, ids):
    image = cv2.imencode('.jpg', cv2.imread(str(next(Path(folder).rglob('*.jpg')))))[1].tobytes()
    Path('arch/P02/flow_frames').mkdir(parents=True)
    for i, name in enumerate(ids):
        Path('frame.jpg').write_bytes(image)
        if i:
            with zipfile.ZipFile(f'arch/P02/{name}.zip', 'w') as bundle:
                for n in range(1, 5):
                    bundle.write('frame.jpg', f'{name}/frame_{n:010d}.jpg')
        else:
            for suffix in (f'P02/{name}.tar', f'P02/flow_frames/{name}.tar'):
                with tarfile.open(f'arch/{suffix}', 'w') as bundle:
                    for n in range(1, 5):
                        bundle.add('frame.jpg', f'./frame_{n:010d}.jpg')


def test_epic_100(folder):
    """One second has 60 frames in a 55 video, 50 in an extension video, at any native rate."""
    video(folder / 'in/P01/videos/P01_01.MP4', num_frames=5, fps=5, size=(480, 270))
    video(folder / 'in/P01/videos/P01_101.MP4', num_frames=5, fps=5, size=(270, 480))
    video(folder / 'in/P02/videos/P02_01.MP4', num_frames=15, fps=30)
    Path('train.csv').write_text(
        'narration_id,video_id,start_frame,stop_frame\nx_0,P01_01,1,20\nx_1,P01_01,10,60\n'
        'x_2,P01_101,1,51\nx_3,P03_01,1,2\nx_4,P02_01,1,30\n'
    )
    done = prepare('epic', 'in', 'out', '--ann', 'train.csv', '--workers', 2)
    assert done.returncode == 1
    root = Path('out')
    assert sorted(os.listdir('out/P01/rgb_frames/P01_01')) == [
        f'frame_{n:010d}.jpg' for n in range(1, 61)
    ]
    assert (
        len(os.listdir('out/P01/rgb_frames/P01_101')) == 50
        and len(os.listdir('out/P02/rgb_frames/P02_01')) == 30
    )
    assert cv2.imread('out/P01/rgb_frames/P01_01/frame_0000000001.jpg').shape == (
        256,
        456,
        3,
    )  # 256 * 16 / 9 = 455.1
    assert cv2.imread('out/P01/rgb_frames/P01_101/frame_0000000001.jpg').shape == (456, 256, 3)
    assert cv2.imread('out/P02/rgb_frames/P02_01/frame_0000000001.jpg').shape == (
        48,
        64,
        3,
    )  # never enlarged
    assert {state: row[0] for state, row in table(done).items()} == dict(
        ready='2', short='1', missing='1'
    )
    assert failures(root) == {
        'P01_101': ('short', '50 of 51 frames'),
        'P03_01': ('missing', 'no such file in the source folder'),
    }
    again = prepare('epic', 'in', 'out', '--ann', 'train.csv')
    assert 'prepare:' not in again.stderr and again.stdout == done.stdout


def test_epic_frames_are_those_of_the_video(folder):
    """60 frames a second of a 30 fps video: each source frame twice, in order."""
    path = video(folder / 'in/P01_01.MP4', num_frames=6, size=(64, 48))
    assert prepare('epic', 'in', 'out', '--quality', 1).returncode == 0
    reader = cv2.VideoCapture(str(path))
    sources = [reader.read()[1].astype(int) for _ in range(6)]
    frames = [cv2.imread(f'out/P01/rgb_frames/P01_01/frame_{n:010d}.jpg') for n in range(1, 13)]
    nearest = [min(range(6), key=lambda n: abs(frame - sources[n]).mean()) for frame in frames]
    assert nearest == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_epic_archives_and_release_55(folder):
    video(folder / 'in/P02_03.MP4', num_frames=30)
    assert prepare('epic', 'in', 'frames', '--release', 55).returncode == 0
    assert len(os.listdir('frames/P02_03')) == 60
    write_archives('frames', ['P02_01', 'P02_109'])
    done = prepare('epic', 'arch', 'out')
    assert (
        done.returncode == 0 and done.stdout.splitlines()[-1] == '2 of 2 videos in out are usable'
    )
    for name in ('P02_01', 'P02_109'):
        assert sorted(os.listdir(f'out/P02/rgb_frames/{name}')) == [
            f'frame_{n:010d}.jpg' for n in range(1, 5)
        ]
    assert prepare('epic', 'out').returncode == 0  # checks what is there
    os.remove('out/P02/rgb_frames/P02_01/frame_0000000002.jpg')
    done = prepare('epic', 'out')
    assert done.returncode == 1 and table(done)['broken'][0] == '1'


def test_epic_archives_that_were_replaced(folder):
    with tarfile.open('P01_109.tar', 'w'):
        pass
    Path('in').mkdir()
    os.rename('P01_109.tar', 'in/P01_109.tar')
    done = prepare('epic', 'in', 'out')
    assert (
        'prepare_epic: warning: the first archive of P01_109 was wrong; make sure that '
        'in/P01_109.tar' in done.stderr
    )


def test_charades_ego(folder):
    """2 s at 24 frames a second = 48; the csv asks for (length - 1) * 24."""
    video(folder / 'CharadesEgo_v1_480/AB12CEGO.mp4', num_frames=10, fps=5, size=(640, 480))
    video(folder / 'CharadesEgo_v1_480/AB12C.mp4', num_frames=10, fps=5)
    Path('train.csv').write_text(
        'id,actions,length,egocentric\nAB12CEGO,c001 0.0 1.0,2.00,Yes\nAB12C,,4.00,No\n'
    )
    done = prepare(
        'charades_ego', 'CharadesEgo_v1_480', 'rgb', '--ann', 'train.csv', '--workers', 2
    )
    assert sorted(os.listdir('rgb/AB12CEGO')) == [f'AB12CEGO-{n:06d}.jpg' for n in range(1, 49)]
    assert cv2.imread('rgb/AB12CEGO/AB12CEGO-000001.jpg').shape == (320, 426, 3)
    assert done.returncode == 1 and failures('rgb') == {'AB12C': ('short', '48 of 72 frames')}


def test_charades_ego_released_frames_and_frame_list(folder):
    for name, count in (('AB12CEGO', 3), ('XY34ZEGO', 2)):
        Path('rgb', name).mkdir(parents=True)
        for n in range(1, count + 1):
            Path(f'rgb/{name}/{name}-{n:06d}.jpg').write_bytes(b'jpg')
    lines = [
        f'{name} 0 {n - 1} {name}/{name}-{n:06d}.jpg ""'
        for name in ('AB12CEGO', 'XY34ZEGO')
        for n in range(1, 4)
    ]
    Path('train_1st.csv').write_text(
        '\n'.join(['original_vido_id video_id frame_id path labels', *lines]) + '\n'
    )
    done = prepare('charades_ego', 'rgb', '--ann', 'train_1st.csv')
    assert done.returncode == 1
    assert table(done) == dict(
        ready=['1', '3 frames  nothing to do'],
        short=[
            '1',
            '2 frames  end before their annotations do; delete and get again, or have the data set '
            'drop the rows '
            '(missing="drop"): XY34ZEGO',
        ],
    )
    assert sorted(os.listdir()) == ['rgb', 'train_1st.csv'] and sorted(os.listdir('rgb')) == [
        'AB12CEGO',
        'XY34ZEGO',
    ]
    Path('train_1st.csv').write_text('original_vido_id video_id frame_id path labels\na b c\n')
    done = prepare('charades_ego', 'rgb', '--ann', 'train_1st.csv')
    assert "train_1st.csv: 'a b c' is no line of a frame list" in done.stderr


def test_ego4d(folder):
    for name, count in (('uid-a', 20), ('uid-b', 10)):
        video(folder / f'v2/clips/{name}.mp4', num_frames=count, fps=10, size=(96, 64))
    clips = [
        dict(clip_uid='uid-a', action_clip_end_sec=1.0),
        dict(clip_uid='uid-a', action_clip_end_sec=2.4),
        dict(clip_uid='uid-b', action_clip_end_sec=2.0),
        dict(clip_uid='uid-c', action_clip_end_sec=1.0),
    ]
    Path('fho_lta_train.json').write_text(json.dumps(dict(version='v2', clips=clips)))
    done = prepare(
        'ego4d',
        'v2/clips',
        'out',
        '--ann',
        'fho_lta_train.json',
        '--short-side',
        32,
        '--workers',
        2,
    )
    assert done.returncode == 1 and measure('out/uid-a.mp4') == (48, 32, 20)
    assert {name: state for name, (state, _) in failures('out').items()} == {
        'uid-b': 'short',
        'uid-c': 'missing',
    }
    assert failures('out')['uid-b'][1] == '1 of 1.5 s'
    before = os.stat('out/uid-a.mp4').st_mtime_ns
    again = prepare('ego4d', 'v2/clips', 'out', '--ann', 'fho_lta_train.json', '--short-side', 32)
    assert os.stat('out/uid-a.mp4').st_mtime_ns == before and again.stdout == done.stdout
    Path('bad.json').write_text('{"clips": [{"clip_uid": "x"}]}')
    assert (
        'bad.json: action_clip_end_sec is None, expected a number'
        in prepare('ego4d', 'v2/clips', 'out', '--ann', 'bad.json').stderr
    )
    Path('bad.json').write_text('[]')
    assert (
        "bad.json: expected a list of objects under 'clips'"
        in prepare('ego4d', 'v2/clips', 'out', '--ann', 'bad.json').stderr
    )


def test_egoexo4d(folder):
    """Clip names repeat between takes, so folders are kept."""
    segments = []
    for take, end in (('cook_01', 2.0), ('cook_02', 4.0)):
        names = [
            f'train/{take}/start1.0_end{end}_{camera}.mp4' for camera in ('aria02_214-1', 'cam01')
        ]
        for name in names:
            video(folder / 'clips_448p' / name, num_frames=10, fps=10, size=(64, 64))
        segments.append(
            dict(
                segment_name_list=names,
                ego_segment_name=names[0],
                take_name=take,
                start_time=1.0,
                end_time=end,
            )
        )
    Path('keystep_segment_train.json').write_text(json.dumps(dict(segments=segments)))
    done = prepare('egoexo4d', 'clips_448p', '--ann', 'keystep_segment_train.json')
    assert done.returncode == 1 and {state: row[0] for state, row in table(done).items()} == dict(
        ready='1', short='1'
    )
    done = prepare(
        'egoexo4d',
        'clips_448p',
        'out',
        '--ann',
        'keystep_segment_train.json',
        '--views',
        'all',
        '--short-side',
        32,
        '--workers',
        2,
    )
    made = sorted(str(path.relative_to('out')) for path in Path('out').rglob('*.mp4'))
    assert made == sorted(name for segment in segments for name in segment['segment_name_list'])
    assert measure('out/' + made[0]) == (32, 32, 10) and table(done)['short'][0] == '2'
    assert prepare('egoexo4d', 'clips_448p').stderr.startswith(
        'prepare_egoexo4d: error: give --ann keystep_segment'
    )


def test_kinetics_from_class_folders(folder):
    video(folder / 'k400/air drumming/b.mp4', num_frames=10, size=(96, 64))
    video(folder / 'k400/abseiling/a.mkv', num_frames=10, size=(64, 96))
    Path('k400/abseiling/broken.mp4').write_text('not a video')
    done = prepare('kinetics', 'k400', 'videos', '--short-side', 32, '--workers', 2)
    assert done.returncode == 1
    assert Path('videos/list.txt').read_text() == 'abseiling/a.mp4 0\nair_drumming/b.mp4 1\n'
    assert Path('videos/classes.txt').read_text() == 'abseiling\nair drumming\n'
    assert measure('videos/abseiling/a.mp4') == (32, 48, 10) and measure(
        'videos/air_drumming/b.mp4'
    ) == (48, 32, 10)
    assert failures('videos')['abseiling/broken.mp4'][0] == 'broken'


def test_kinetics_with_the_classes_of_another_split(folder):
    """A class that one split lacks, and folders that are no classes, change no label."""
    for name in ('train/abseiling', 'train/archery', 'train/bowling', 'val/archery', 'val/bowling'):
        video(folder / f'k400/{name}/a.mp4', num_frames=4)
    (folder / 'k400/train/_csv').mkdir()
    done = prepare('kinetics', 'k400', 'data/all')
    assert done.returncode == 1 and 'has the folders train, val, which look like pa' in done.stderr
    done = prepare('kinetics', 'k400/train', 'data/train')
    assert 'prepare_kinetics: 1 folders without videos are passed over (_csv)' in done.stderr
    train = 'abseiling/a.mp4 0\narchery/a.mp4 1\nbowling/a.mp4 2\n'
    assert Path('data/train/list.txt').read_text() == train
    classes = Path('data/train/classes.txt')
    done = prepare('kinetics', 'k400/val', 'data/val', '--check-only')
    assert f'{classes} has other classes; if it is another split' in done.stderr
    done = prepare('kinetics', 'k400/val', 'data/val', '--classes', classes)
    assert done.returncode == 0 and 'warning' not in done.stderr
    assert Path('data/val/list.txt').read_text() == 'archery/a.mp4 1\nbowling/a.mp4 2\n'
    assert Path('data/val/classes.txt').read_text() == classes.read_text()
    Path('few.txt').write_text('archery\n')
    done = prepare('kinetics', 'k400/val', 'data/val', '--classes', 'few.txt')
    assert 'few.txt: lacks bowling, which are folders in k400/val' in done.stderr


def test_kinetics_from_a_list(folder):
    video(folder / 'k400/some where/v 1.mp4', num_frames=10)
    Path('val.csv').write_text('some where/v 1.mp4 7\ngone.mp4 3\n\n')
    done = prepare('kinetics', 'k400', 'videos', '--list', 'val.csv', '--list-out', 'lists.txt')
    assert done.returncode == 1 and Path('lists.txt').read_text() == 'some_where/v_1.mp4 7\n'
    assert failures('videos') == {'gone.mp4': ('missing', 'no such file in the source folder')}
    assert not Path('videos/classes.txt').exists()
    for text, message in (
        ('x.mp4\n', 'val.csv, line 1: expected "path label label ..." with an integer label'),
        ('a.mp4 1\na.mp4 2\n', "val.csv, line 2: 'a.mp4' has label 2, but 1 in a line before"),
        ('a b.mp4 1\na_b.mp4 1\n', "'a_b.mp4' and 'a b.mp4' would both become a_b.mp4"),
        ('../a.mp4 1\n', "the name '../a.mp4' leads out of the folder"),
    ):
        Path('val.csv').write_text(text)
        assert message in prepare('kinetics', 'k400', 'videos', '--list', 'val.csv').stderr


def test_the_data_sets_read_what_was_prepared(folder):
    """Defaults on both sides: every file is where the data set looks for it."""
    from egoexo_mm.datasets.charades_ego import CharadesEgoDataset
    from egoexo_mm.datasets.ego4d_fho import Ego4DFHODataset
    from egoexo_mm.datasets.epic_kitchens import EpicKitchensDataset

    video(folder / 'in/P01_01.MP4', num_frames=5, fps=10)
    Path('in/AB12CEGO.mp4').write_bytes(Path('in/P01_01.MP4').read_bytes())
    Path('in/uid.mp4').write_bytes(Path('in/P01_01.MP4').read_bytes())
    Path('epic.csv').write_text(
        'narration_id,participant_id,video_id,start_frame,stop_frame,verb_class,noun_class\n'
        'P01_01_0,P01,P01_01,1,30,0,0\n'
    )
    Path('charades.csv').write_text(
        'id,actions,length,egocentric\nAB12CEGO,c001 0.00 0.50,0.5,Yes\n'
    )
    Path('ego4d.json').write_text(
        json.dumps(
            dict(
                clips=[
                    dict(
                        clip_uid='uid',
                        action_idx=0,
                        action_clip_start_sec=0.0,
                        action_clip_end_sec=0.5,
                        verb_label=0,
                        noun_label=0,
                    )
                ]
            )
        )
    )
    for script, ann in (
        ('epic', 'epic.csv'),
        ('charades_ego', 'charades.csv'),
        ('ego4d', 'ego4d.json'),
    ):
        assert prepare(script, 'in', script, '--ann', ann).returncode == 0
    assert len(EpicKitchensDataset('epic.csv', [], data_prefix=dict(img='epic'))) == 1
    assert (
        CharadesEgoDataset('charades.csv', [], data_prefix=dict(img='charades_ego'))[0][
            'total_frames'
        ]
        == 12
    )
    assert len(Ego4DFHODataset('ego4d.json', [], data_prefix=dict(video='ego4d'))) == 1
