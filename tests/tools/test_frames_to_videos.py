"""Folders of frames as videos."""

import sys

import cv2
import numpy as np
import pytest

from egoexo_mm.video import open_frames
from tests.scripts import load_script

tool = load_script('tools/data/frames_to_videos.py')


def frames(folder, *levels, size=(32, 48)):
    folder.mkdir(parents=True)
    for number, level in enumerate(levels, 1):
        cv2.imwrite(str(folder / f'frame_{number:010}.jpg'), np.full((*size, 3), level, np.uint8))


def run(monkeypatch, *argv):
    monkeypatch.setattr(sys, 'argv', ['frames_to_videos.py', *map(str, argv)])
    tool.main()


def test_frames_in_order(tmp_path, monkeypatch, capsys):
    frames(tmp_path / 'epic/P01/rgb_frames/P01_01', 20, 120, 220)
    frames(tmp_path / 'epic/P02/rgb_frames/P02_01', 200)
    arguments = (tmp_path / 'epic', tmp_path / 'out', '--folders', '*/rgb_frames/*', '--fps', 24)
    run(monkeypatch, *arguments)
    assert (tmp_path / 'out/list.txt').read_text() == 'P01_01.mp4\nP02_01.mp4\n'
    reader = cv2.VideoCapture(str(tmp_path / 'out/P01_01.mp4'))
    assert reader.get(cv2.CAP_PROP_FPS) == 24
    assert [reader.read()[1].mean() for _ in range(3)] == pytest.approx(
        [20, 120, 220], abs=4
    ) and not reader.read()[0]
    (tmp_path / 'out/P02_01.mp4').unlink()
    capsys.readouterr()
    run(monkeypatch, *arguments)
    assert (
        capsys.readouterr().out.splitlines()[0] == 'P02_01.mp4: 1 frames'
    )  # the other one is kept


def test_mistakes(tmp_path, monkeypatch):
    frames(tmp_path / 'a/x', 1)
    frames(tmp_path / 'b/x', 1)
    (tmp_path / 'c/empty').mkdir(parents=True)
    frames(tmp_path / 'd/mixed', 1)
    cv2.imwrite(str(tmp_path / 'd/mixed/frame_2.jpg'), np.zeros((8, 8, 3), np.uint8))
    for pattern, message in (
        ('*/x', 'would become x.mp4'),
        ('z*', 'no folder is named'),
        ('c/*', 'holds no'),
        ('d/*', 'is 8 x 8, those before it 48 x 32'),
    ):
        with pytest.raises(SystemExit, match=message):
            run(monkeypatch, tmp_path, tmp_path / 'out', '--folders', pattern, '--fps', 24)
        assert not (tmp_path / 'out').exists() or list((tmp_path / 'out').iterdir()) == []


def test_a_picture_that_is_cut_off_is_refused(tmp_path, monkeypatch):
    frames(tmp_path / 'in/a', 20, 120, 220)
    picture = tmp_path / 'in/a/frame_0000000002.jpg'
    picture.write_bytes(picture.read_bytes()[:-20])
    assert cv2.imread(str(picture)) is not None  # OpenCV is content
    with pytest.raises(SystemExit, match='frame_0000000002.jpg: is no picture that can be read'):
        run(monkeypatch, tmp_path / 'in', tmp_path / 'out', '--fps', 24)
    assert not (tmp_path / 'out/a.mp4').exists()


def numbered(folder, names):
    """Pictures with grey levels 10, 20, ... in the order given."""
    folder.mkdir(parents=True)
    for i, name in enumerate(names, 1):
        cv2.imwrite(str(folder / name), np.full((32, 48, 3), 10 * i, np.uint8))


def levels(path):
    video = open_frames(str(path))
    return [round(video[i].mean() / 10) for i in range(len(video))]


@pytest.mark.parametrize(
    'names',
    [
        [f'img_{n}.jpg' for n in range(1, 13)],  # unpadded: 10 comes after 9
        [f'img_{n}.jpg' for n in range(12)],  # from 0
        [f'frame{n:02}.PNG' for n in range(1, 13)],
        [f'{n}.JPG' for n in range(1, 13)],
        [f'{n:05}.jpeg' for n in range(12)],
        [f'take2_{n}_v3.bmp' for n in range(1, 13)],
        [f'50% {n} ö.webp' for n in range(1, 13)],
    ],
)
def test_natural_order_and_kinds_of_pictures(tmp_path, monkeypatch, names):
    numbered(tmp_path / 'in/my clip', names)
    (tmp_path / f'in/my clip/._{names[0]}').write_bytes(b'Mac OS X')
    (tmp_path / 'in/my clip/notes.txt').write_text('no frame')
    (tmp_path / 'in/.hidden').mkdir()
    run(monkeypatch, tmp_path / 'in', tmp_path / 'out', '--fps', 25)
    assert levels(tmp_path / 'out/my clip.mp4') == list(range(1, 13))
    assert (tmp_path / 'out/list.txt').read_text() == 'my clip.mp4\n'


def test_numbers_beyond_their_padding(tmp_path, monkeypatch):
    """``%04d`` has five digits from 10000 on."""
    monkeypatch.setattr(
        tool,
        'pictures',
        lambda names: (np.full((32, 48, 3), int(path.stem) // 50, np.uint8) for path in names),
    )
    (tmp_path / 'in/a').mkdir(parents=True)
    for n in range(1, 10012):
        (tmp_path / f'in/a/{n:04}.jpg').touch()
    run(monkeypatch, tmp_path / 'in', tmp_path / 'out', '--fps', 25)
    video = open_frames(str(tmp_path / 'out/a.mp4'))
    assert len(video) == 10011
    assert video[10010].mean() == pytest.approx(200, abs=3) and video[10].mean() == pytest.approx(
        0, abs=3
    )


def test_a_segment_begins_at_any_number(tmp_path, monkeypatch, capsys):
    numbered(tmp_path / 'in/a', [f'img_{n:04}.jpg' for n in range(9998, 10002)])
    run(monkeypatch, tmp_path / 'in', tmp_path / 'out', '--fps', 25)
    assert levels(tmp_path / 'out/a.mp4') == [1, 2, 3, 4]
    assert capsys.readouterr().out.startswith(
        'a.mp4: 4 frames; img_9998.jpg is frame 0 of the video\n'
    )


@pytest.mark.parametrize(
    'names, message',
    [
        (
            ['img_1.jpg', 'img_2.jpg', 'img_4.jpg'],
            'a/img_2.jpg and img_4.jpg lack frame 3 between them',
        ),
        (
            ['img_9998.jpg', 'img_9999.jpg', 'img_10001.jpg'],
            'a/img_9999.jpg and img_10001.jpg lack frame 10000 between',
        ),
        (['img_1.jpg', 'img_01.jpg', 'img_2.jpg'], 'a/img_01.jpg and img_1.jpg follow each other'),
        (['img_1.jpg', 'img_1.png', 'img_2.jpg'], 'a/img_1.jpg and img_1.png follow each other'),
        (['u_1.jpg', 'u_2.jpg', 'v_1.jpg', 'v_2.jpg'], 'a/u_2.jpg and v_1.jpg follow each other'),
        (['img_1.jpg', 'img_2.jpg', 'cover.jpg'], 'a/cover.jpg: has no number'),
    ],
)
def test_what_is_not_one_picture_a_number_is_refused(tmp_path, monkeypatch, names, message):
    numbered(tmp_path / 'a', names)
    with pytest.raises(SystemExit, match=message):
        run(monkeypatch, tmp_path, tmp_path / 'out', '--folders', 'a', '--fps', 25)
    assert not (tmp_path / 'out/a.mp4').exists()
