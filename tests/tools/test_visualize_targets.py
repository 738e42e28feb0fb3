"""``tools/targets.py draw`` and ``rank`` on real videos and stores, and their former script."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter
from egoexo_mm.visualization import COLOURS
from egoexo_mm.visualization.text import LINE
from tests.media import write_stores, write_video
from tests.scripts import load_script

TOOL = Path(__file__).resolve().parents[2] / 'tools/targets.py'
FORMER = TOOL.with_name('visualize_targets.py')


@pytest.fixture(scope='module')
def main():
    return load_script('tools/visualize_targets.py').main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / 'clip.mp4', np.full((12, 72, 128, 3), 60, np.uint8), fps=10)
    write_stores(tmp_path, ['clip'], num_objects=6, num_frames=12)
    with StoreWriter('boxes', Manifest(signal='interaction', dataset='d', teacher='t')) as writer:
        writer.add_detections(
            'clip',
            frame=[0, 0, 8],
            box=[[0.25, 0.5, 0.5, 0.75], [0.5, 0.25, 0.75, 0.5], [0, 0, 0.25, 0.5]],
            score=[0.9, 0.8, 0.7],
            kind=[HAND, OBJECT, HAND],
            num_frames=12,
            fps=10,
            frame_stride=4,
        )
    return tmp_path


def frames_of(path):
    video = cv2.VideoCapture(str(path))
    fps = video.get(cv2.CAP_PROP_FPS)
    frames = []
    while True:
        there, frame = video.read()
        if not there:
            return frames, fps
        frames.append(frame[..., ::-1])


def test_as_a_program(folder):
    done = subprocess.run(
        [
            sys.executable,
            TOOL,
            'draw',
            'clip.mp4',
            'out dir',
            '--interaction',
            'boxes',
            '--ego-score',
            'targets/ego_score',
            '--object-score',
            'targets/object_score',
            '--frames',
            '3',
            '--stride',
            '2',
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        'wrote out dir/targets_clip.mp4 (6 frames)',
        'wrote out dir/targets_clip.png',
    ]
    assert done.stderr == '' and sorted(path.name for path in Path('out dir').iterdir()) == [
        'targets_clip.mp4',
        'targets_clip.png',
    ]
    frames, fps = frames_of('out dir/targets_clip.mp4')
    # 128 x 72 becomes 640 x 360; maps of (360 - LINE) / 2 = 170 by 302 beside it; below, an ego bar
    # and five object bars
    assert (
        len(frames) == 6
        and fps == 5
        and frames[0].shape == (LINE + 360 + 6 * LINE, 640 + 4 + 302, 3)
    )
    first = frames[0][LINE:].astype(int)
    # hand at x 160..320, y 180..270; object at x 320..480, y 90..180
    np.testing.assert_allclose(first[225, 160], COLOURS['hand'], atol=50)
    np.testing.assert_allclose(first[135, 480], COLOURS['object'], atol=50)
    np.testing.assert_allclose(first[300, 500], 60, atol=12)
    # frame 4 has no box, frame 8 has the other hand: x 0..160, y 0..180
    np.testing.assert_allclose(frames[2][LINE:][225, 160], 60, atol=12)
    np.testing.assert_allclose(frames[4][LINE:][100, 160], COLOURS['hand'], atol=50)
    sheet = cv2.imread('out dir/targets_clip.png')
    assert sheet.shape == (10 * LINE + 8 + 2 * (360 + LINE + 8), 8 + 2 * (946 + 8), 3)


def test_one_store_and_another_id(folder, main, capsys):
    Path('clip.mp4').rename('renamed.mp4')
    Path('names.txt').write_text('\n'.join('abcdef'))
    assert (
        main(
            [
                'renamed.mp4',
                '--video-id',
                'clip',
                '--object-score',
                'targets/object_score',
                '--object-names',
                'names.txt',
                '--max-seconds',
                '.5',
                '--frames',
                '1',
            ]
        )
        == 0
    )
    assert capsys.readouterr().out.splitlines()[0] == (
        'wrote targets_clip.mp4 (5 frames; the first 0.5 s, --max-seconds shows more)'
    )
    frames, _ = frames_of('targets_clip.mp4')
    assert len(frames) == 5 and frames[0].shape == (LINE + 360 + 5 * LINE, 640, 3)


def test_ranking(folder, main, capsys):
    with StoreWriter(
        'ego', Manifest(signal='ego_score', dataset='d', teacher='t', score_kind='logits')
    ) as writer:
        for video_id, score in (('clip', 1), ('gone', 2)):
            writer.add_scores(video_id, [0, score])
    assert main(['--rank', 'ego', '--videos', '.', '--out', 'out']) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        '2 videos, from gone (0.881) to clip (0.731)',
        'wrote out/ranking_ego.png',
    ]
    assert err == 'no frame of gone: not among the 1 videos given\n'
    assert cv2.imread('out/ranking_ego.png') is not None


def test_the_former_script_tells_the_new_name_on_a_terminal_only(folder):
    command = (
        f'{sys.executable} {FORMER} clip.mp4 --interaction boxes --out former --max-seconds .1'
    )
    done = subprocess.run(command.split(), capture_output=True, text=True, check=True)
    assert done.stderr == '' and done.stdout.endswith('wrote former/targets_clip.png\n')
    try:
        leader, follower = pty.openpty()
    except OSError as error:
        pytest.skip(f'no terminal can be made here: {error}')
    subprocess.run(command.split(), stdout=subprocess.PIPE, stderr=follower, check=True)
    os.close(follower)
    assert os.read(leader, 1000).decode().splitlines() == [
        'visualize_targets.py is now: python tools/targets.py draw (or rank)'
    ]
    os.close(leader)


def test_rank_as_a_subcommand(folder, capsys):
    main = load_script('tools/targets.py').main
    assert main(['rank', 'targets/ego_score', 'out', '--videos', '.', '--count', '1']) == 0
    assert capsys.readouterr().out.splitlines()[1] == 'wrote out/ranking_ego_score.png'
    assert cv2.imread('out/ranking_ego_score.png') is not None
    for argv, message in (
        (['rank', 'targets/ego_score'], 'required: --videos'),
        (['draw', 'clip.mp4', 'out'], 'give one or more of --ego-score'),
        (['draw', 'clip.mp4', *BOXES, '--codec', 'x'], 'four letters'),
    ):
        with pytest.raises(SystemExit) as caught:
            main(argv)
        assert caught.value.code == 2 and message in capsys.readouterr().err


BOXES = ['--interaction', 'boxes']


@pytest.mark.parametrize(
    'command, message',
    [
        (
            ['other.mp4', *BOXES],
            "boxes: no video 'other' among the 1 of this store (ids by rule 'stem', for example "
            "'clip'); "
            'give its id with --video-id, or leave out --interaction',
        ),
        (['gone.mp4', *BOXES], 'gone.mp4: no such file; give the path of a video'),
        (['broken.mp4', *BOXES], 'broken.mp4: does not open as a video'),
        (
            ['clip.mp4', '--ego-score', 'boxes'],
            "boxes: holds 'interaction', but is given as 'ego_score'; give the store",
        ),
        (['clip.mp4', '--ego-score', 'none'], 'none: no such target store folder'),
        (
            ['clip.mp4', '--object-score', 'targets/object_score', '--object-names', 'broken.mp4'],
            'broken.mp4: has 1 lines, but the store has scores of 6 classes',
        ),
        (
            ['clip.mp4', *BOXES, '--codec', 'avc9'],
            "targets_clip.mp4: this OpenCV has no encoder for 'avc9'",
        ),
        (
            ['--rank', 'boxes', '--videos', '.'],
            "boxes: holds no scores per video of signal 'interaction'",
        ),
        (['--rank', 'targets/ego_score', '--videos', 'none'], 'none: cannot be read'),
    ],
)
def test_bad_input(folder, main, capsys, command, message):
    Path('other.mp4').write_bytes(Path('clip.mp4').read_bytes())
    Path('broken.mp4').write_bytes(b'no video')
    before = sorted(path.name for path in folder.iterdir())
    assert main(command) == 1
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith('visualize_targets: error: ') and message in error
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    'command, message',
    [
        (['clip.mp4'], 'give a VIDEO and one or more of'),
        (BOXES, 'give a VIDEO and one or more of'),
        (['--rank', 'boxes'], 'goes with --videos'),
        (['clip.mp4', '--rank', 'x', '--videos', '.'], 'without VIDEO'),
        (['clip.mp4', *BOXES, '--frames', '0'], 'invalid positive int'),
        (['clip.mp4', *BOXES, '--codec', 'x'], 'four letters'),
    ],
)
def test_bad_usage(main, capsys, command, message):
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2 and message in capsys.readouterr().err
