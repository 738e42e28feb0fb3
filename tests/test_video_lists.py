"""Lists as people make them: each kind of line gives the same video and label, or an error."""

import pytest

from egoexo_mm.targets.store.listed_videos import listed_paths
from egoexo_mm.video_lists import decode_text, parse_video_list


def parse(text, **options):
    return [(video.path, *video.labels) for video in parse_video_list(text, 'list.txt', **options)]


@pytest.mark.parametrize(
    'content',
    [
        b'a.mp4 3\nsub/b c.mp4 1\n',
        b'\xef\xbb\xbfa.mp4 3\nsub/b c.mp4 1',
        b'a.mp4 3\r\nsub/b c.mp4 1\r\n',
        b'a.mp4 3\rsub/b c.mp4 1\r',
        b'a.mp4\t3\nsub/b c.mp4\t1\n',
        b'  a.mp4   3  \n\n\t\nsub/b c.mp4 \t 1 \n',
        b'a.mp4,3\nsub/b c.mp4, 1\n',
        b'a.mp4;3\nsub/b c.mp4 ; 1\n',
        b'"a.mp4" 3\n"sub/b c.mp4",1\n',
        b'a.mp4 3\n\xef\xbb\xbfsub/b c.mp4 1\n',
    ],
)  # the last: two lists put together
def test_ways_to_write_a_list(content, tmp_path):
    assert parse(decode_text(content, 'list.txt')) == [('a.mp4', 3), ('sub/b c.mp4', 1)]
    (tmp_path / 'list.txt').write_bytes(content)
    assert listed_paths(tmp_path / 'list.txt') == [
        'a.mp4',
        'sub/b c.mp4',
    ]  # extraction and verify read the same


def test_file_names():
    assert parse(
        'my class/clip (31).mp4 1\nclip 31 2\nv1.5, take 2.mp4 0\nno_extension 4\nü  x.webm 5\n'
    ) == [
        ('my class/clip (31).mp4', 1),
        ('clip 31', 2),
        ('v1.5, take 2.mp4', 0),
        ('no_extension', 4),
        ('ü  x.webm', 5),
    ]


def test_several_labels():
    assert parse('a.mp4 1 3\nb c.mp4 2\nd.mp4\t0,4\n', several=True) == [
        ('a.mp4', 1, 3),
        ('b c.mp4', 2),
        ('d.mp4', 0, 4),
    ]
    with pytest.raises(
        ValueError,
        match=(
            "list.txt, line 2: expected .* got 'a.mp4 1 3'; set multi_class=True and num_classes "
            'for lists of several '
            'labels, or correct or remove the line'
        ),
    ):
        parse('b.mp4 1\na.mp4 1 3\n')


def test_lists_without_labels():
    assert parse('a.mp4\nb 2.mp4\n', unlabelled=True) == [('a.mp4',), ('b 2.mp4',)]
    with pytest.raises(
        ValueError, match="line 2: expected .* got 'b 2.mp4'"
    ):  # a label was forgotten
        parse('a.mp4 1\nb 2.mp4\n', unlabelled=True)
    with pytest.raises(ValueError, match='line 1: expected'):
        parse('a.mp4\n')


def test_any_number_of_labels():
    """What extraction and ``targets.py verify --list`` read."""
    assert parse('a.mp4 1 3\nb.mp4\nclip 1 2\nmy video.mp4\nc.mp4,7\n', several=None) == [
        ('a.mp4', 1, 3),
        ('b.mp4',),
        ('clip 1', 2),
        ('my video.mp4',),
        ('c.mp4', 7),
    ]


def test_delimiter_of_the_host():
    assert parse('a,b.mp4,1\n', delimiter=',') == [('a,b.mp4', 1)]
    assert parse('a b.mp4\t1\n', delimiter='\t') == [('a b.mp4', 1)]
    assert parse('a.mp4|1| 3\n', delimiter='|', several=True) == [('a.mp4', 1, 3)]


@pytest.mark.parametrize(
    'line',
    [
        'label,youtube_id,time_start,time_end,split',
        'spaghetti,--abcdefgh,20,30,train',
        'spaghetti,--abcdefgh,20,30',
        'a.mp4 two',
        'a.mp4 1.0',
        '7',
    ],
)
def test_other_files_are_refused(line):
    with pytest.raises(
        ValueError, match='list.txt, line 1: expected "path label" with an integer label, got'
    ):
        parse(line + '\n')


@pytest.mark.parametrize(
    'content, message',
    [
        ('a.mp4 1\n'.encode('utf-16'), 'is text in UTF-16 or no text at all; save it as UTF-8'),
        ('a.mp4 1\n'.encode('utf-16-le'), 'is text in UTF-16'),
        ('a.mp4 1\nü.mp4 1\n'.encode('cp1252'), 'line 2: is not UTF-8'),
    ],
)
def test_other_encodings(content, message):
    with pytest.raises(ValueError, match=f'^list.txt[:,] {message}'):
        decode_text(content, 'list.txt')
