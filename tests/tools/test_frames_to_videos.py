"""Folders of frames as videos."""
import sys

import cv2
import numpy as np
import pytest

from tests.scripts import load_script

tool = load_script('tools/frames_to_videos.py')


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
    assert [reader.read()[1].mean() for _ in range(3)] == pytest.approx([20, 120, 220], abs=4) and not reader.read()[0]
    (tmp_path / 'out/P02_01.mp4').unlink()
    capsys.readouterr()
    run(monkeypatch, *arguments)
    assert capsys.readouterr().out.splitlines()[0] == 'P02_01.mp4: 1 frames'  # the other one is kept


def test_mistakes(tmp_path, monkeypatch):
    frames(tmp_path / 'a/x', 1)
    frames(tmp_path / 'b/x', 1)
    (tmp_path / 'c/empty').mkdir(parents=True)
    frames(tmp_path / 'd/mixed', 1)
    cv2.imwrite(str(tmp_path / 'd/mixed/frame_2.jpg'), np.zeros((8, 8, 3), np.uint8))
    for pattern, message in (('*/x', 'would become x.mp4'), ('z*', 'no folder is named'), ('c/*', 'holds no'),
                             ('d/*', 'is 8 x 8, those before it 48 x 32')):
        with pytest.raises(SystemExit, match=message):
            run(monkeypatch, tmp_path, tmp_path / 'out', '--folders', pattern, '--fps', 24)
        assert not (tmp_path / 'out').exists() or list((tmp_path / 'out').iterdir()) == []
