import os
from pathlib import Path

import pytest
from mmaction.registry import DATASETS
from mmengine.logging import MMLogger

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.charades_ego import count_frames, frame_labels

HEADER = 'original_vido_id video_id frame_id path labels\n'


@pytest.fixture
def logged(monkeypatch):
    """Warnings of MMEngine's logger, whose handlers write to a stream pytest does not see."""
    found = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', found.append)
    return found


def build(ann_file, **options):
    options = dict(dict(data_prefix=dict(img='root'), check_files=False), **options)
    return DATASETS.build(
        dict(type='CharadesEgoDataset', ann_file=str(ann_file), pipeline=[], **options)
    )


def write_list(path, labels, header=HEADER):
    """``labels``: video -> label field of each frame."""
    lines = [
        f'{name} {i} {k} {name}/{name}-{k + 1:06}.jpg {field}'
        for i, (name, fields) in enumerate(labels.items())
        for k, field in enumerate(fields)
    ]
    path.write_text(header + '\n'.join(lines) + '\n')
    return path


def write_csv(path, *rows, header='id,subject,actions,length,egocentric,charades_video'):
    path.write_text('\n'.join([header, *rows]) + '\n')
    return path


def write_frames(root, name, count, first=1):
    (root / name).mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (root / name / f'{name}-{number:06}.jpg').touch()


# ---- frame lists


def test_frame_list(tmp_path):
    path = write_list(
        tmp_path / 'a.csv', {'AB12CEGO': ['""', '"15,106"', '"106"'], 'AB12C': ['"3"']}
    )
    dataset = build(path)
    found = dataset[0]
    found.pop('sample_idx')
    assert len(dataset) == 1 and found == dict(
        frame_dir=os.path.join('root', 'AB12CEGO'),
        filename_tmpl='AB12CEGO-{:06}.jpg',
        video_id='AB12CEGO',
        total_frames=3,
        frame_labels=[[], [15, 106], [106]],
        start_index=1,
        modality='RGB',
    )
    assert [row['video_id'] for row in build(path, view='third')] == ['AB12C']
    assert [row['video_id'] for row in build(path, view='both')] == ['AB12CEGO', 'AB12C']
    with pytest.raises(ValueError, match="view must be 'first', 'third' or 'both', got 'ego'"):
        build(path, view='ego')


def test_video_id_is_the_name_up_to_the_last_dash(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text(HEADER + 'v-1EGO 0 0 deep/x/v-1EGO-00001.png "0"\n')
    found = build(path)[0]
    assert (found['video_id'], found['filename_tmpl']) == ('v-1EGO', 'v-1EGO-{:05}.png')
    assert found['frame_dir'] == os.path.join('root', 'deep/x')


@pytest.mark.parametrize(
    'line, message',
    [
        (
            'A 0 1 A/A-000002.jpg "157"',
            r'a\.csv, line 3: class 157 is unknown, expected classes from 0 to 156; correct or',
        ),
        ('A 0 1 A/A-000002.jpg', "line 3: got 'A 0 1 A/A-000002.jpg', expected five fields"),
        (
            'A 0 1 A/A-000002.jpg 15',
            'line 3: .*expected five fields, the last a double-quoted list of classes',
        ),
        ('A 0 1 A/A-000002.jpg "1,x"', 'line 3: .*expected five fields'),
        ('A 0 1 A/A000002.jpg "1"', "line 3: the path 'A/A000002.jpg' has no frame number"),
        (
            'A 0 1 A/A-000003.jpg "1"',
            r"line 3: the path '.*3\.jpg' breaks the numbering of A, expected root.A.A-000002\.jpg",
        ),
        ('A 0 1 B/A-000002.jpg "1"', 'line 3: .*breaks the numbering of A'),
    ],
)
def test_bad_lines(tmp_path, line, message):
    path = tmp_path / 'a.csv'
    path.write_text(HEADER + 'A 0 0 A/A-000001.jpg "1"\n' + line + '\n')
    with pytest.raises(ValueError, match=message):
        build(path, view='both')


def test_frame_list_without_rows(tmp_path):
    with pytest.raises(ValueError, match=r'a\.csv: has no rows; expected one line a frame'):
        build(write_list(tmp_path / 'a.csv', {}))
    with pytest.raises(ValueError, match="a.csv: no video of the view 'first'"):
        build(write_list(tmp_path / 'a.csv', {'A': ['""']}))
    with pytest.raises(ValueError, match=r'no\.csv: no such annotation file; set ann_file'):
        build(tmp_path / 'no.csv')


def test_frame_folder_shorter_than_the_list(tmp_path):
    path = write_list(
        tmp_path / 'a.csv', {'AEGO': ['""'] * 3, 'BEGO': ['""'] * 3, 'CEGO': ['""'] * 3}
    )
    write_frames(tmp_path, 'AEGO', 3)
    write_frames(tmp_path, 'BEGO', 2)
    options = dict(data_prefix=dict(img=str(tmp_path)), check_files=True)
    with pytest.raises(
        ValueError,
        match=(
            r'2 of 3 rows have no usable media \(1 shorter than the annotation: '
            r'.*BEGO-000003\.jpg; 1 missing: .*CEGO\)'
        ),
    ):
        build(path, **options)
    assert [row['video_id'] for row in build(path, missing='drop', **options)] == ['AEGO']


# ---- the official csv


def test_frame_labels():
    """At 2 frames a second frames 0 to 9 lie at 0, 0.5, ... 4.5 s."""
    labels = frame_labels(
        [(7, 0.5, 1.5), (3, 1.0, 1.2), (9, 1.6, 1.9), (5, 6.0, 8.0), (7, 4.5, 99)], 10, 2
    )
    assert labels == [[], [7], [3, 7], [7, 9], [], [], [], [], [], [5, 7]]
    # 9 lies between two frames, 5 behind the last: neither is lost
    assert frame_labels([], 2, 24) == [[], []]
    # 0.14 * 50 is 7.000...1 and 0.58 * 50 is 28.999...
    found = frame_labels([(0, 0.14, 0.58)], 50, 50)
    assert [k for k, classes in enumerate(found) if classes] == list(range(7, 30))


def test_official_csv(tmp_path):
    path = write_csv(
        tmp_path / 'a.csv',
        'AEGO,S1,c092 1.00 2.00;c147 0.00 0.50,3.00,Yes,A',
        'A,S1,c000 0 1,2.50,No,',
        'BEGO,S1,,1.00,Yes,B',
    )
    dataset = build(path, fps=4)
    assert len(dataset) == 2
    found = dataset[0]
    assert (
        found['frame_dir'] == os.path.join('root', 'AEGO')
        and found['filename_tmpl'] == 'AEGO-{:06}.jpg'
    )
    assert (found['video_id'], found['total_frames'], found['start_index']) == ('AEGO', 12, 1)
    assert found['frame_labels'] == [[147]] * 3 + [[]] + [[92]] * 5 + [[]] * 3
    assert dataset[1]['frame_labels'] == [[]] * 4
    assert [row['video_id'] for row in build(path, view='third')] == ['A']
    assert [row['total_frames'] for row in build(path, view='both')] == [
        72,
        60,
        24,
    ]  # 24 frames a second


@pytest.mark.parametrize(
    'row, message',
    [
        (
            'AEGO,S1,c157 1 2,3,Yes,',
            r'a\.csv, line 3: class 157 is unknown, expected classes from 0 to 156',
        ),
        (
            'AEGO,S1,c1 1 2,3,Yes,',
            "line 3: the action 'c1 1 2' is unreadable, expected a class, start and end in seconds",
        ),
        ('AEGO,S1,c001 2 1,3,Yes,', "line 3: the action 'c001 2 1' ends before it starts"),
        ('AEGO,S1,c001 nan 1,3,Yes,', 'line 3: the action .* is unreadable'),
        ('AEGO,S1,c001 1 2,,Yes,', 'line 3: length has no value'),
        ('AEGO,S1,c001 1 2,3,yes,', "line 3: egocentric is 'yes', expected Yes or No"),
        (',S1,c001 1 2,3,Yes,', 'line 3: id has no value'),
        ('BEGO,S1,c001 1 2,3,Yes,', r"line 3: id 'BEGO' was already used \(.*a\.csv, line 2\)"),
    ],
)
def test_bad_rows(tmp_path, row, message):
    with pytest.raises(ValueError, match=message):
        build(write_csv(tmp_path / 'a.csv', 'BEGO,S1,,1.00,Yes,B', row))


def test_columns(tmp_path):
    path = write_csv(tmp_path / 'a.csv', 'AEGO,c001 1 2,Yes', header='id,labels,ego')
    message = 'lacks the columns actions, egocentric, length, while these are unknown: labels, ego;'
    with pytest.raises(ValueError, match=message):
        build(path)
    empty = tmp_path / 'empty.csv'
    empty.touch()
    with pytest.raises(ValueError, match=r'empty\.csv: is empty'):
        build(empty)


def test_folders_of_the_official_csv(tmp_path, logged):
    names = ('FITS', 'SHORT', 'GONE', 'GAPS')
    path = write_csv(tmp_path / 'a.csv', *[f'{name},S1,c001 0.00 9.00,1.00,Yes,' for name in names])
    write_frames(tmp_path, 'FITS', 23)
    write_frames(tmp_path, 'SHORT', 19)  # 0.8 s of 1
    write_frames(tmp_path, 'GAPS', 10)
    write_frames(tmp_path, 'GAPS', 10, first=14)
    options = dict(data_prefix=dict(img=str(tmp_path)), check_files=True)
    with pytest.raises(
        ValueError,
        match=(
            r'3 of 4 rows have no usable media \(1 shorter than the annotation: .*SHORT; '
            r'1 missing: .*GONE; 1 with gaps: .*GAPS\)'
        ),
    ):
        build(path, **options)
    logged.clear()
    dataset = build(path, missing='drop', **options)
    assert [(row['video_id'], row['total_frames']) for row in dataset] == [('FITS', 23)]
    assert dataset[0]['frame_labels'] == [[1]] * 23
    assert '3 of 4 rows have no usable media' in logged[-1] and logged[-1].endswith(
        '; dropped, 1 rows are left'
    )


def test_frame_rate_that_does_not_fit_is_told(tmp_path, logged):
    path = write_csv(tmp_path / 'a.csv', 'AEGO,S1,,1.00,Yes,')
    options = dict(data_prefix=dict(img=str(tmp_path)), check_files=True)
    write_frames(tmp_path, 'AEGO', 24)
    build(path, **options)
    assert not logged
    write_frames(tmp_path, 'AEGO', 30)
    build(path, **options)
    assert (
        len(logged) == 1
        and 'hold 30.0 frames a second of annotated length, not fps=24; set fps' in logged[0]
    )


def test_count_frames(tmp_path):
    write_frames(tmp_path, 'A', 3)
    (tmp_path / 'A' / 'notes.txt').touch()
    assert count_frames(str(tmp_path / 'A'), 'A-{:06}.jpg') == (3, None)
    assert count_frames(str(tmp_path / 'A'), 'A-{:06}.jpg', 0) == (
        0,
        'numbered from 1 (set start_index=1)',
    )
    assert count_frames(str(tmp_path / 'A'), 'B-{:06}.jpg') == (
        0,
        "with files named otherwise (set filename_tmpl='A-{:06}.jpg')",
    )
    assert count_frames(str(tmp_path / 'A'), 'A-{:04}.jpg', 1, 'A') == (
        0,
        "with files named otherwise (set filename_tmpl='{video_id}-{{:06}}.jpg')",
    )
    assert count_frames(str(tmp_path / 'B'), 'B-{:06}.jpg') == (0, 'missing')


def test_table_as_a_pickle(tmp_path):
    """What pandas makes of the csv: fields without value are NaN."""
    path = (
        Path(__file__).parents[1]
        / 'data'
        / 'epic_pickles'
        / 'charades_pandas3.1.1arrow_protocol5.pkl'
    )
    write_frames(tmp_path, 'AEGO', 48)
    write_frames(tmp_path, 'CEGO', 5)
    first, other = build(path, data_prefix=dict(img=str(tmp_path)), check_files=True)
    assert (
        first['total_frames'] == 48
        and first['frame_labels'][0] == [5]
        and first['frame_labels'][30] == [100]
    )
    assert other['video_id'] == 'CEGO' and other['frame_labels'] == [[]] * 5


def test_a_line_that_is_not_utf8_has_its_number(tmp_path):
    path = Path(write_list(tmp_path / 'a.csv', {'A': ['"1"'] * 4}))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'A', b'\xe9')
    path.write_bytes(b''.join(lines))
    with pytest.raises(ValueError, match=r'a.csv, line 4: is not UTF-8 text \(byte 0xe9\)'):
        build(str(path))
