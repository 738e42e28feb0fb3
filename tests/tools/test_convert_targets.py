import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from egoexo_mm.targets import TargetStore
from tests.media import write_video
from tests.scripts import load_script

TOOL = Path(__file__).resolve().parents[2] / 'tools/targets.py'


@pytest.fixture(scope='module')
def main():
    return load_script('tools/convert_targets.py').main


class Evil:
    def __reduce__(self):
        return os.system, ('touch ran',)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with open('ego.pkl', 'wb') as file:
        pickle.dump({'x/a.mp4': np.float32([1.5, -2]), 'x/b.mp4': np.float32([0, 1])}, file)
    with open('evil.pkl', 'wb') as file:
        pickle.dump({'x/a.mp4': Evil()}, file)
    os.mkdir('npy')
    for name in 'ab':
        frames = np.empty((2, 2), dtype=object)
        frames[1, 1] = np.float32([[64, 36, 128, 72, 0.5, 3, 0, 0, 0, 1]])
        np.save(f'npy/{name}.npy', frames, allow_pickle=True)
    return tmp_path


def test_subcommand_and_former_script_are_the_same(folder, main, capsys):
    arguments = ['--signal', 'ego_score', '--score-kind', 'logits']
    assert main(['scores', 'ego.pkl', 'former', *arguments]) == 0
    command = load_script('tools/targets.py').main
    assert command(['convert', 'scores', 'ego.pkl', 'new', *arguments]) == 0
    files = sorted(path.name for path in Path('new').iterdir())
    assert files == sorted(path.name for path in Path('former').iterdir()) and len(files) == 2
    for name in files:
        assert Path('new', name).read_bytes() == Path('former', name).read_bytes()
    capsys.readouterr()
    assert command(['convert', 'scores', 'evil.pkl', 'out', *arguments]) == 1
    assert one_error(capsys).startswith('targets: error: evil.pkl: refused')


def one_error(capsys):
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_scores_by_command_line(folder):
    done = subprocess.run(
        [
            sys.executable,
            TOOL,
            'convert',
            'scores',
            'ego.pkl',
            'out',
            '--signal',
            'ego_score',
            '--score-kind',
            'logits',
            '--id',
            'path',
            '--dataset',
            'mini',
            '--teacher',
            'T',
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'check ego.pkl: 2/2' in done.stdout
    assert done.stdout.splitlines()[-1] == 'out: 2 videos, signal ego_score, logits'
    store = TargetStore('out')
    assert store.scores('x/a').tolist() == [1.5, -2]
    assert (store.manifest.dataset, store.manifest.teacher) == ('mini', 'T')


@pytest.mark.parametrize(
    'source, kind, message',
    [
        ('ego.pkl', 'probabilities', 'ego.pkl: the scores are no probabilities'),
        ('evil.pkl', 'logits', 'evil.pkl: refused, the pickle asks for posix.sy'),
        ('gone.pkl', 'logits', "[Errno 2] No such file or directory: 'gone.pkl"),
    ],
)
def test_bad_scores_end_in_one_line(folder, main, capsys, source, kind, message):
    before = sorted(os.listdir())
    assert main(['scores', source, 'out', '--signal', 'ego_score', '--score-kind', kind]) == 1
    assert one_error(capsys).startswith(f'convert_targets: error: {message}')
    assert sorted(os.listdir()) == before


def test_force(folder, main):
    assert (
        main(
            [
                'scores',
                'ego.pkl',
                'out',
                '--signal',
                'ego_score',
                '--score-kind',
                'probabilities',
                '--force',
            ]
        )
        == 0
    )
    assert TargetStore('out').manifest.score_kind == 'probabilities'


def test_boxes_with_one_frame_size(folder, main, capsys):
    command = ['boxes', 'npy', 'out', '--frame-size', '128x72', '--fps', '25']
    assert main(command) == 0
    assert main(command) == 0  # nothing left to do
    assert capsys.readouterr().out.splitlines()[-1] == (
        'out: 0 videos written, 2 were there already'
    )
    store = TargetStore('out')
    assert store.detections('a', [1]).box.tolist() == [[0.5, 0.5, 1, 1]]
    assert store.info('a') == (2, 25.0, 128, 72, 1)
    assert (store.manifest.frame_size, store.manifest.fps) == ((128, 72), 25.0)
    assert main(['boxes', 'npy', 'out', '--frame-size', '256x144', '--fps', '25']) == 1
    assert 'frame_size is (128, 72), not (256, 144)' in one_error(capsys)


def test_boxes_with_a_csv(folder, main):
    Path('sizes.csv').write_text('video_id,width,height\na,128,72\nb,256,144\n')
    assert main(['boxes', 'npy', 'out', '--sizes', 'sizes.csv']) == 0
    store = TargetStore('out')
    assert store.detections('b', [1]).box.tolist() == [[0.25, 0.25, 0.5, 0.5]]
    assert store.manifest.notes == 'frame sizes from sizes.csv'


def test_boxes_with_videos(folder, main):
    for name in 'ab':
        write_video(Path(f'videos/{name}.mp4'), np.zeros((2, 36, 64, 3), np.uint8), fps=25)
    assert main(['boxes', 'npy', 'out', '--short-side', '72', '--videos', 'videos']) == 0
    assert TargetStore('out').info('b') == (2, 25.0, 128, 72, 1)


def test_boxes_with_frames(folder, main):
    for name in 'ab':
        Path('rgb', name).mkdir(parents=True)
        cv2.imwrite(f'rgb/{name}/{name}-000001.jpg', np.zeros((72, 128, 3), np.uint8))
    assert main(['boxes', 'npy', 'out', '--frames', 'rgb', '--fps', '24']) == 0
    assert TargetStore('out').info('b') == (2, 24.0, 128, 72, 1)


def test_wrong_frame_size_and_skip_bad(folder, main, capsys):
    Path('sizes.csv').write_text('video_id,width,height\na,128,72\nb,64,36\n')
    assert main(['boxes', 'npy', 'out', '--sizes', 'sizes.csv']) == 1
    assert one_error(capsys) == (
        'convert_targets: error: npy/b.npy frame 1: x2 is 128, outside a frame of 64x36; give the '
        'frame size at which the boxes were detected'
    )
    assert main(['boxes', 'npy', 'out', '--sizes', 'sizes.csv', '--skip-bad']) == 1
    assert one_error(capsys) == (
        'convert_targets: error: 1 bad file(s) left out, listed in '
        'out/failed.jsonl; mend them and run again'
    )
    assert TargetStore('out').video_ids == ['a']


@pytest.mark.parametrize(
    'options',
    [
        [],
        ['--frame-size', '128'],
        ['--frame-size', '0x72'],
        ['--short-side', '288'],
        ['--frame-size', '128x72', '--videos', 'v'],
        ['--frame-size', '128x72', '--sizes', 's.csv'],
        ['--frame-size', '128x72', '--fps', 'nan'],
    ],
)
def test_usage_errors(folder, main, options, capsys):
    with pytest.raises(SystemExit) as caught:
        main(['boxes', 'npy', 'out', *options])
    assert caught.value.code == 2
    assert 'Traceback' not in capsys.readouterr().err and not os.path.exists('out')
