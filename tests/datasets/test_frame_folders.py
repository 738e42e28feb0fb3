"""Frame folders unlike the settings: read, or refused with the setting that reads them."""

import re

import pytest
from mmaction.registry import DATASETS
from mmengine.logging import MMLogger

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.frame_folders import read_frame_folder
from tests.datasets.test_charades_ego import write_csv, write_list
from tests.datasets.test_epic_kitchens import write, write_frames


@pytest.fixture
def logged(monkeypatch):
    found = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', found.append)
    return found


def epic(root, *rows, **options):
    """Rows (start_frame, stop_frame) of one video over the folder P90/rgb_frames/P90_01."""
    path = write(
        root / 'a.csv',
        *(
            dict(narration_id=f'n{i}', start_frame=str(start), stop_frame=str(stop))
            for i, (start, stop) in enumerate(rows)
        ),
    )
    return DATASETS.build(
        dict(
            type='EpicKitchensDataset',
            ann_file=path,
            pipeline=[],
            data_prefix=dict(img=str(root)),
            **options,
        )
    )


def folder(root, *args, **options):
    write_frames(root / 'P90/rgb_frames/P90_01', *args, **options)


def lengths(dataset):
    return [(row['narration_id'], row['total_frames']) for row in dataset]


def test_segments_that_end_a_little_late_are_cut(tmp_path, logged):
    folder(tmp_path, 40)
    rows = [(1, 40), (30, 43), (37, 42), (33, 41), (38, 41)]
    # there are 14 - 3 = 11 of 14 frames, 4 of 6 (a third is missing: too much), 8 of 9, 3 of 4 (a
    # quarter: just allowed)
    with pytest.raises(
        ValueError,
        match=(
            r'a\.csv: 1 of 5 rows have no usable media \(1 shorter than the annotation: '
            r'.*frame_0000000042\.jpg\)'
        ),
    ):
        epic(tmp_path, *rows)
    found = epic(tmp_path, *rows, missing='drop')
    assert lengths(found) == [('n0', 40), ('n1', 11), ('n3', 8), ('n4', 3)]
    cut = [line for line in logged if 'cut' in line]
    assert (
        len(cut) == 2
        and '3 of 5 rows end up to 3 frames behind the last frame in their folder' in cut[0]
    )
    assert lengths(epic(tmp_path, *rows, max_cut=0.5)) == [
        ('n0', 40),
        ('n1', 11),
        ('n2', 4),
        ('n3', 8),
        ('n4', 3),
    ]
    with pytest.raises(ValueError, match='4 of 5 rows have no usable media'):
        epic(tmp_path, *rows, max_cut=0)


def test_a_half_missing_segment_is_refused(tmp_path):
    folder(tmp_path, 40)
    for options in (dict(), dict(test_mode=True), dict(missing='drop')):
        with pytest.raises(ValueError, match='1 of 1 rows have no usable media'):
            epic(tmp_path, (31, 50), **options)  # 10 of 20 frames
    with pytest.raises(ValueError, match='max_cut must be from 0 to 1, got 25'):
        epic(tmp_path, (1, 2), max_cut=25)


def test_no_row_of_a_test_split_is_dropped_for_its_length(tmp_path):
    folder(tmp_path, 40)
    found = epic(tmp_path, (1, 40), (31, 50), (40, 60), (41, 44), missing='drop', test_mode=True)
    assert lengths(found) == [('n0', 40), ('n1', 10), ('n2', 1)]  # of n3 there is no frame at all


def test_numbering_from_zero(tmp_path):
    folder(tmp_path, 20, first=0)
    for rows in ([(1, 20)], [(1, 19)], [(5, 9)]):  # the last two would be read one frame off
        with pytest.raises(
            ValueError,
            match=(r'1 numbered from 0 \(set start_index=0\): .*P90_01/frame_0000000000\.jpg'),
        ):
            epic(tmp_path, *rows)
    assert lengths(epic(tmp_path, (0, 19), (5, 9), start_index=0)) == [('n0', 20), ('n1', 5)]


def test_numbering_from_one_under_start_index_zero(tmp_path):
    folder(tmp_path, 20)
    with pytest.raises(
        ValueError, match=r'1 numbered from 1 \(set start_index=1\): .*frame_0000000001\.jpg'
    ):
        epic(tmp_path, (1, 20), start_index=0)


@pytest.mark.parametrize(
    'tmpl', ['frame_{}.jpg', 'frame_{:05}.jpg', 'img_{:05}.jpg', 'frame_{:010}.JPG', '{:06}.png']
)
def test_other_names(tmp_path, tmpl):
    folder(tmp_path, 12, tmpl=tmpl)
    (tmp_path / 'P90/rgb_frames/P90_01' / ('._' + tmpl.format(1))).touch()  # of macOS
    with pytest.raises(
        ValueError, match=re.escape(f"with files named otherwise (set filename_tmpl='{tmpl}')")
    ) as error:
        epic(tmp_path, (1, 12))
    setting = re.search(r"set filename_tmpl='(.*?)'", str(error.value))[1]
    assert lengths(epic(tmp_path, (1, 12), filename_tmpl=setting)) == [
        ('n0', 12)
    ]  # what was advised works


def test_frames_of_the_segments_alone(tmp_path):
    """Someone who extracted only annotated frames has no first frame, which is no error."""
    folder(tmp_path, 20, first=101)
    assert lengths(epic(tmp_path, (101, 120), (105, 110))) == [('n0', 20), ('n1', 6)]


def test_folder_without_frames(tmp_path):
    (tmp_path / 'P90/rgb_frames/P90_01').mkdir(parents=True)
    with pytest.raises(ValueError, match='1 without frames: .*P90_01'):
        epic(tmp_path, (1, 12))


def test_large_numbers_keep_their_padding(tmp_path):
    """%04d beyond 9999 has five digits."""
    for number in (1, 9999, 10000):
        (tmp_path / f'f_{number:04}.jpg').touch()
    assert read_frame_folder(str(tmp_path), 'f_{:04}.jpg', 1) == (
        [1, 9999, 10000],
        None,
        str(tmp_path),
    )
    assert (
        "filename_tmpl='f_{:04}.jpg'" in read_frame_folder(str(tmp_path), 'f_{:06}.jpg', 1).problem
    )


# ---- Charades-Ego


def charades(ann_file, root, **options):
    return DATASETS.build(
        dict(
            type='CharadesEgoDataset',
            ann_file=str(ann_file),
            pipeline=[],
            data_prefix=dict(img=str(root)),
            fps=10,
            **options,
        )
    )


def frames(root, name, numbers, tmpl='{}-{:06}.jpg'):
    (root / name).mkdir(exist_ok=True)
    for number in numbers:
        (root / name / tmpl.format(name, number)).touch()


def test_charades_csv(tmp_path):
    header = 'id,subject,actions,length,egocentric,charades_video'
    path = write_csv(tmp_path / 'a.csv', 'AEGO,x,c005 0.00 0.50,2,Yes,A', header=header)
    frames(tmp_path, 'AEGO', range(20))
    with pytest.raises(ValueError, match=r'1 numbered from 0 \(set start_index=0\)'):
        charades(path, tmp_path)
    found = charades(path, tmp_path, start_index=0)[0]
    assert (
        found['total_frames'] == 20
        and [len(labels) for labels in found['frame_labels']] == [1] * 6 + [0] * 14
    )
    frames(tmp_path, 'AEGO', range(1, 21), tmpl='{}-{}.jpg')
    for number in range(20):
        (tmp_path / 'AEGO' / f'AEGO-{number:06}.jpg').unlink()
    with pytest.raises(ValueError, match=re.escape("(set filename_tmpl='{video_id}-{{}}.jpg')")):
        charades(path, tmp_path)
    assert charades(path, tmp_path, filename_tmpl='{video_id}-{{}}.jpg')[0]['total_frames'] == 20


def test_charades_frame_list(tmp_path):
    path = write_list(tmp_path / 'a.csv', {'AEGO': ['"1"'] * 8 + ['"2"'] * 2})
    frames(tmp_path, 'AEGO', range(1, 9))
    found = charades(path, tmp_path)[0]
    assert (
        found['total_frames'] == 8 and found['frame_labels'] == [[1]] * 8
    )  # 2 of 10 frames are not there
    path.write_text(
        path.read_text().replace('-00000', '-').replace('-000010', '-10')
    )  # unpadded in the list
    with pytest.raises(ValueError, match='with files named otherwise than in the list'):
        charades(path, tmp_path)
    zero = tmp_path / 'b.csv'
    zero.write_text(
        'original_vido_id video_id frame_id path labels\nAEGO 0 0 AEGO/AEGO-000000.jpg ""\n'
    )
    with pytest.raises(
        ValueError, match=r'line 2: .* AEGO are numbered from 0, expected 1 \(set start_index=0\)'
    ):
        charades(zero, tmp_path)


@pytest.mark.parametrize(
    'encode',
    [
        lambda text: b'\xef\xbb\xbf' + text.encode(),
        lambda text: text.replace('\n', '\r\n').encode(),
        lambda text: text.replace(' ', '\t').encode(),
        lambda text: text.replace(' ', '  ').encode(),
    ],
)
def test_frame_lists_as_people_make_them(tmp_path, encode):
    path = write_list(tmp_path / 'a.csv', {'AEGO': ['"1"', '""']})
    path.write_bytes(encode(path.read_text()))
    assert charades(path, tmp_path, check_files=False)[0]['frame_labels'] == [[1], []]
    path.write_bytes(path.read_text().encode('utf-16'))
    with pytest.raises(ValueError, match='a.csv: is text in UTF-16'):
        charades(path, tmp_path)


# ---- csv


@pytest.mark.parametrize(
    'encode',
    [
        lambda text: b'\xef\xbb\xbf' + text.encode(),
        lambda text: text.replace('\n', '\r\n').encode(),
        lambda text: (text + ',' * 14 + '\n\n').encode(),
        lambda text: text.replace('narration_id,', ' narration_id ,').encode(),
    ],
)
def test_tables_as_people_make_them(tmp_path, encode):
    data = epic(tmp_path, (1, 5), check_files=False)
    text = open(data.ann_file, newline='').read()
    open(data.ann_file, 'wb').write(encode(text.replace('\r\n', '\n')))
    again = DATASETS.build(
        dict(type='EpicKitchensDataset', ann_file=data.ann_file, pipeline=[], check_files=False)
    )
    assert lengths(again) == [('n0', 5)] and again[0]['label'] == [0, 13]


@pytest.mark.parametrize('delimiter', [';', '\t'])
def test_other_delimiters(tmp_path, delimiter):
    path = tmp_path / 'mapping.csv'
    path.write_text(f'label_id{delimiter}step_name\n1{delimiter}b, c\n0{delimiter}a\n')
    from egoexo_mm.datasets.egoexo4d_keystep import read_label_mapping

    assert read_label_mapping(str(path)) == ['a', 'b, c']
