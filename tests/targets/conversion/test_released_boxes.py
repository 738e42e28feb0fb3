"""The box files as the released loader reads them: per frame a pair (objects, hands)."""

import json
import os
import pickle
import shutil

import cv2
import numpy as np
import pytest

from egoexo_mm.targets import HAND, OBJECT, TargetStore, TargetStoreError
from egoexo_mm.targets.conversion.frame_sizes import (
    FrameSize,
    sizes_from_csv,
    sizes_from_frames,
    sizes_from_videos,
)
from egoexo_mm.targets.conversion.released_boxes import convert_boxes, read_boxes
from tests.hosts import with_pyav
from tests.media import write_video

SIZE = FrameSize(400, 200)
# x1, y1, x2, y2, score, state, magnitude, dx, dy, side
HAND_ROW = [100, 50, 200, 100, 0.75, 3, 0.01, 0.5, -0.5, 1]
OBJECT_ROW = [300, 100, 400, 200, 0.5, 4, 0.02, 0.1, 0.1, 1]


def rows(*values, dtype=np.float32, width=10):
    return np.array(values, dtype=dtype)[:, :width]


def frames(*pairs):
    array = np.empty((len(pairs), 2), dtype=object)
    for i, pair in enumerate(pairs):
        array[i, 0], array[i, 1] = pair
    return array


def pairs_in_1d(*pairs):
    array = np.empty(len(pairs), dtype=object)
    for i, pair in enumerate(pairs):
        array[i] = pair
    return array


def save(folder, name, data):
    folder.mkdir(exist_ok=True)
    np.save(folder / f'{name}.npy', data, allow_pickle=True)
    return folder / f'{name}.npy'


def convert(folder, out, **changes):
    return convert_boxes(folder, out, lambda video_id: SIZE, **changes)


PAIRS = [
    (rows(OBJECT_ROW), rows(HAND_ROW)),
    (None, rows(HAND_ROW, HAND_ROW)),
    (None, None),
    (rows(OBJECT_ROW), np.zeros((0, 10), np.float32)),
]


@pytest.mark.parametrize('container', [frames, pairs_in_1d], ids=['(F, 2)', '(F,)'])
def test_object_first_and_all_columns(tmp_path, container):
    save(tmp_path / 'in', 'vid', container(*PAIRS))
    assert convert(tmp_path / 'in', tmp_path / 'out', fps=30.0) == (1, 0, 0)
    store = TargetStore(tmp_path / 'out')
    assert store.info('vid') == (4, 30.0, 400, 200, 1)
    found = store.detections('vid', [0, 1, 2, 3])
    assert found.slot.tolist() == [0, 0, 1, 1, 3]
    assert found.kind.tolist() == [OBJECT, HAND, HAND, HAND, OBJECT]
    hand, thing = [0.25, 0.25, 0.5, 0.5], [0.75, 0.5, 1, 1]
    assert found.box.tolist() == [thing, hand, hand, hand, thing]
    assert found.score.tolist() == [0.5, 0.75, 0.75, 0.75, 0.5]
    assert found.contact.tolist() == [-1, 3, 3, 3, -1]  # those of objects are untrained
    assert found.side.tolist() == [-1, 1, 1, 1, -1]
    # 10000 * 0.01 * (0.5, -0.5) = (50, -50) pixels of (400, 200)
    assert found.offset[1].tolist() == [0.125, -0.25]
    assert np.isnan(found.offset[0]).all()


def expected_of_numeric(tmp_path, path):
    columns = read_boxes(path, SIZE)
    assert columns['frame'].tolist() == [0, 0, 1, 1] and columns['num_frames'] == 2
    assert columns['kind'].tolist() == [OBJECT, HAND] * 2
    assert columns['box'][1].tolist() == [0.25, 0.25, 0.5, 0.5]


@pytest.mark.parametrize('dtype', [np.float32, np.float64, object])
@pytest.mark.parametrize('width', [6, 10])
def test_plain_array_when_all_counts_agree(tmp_path, dtype, width):
    data = np.array([[[OBJECT_ROW[:width]], [HAND_ROW[:width]]]] * 2, dtype=dtype)
    assert data.shape == (2, 2, 1, width)
    expected_of_numeric(tmp_path, save(tmp_path, 'v', data))


@pytest.mark.parametrize('protocol', [2, 4, 5])
@pytest.mark.parametrize(
    'wrap',
    [
        lambda p: list(p),
        lambda p: [list(x) for x in p],
        lambda p: tuple(p),
        lambda p: [pairs_in_1d(*x) for x in p],
    ],
)
def test_pickled_list_of_pairs(tmp_path, wrap, protocol):
    pairs = wrap([(rows(OBJECT_ROW), rows(HAND_ROW))] * 2)
    (tmp_path / 'v.npy').write_bytes(pickle.dumps(pairs, protocol))
    expected_of_numeric(tmp_path, tmp_path / 'v.npy')


def test_lists_of_numbers_and_a_wrapped_list(tmp_path):
    data = np.empty((), dtype=object)
    data[()] = [([OBJECT_ROW], [HAND_ROW])] * 2
    expected_of_numeric(tmp_path, save(tmp_path, 'v', data))


@pytest.mark.parametrize('width', [6, 7, 9, 11])
def test_other_widths_leave_the_rest_unknown(tmp_path, width):
    row = (HAND_ROW + [0])[:width]
    columns = read_boxes(save(tmp_path, 'v', frames((None, rows(row, width=width)))), SIZE)
    assert columns['box'].tolist() == [[0.25, 0.25, 0.5, 0.5]] and columns['score'].tolist() == [
        0.75
    ]
    assert columns['side'].tolist() == columns['contact'].tolist() == [-1]
    assert np.isnan(columns['offset']).all()


def test_video_without_any_box(tmp_path):
    save(tmp_path / 'in', 'v', frames((None, None), (None, None)))
    convert(tmp_path / 'in', tmp_path / 'out')
    store = TargetStore(tmp_path / 'out')
    assert store.info('v').num_frames == 2 and len(store.detections('v', [0, 1])) == 0


@pytest.mark.parametrize(
    'data, message',
    [
        (
            frames((None, rows([0, 0, 402, 100, 0.5, 0]))),
            r'v.npy frame 0: x2 is 402, outside a frame of 400x200; give the frame size at which',
        ),
        (
            frames((None, None), (rows([0, -1.5, 9, 9, 0.5, 0]), None)),
            'v.npy frame 1: y1 is -1.5, outs',
        ),
        (frames((None, rows([0, 0, np.nan, 9, 0.5, 0]))), 'x2 is nan, outside'),
        (frames((None, rows([9, 0, 5, 9, 0.5, 0]))), r'v.npy: box .* has x2 < x1'),
        (
            frames((None, rows([0, 0, 5, 9, 55, 0]))),
            r'v.npy: score 55.0 is not a number in \[0, 1\]',
        ),
        (
            frames((None, rows(HAND_ROW[:5]))),
            r'at least 6 columns .* found an array of shape \(1, 5\)',
        ),
        (
            frames((None, np.float32(HAND_ROW))),
            r'v.npy frame 0: .* found an array of shape \(10,\)',
        ),
        (
            frames((None, 'box')),
            'frame 0: expected None or rows of at least 6 columns .* found str',
        ),
        (
            frames((None, rows(HAND_ROW[:5] + [7] + HAND_ROW[6:]))),
            'column 5 is not a contact state',
        ),
        (frames((None, rows(HAND_ROW[:9] + [0.3]))), 'or column 9 not a side 0/1'),
        (pairs_in_1d((None, None, None), (None, None)), 'frame 0: expected a pair .* of length 3'),
        (
            pairs_in_1d(None, (None, None)),
            r'frame 0: expected a pair \(objects, hands\), found NoneTy',
        ),
        (np.zeros((3, 10)), r'frame 0: expected a pair .* found an array of shape \(10,\)'),
        (np.zeros(0), 'holds no frames'),
        (np.array(None), 'expected one .objects, hands. pair per frame, found NoneType'),
    ],
)
def test_bad_files(tmp_path, data, message):
    with pytest.raises(TargetStoreError, match=message):
        read_boxes(save(tmp_path, 'v', data), SIZE)


def test_one_pixel_over_the_border_is_clipped(tmp_path):
    path = save(tmp_path, 'v', frames((None, rows([-1, -1, 401, 201, 0.5, 0]))))
    assert read_boxes(path, SIZE)['box'].tolist() == [[0, 0, 1, 1]]


def test_already_normalised(tmp_path):
    for name in 'ab':
        save(tmp_path / 'in', name, frames((None, rows([0.1, 0.2, 0.3, 1.005, 0.5, 0]))))
    save(tmp_path / 'in', 'c', frames((None, None)))
    with pytest.raises(TargetStoreError, match='none of the 2 boxes exceeds 1, they look normalis'):
        convert(tmp_path / 'in', tmp_path / 'out')
    assert os.listdir(tmp_path) == ['in']
    save(tmp_path / 'in', 'd', frames((None, rows([1, 2, 30, 40, 0.5, 0]))))
    assert convert(tmp_path / 'in', tmp_path / 'out').written == 4


def test_no_files(tmp_path):
    with pytest.raises(TargetStoreError, match='nowhere: no .npy files; give the folder'):
        convert(tmp_path / 'nowhere', tmp_path / 'out')


@pytest.mark.parametrize('x2, y2, warns', [(239, 119, True), (260, 20, False), (30, 130, False)])
def test_warning_when_no_box_reaches_far(tmp_path, capsys, x2, y2, warns):
    save(tmp_path / 'in', 'v', frames((None, rows([0, 0, x2, y2, 0.5, 0]))))
    convert(tmp_path / 'in', tmp_path / 'out')
    message = (
        'no box reaches beyond 60% of the frame width and 60% of its height; the frame size '
        'given may be too large'
    )
    assert (message in capsys.readouterr().err) == warns


def bad_folder(tmp_path):
    for name in 'abcde':
        save(tmp_path / 'in', name, frames((None, rows(HAND_ROW))))
    (tmp_path / 'in/d.npy').write_bytes((tmp_path / 'in/a.npy').read_bytes()[:-20])
    return tmp_path / 'in'


def test_bad_file_stops_and_a_second_run_continues(tmp_path):
    folder = bad_folder(tmp_path)
    with pytest.raises(TargetStoreError, match=r'd.npy: truncated or not a pickle'):
        convert(folder, tmp_path / 'out', rows_per_shard=2)
    assert TargetStore(tmp_path / 'out').video_ids == ['a', 'b', 'c']
    save(folder, 'd', frames((None, rows(HAND_ROW))))
    assert convert(folder, tmp_path / 'out', rows_per_shard=2) == (2, 3, 0)
    assert TargetStore(tmp_path / 'out').video_ids == list('abcde')


def test_skip_bad(tmp_path):
    folder = bad_folder(tmp_path)
    for again in range(2):
        report = convert(folder, tmp_path / 'out', skip_bad=True)
        assert report == ((0, 4, 1) if again else (4, 0, 1))
        lines = (tmp_path / 'out/failed.jsonl').read_text().splitlines()
        assert [json.loads(line)['video_id'] for line in lines] == ['d']  # listed once
        assert 'd.npy: truncated' in lines[0]
    assert TargetStore(tmp_path / 'out').video_ids == list('abce')


def test_resuming_with_another_frame_size_is_refused(tmp_path):
    folder = bad_folder(tmp_path)
    convert(folder, tmp_path / 'out', frame_size=(400, 200), skip_bad=True)
    with pytest.raises(TargetStoreError, match=r'frame_size is \(400, 200\), not \(800, 400\)'):
        convert(folder, tmp_path / 'out', frame_size=(800, 400), skip_bad=True)


def test_sizes_from_csv(tmp_path):
    path = tmp_path / 'sizes.csv'
    path.write_text('video_id,width,height,fps,num_frames\na,400,200,29.97,5\nb,10,20,,\n')
    size_of = sizes_from_csv(path)
    assert size_of('a') == (400, 200, 29.97, 5) and size_of('b') == (10, 20, 0, 0)
    with pytest.raises(TargetStoreError, match="sizes.csv: no line for video 'c'; add its frame"):
        size_of('c')
    save(tmp_path / 'in', 'a', frames((None, rows(HAND_ROW)), (None, None)))
    convert_boxes(tmp_path / 'in', tmp_path / 'out', size_of, fps=25.0)
    assert TargetStore(tmp_path / 'out').info('a') == (5, 29.97, 400, 200, 1)


@pytest.mark.parametrize(
    'text, message',
    [
        (
            'a,400,200\n',
            r"sizes.csv: header is \['a', '400', '200'\]; expected video_id,width,height",
        ),
        ('', r'header is \[\]; expected'),
        ('video_id,width,height\na,4\n', r"sizes.csv line 2: width and height must be .*'a', '4'"),
        ('video_id,width,height\na,4,4\nb,0,4\n', 'sizes.csv line 3: width and height must be'),
        ('video_id,width,height,fps\na,4,4,fast\n', 'sizes.csv line 2'),
    ],
)
def test_bad_csv(tmp_path, text, message):
    (tmp_path / 'sizes.csv').write_text(text)
    with pytest.raises(TargetStoreError, match=message):
        sizes_from_csv(tmp_path / 'sizes.csv')


def black_video(path, width, height):
    write_video(path, np.zeros((3, height, width, 3), np.uint8), fps=25)


@pytest.mark.skipif(not shutil.which('ffmpeg'), reason='ffmpeg is not installed')
@pytest.mark.parametrize(
    'kind, size',
    [
        ('turned_90', (96, 64)),
        ('cover_first', (96, 64)),
        ('vp9_live', (96, 64)),
        ('wmv2_wmv', (96, 64)),
        pytest.param('av1_mp4', (96, 64), marks=with_pyav),
        ('grows_ts', (96, 64)),
    ],
)
def test_sizes_from_videos_of_any_kind(tmp_path, kind, size):
    """As a player shows them: turned, no cover picture, the first size, no ``._`` files."""
    from tests.video.kinds import KINDS

    (tmp_path / 'root').mkdir()
    KINDS[kind].make(tmp_path / f'v{KINDS[kind].suffix}')
    name = f'v{KINDS[kind].suffix.upper()}'
    (tmp_path / f'v{KINDS[kind].suffix}').rename(tmp_path / 'root' / name)
    (tmp_path / 'root' / f'._{name}').write_bytes(b'Mac OS X')
    found = sizes_from_videos(tmp_path / 'root', 128)('v')
    assert found[:2] == (2 * size[0], 2 * size[1]) and found.fps == pytest.approx(25, rel=0.05)


def test_sizes_as_people_save_them(tmp_path):
    (tmp_path / 'sizes.csv').write_bytes(
        '\ufeffvideo_id;width;height\r\n a ; 400;200\r\n\r\n'.encode()
    )
    assert sizes_from_csv(tmp_path / 'sizes.csv')('a') == (400, 200, 0.0, 0)
    (tmp_path / 'sizes.csv').write_bytes('video_id,width,height\na,4,4\n'.encode('utf-16'))
    with pytest.raises(TargetStoreError, match='sizes.csv: is text in UTF-16 .*save it as UTF-8'):
        sizes_from_csv(tmp_path / 'sizes.csv')


def test_two_sizes_of_one_video(tmp_path):
    rows = 'video_id,width,height\na,640,480\nb,64,48\na,640,480\na,1280,720\n'
    (tmp_path / 'sizes.csv').write_text(rows)
    with pytest.raises(TargetStoreError, match="csv line 5: another size of video 'a' than in a l"):
        sizes_from_csv(tmp_path / 'sizes.csv')


def test_sizes_from_videos(tmp_path):
    black_video(tmp_path / 'root/v.mp4', 128, 72)
    black_video(tmp_path / 'root/high.mp4', 72, 128)
    (tmp_path / 'root/broken.mp4').write_bytes(b'no video')
    size_of = sizes_from_videos(tmp_path / 'root', 288)
    assert size_of('v') == (512, 288, 25.0, 0) and size_of('high') == (288, 512, 25.0, 0)
    with pytest.raises(TargetStoreError, match=r'broken.mp4: does not open as a video \(.*\); rep'):
        size_of('broken')
    with pytest.raises(TargetStoreError, match="no video with file stem 'x'; add it"):
        size_of('x')
    (tmp_path / 'root/sub').mkdir()
    (tmp_path / 'root/sub/v.mp4').touch()
    with pytest.raises(TargetStoreError, match='share a file stem, so boxes cannot be matched'):
        sizes_from_videos(tmp_path / 'root', 288)
    with pytest.raises(TargetStoreError, match='nowhere: no such folder of videos'):
        sizes_from_videos(tmp_path / 'nowhere', 288)


def test_sizes_from_frames(tmp_path):
    for name, width in (('aEGO', 32), ('b', 24)):
        (tmp_path / 'rgb' / name).mkdir(parents=True)
        for number in (1, 2):
            picture = np.zeros((16, width, 3), np.uint8)
            cv2.imwrite(str(tmp_path / 'rgb' / name / f'{name}-{number:06}.jpg'), picture)
    size_of = sizes_from_frames(tmp_path / 'rgb')
    assert size_of('aEGO') == (32, 16, 0.0, 0) and size_of('b') == (24, 16, 0.0, 0)
    with pytest.raises(TargetStoreError, match=r"rgb.x.* expected the frames of video 'x' there"):
        size_of('x')
    (tmp_path / 'rgb/b/b-000001.jpg').write_bytes(b'cut')
    with pytest.raises(TargetStoreError, match=r"b-000001.jpg cannot be decoded; expected .* 'b'"):
        size_of('b')
    with pytest.raises(TargetStoreError, match='nowhere: no such folder of frames'):
        sizes_from_frames(tmp_path / 'nowhere')
