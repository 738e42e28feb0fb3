"""Which files are videos and frames, and their order."""

from __future__ import annotations

import pytest

from egoexo_mm.video.names import files_below, frame_files, is_image, is_video, natural_key


@pytest.mark.parametrize(
    'name',
    [
        'a.mp4',
        'a.MKV',
        'x/y z.Webm',
        'a.avi',
        'a.mov',
        'a.m4v',
        'a.ts',
        'a.MTS',
        'a.m2ts',
        'a.mpg',
        'a.mpeg',
        'a.vob',
        'a.wmv',
        'a.asf',
        'a.flv',
        'a.3gp',
        'a.3g2',
        'a.ogv',
        'a.gif',
        'a.h264',
        'a.hevc',
    ],
)
def test_videos(name):
    assert is_video(name) and not is_image(name)


@pytest.mark.parametrize(
    'name', ['._a.mp4', 'x/._a.MKV', '.a.mp4', 'a.txt', 'mp4', 'a.mp4.part', 'a.jpg']
)
def test_no_videos(name):
    assert not is_video(name)


def test_natural_order():
    names = [
        'img_10.jpg',
        'img_1.jpg',
        'img_2.jpg',
        'b.jpg',
        'img_9999.jpg',
        'img_10000.jpg',
        'img_01.jpg',
        '7.jpg',
        '12.jpg',
    ]
    assert sorted(names, key=natural_key) == [
        '7.jpg',
        '12.jpg',
        'b.jpg',
        'img_01.jpg',
        'img_1.jpg',
        'img_2.jpg',
        'img_10.jpg',
        'img_9999.jpg',
        'img_10000.jpg',
    ]


def test_files_of_folders(tmp_path):
    for name in (
        'b/2.mp4',
        'b/._2.mp4',
        'a/1.JPG',
        '__MACOSX/b/._2.mp4',
        '__MACOSX/x.mp4',
        '.git/x.mp4',
        '@eaDir/x.mp4',
        'out/x.mp4',
        'flow/x.tar',
        'Thumbs.txt',
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    (tmp_path / 'link').symlink_to(tmp_path / 'a', target_is_directory=True)
    found = [
        path.relative_to(tmp_path).as_posix()
        for path in files_below(tmp_path, leave=tmp_path / 'out', skip='flow')
    ]
    assert found == ['Thumbs.txt', 'a/1.JPG', 'b/2.mp4', 'link/1.JPG']
    for name in ('img_10.png', 'img_2.jpeg', '._img_3.jpg', 'notes.txt', 'img_1.webp'):
        (tmp_path / 'a' / name).touch()
    assert [path.name for path in frame_files(tmp_path / 'a')] == [
        '1.JPG',
        'img_1.webp',
        'img_2.jpeg',
        'img_10.png',
    ]
