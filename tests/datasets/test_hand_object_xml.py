"""Reader of 100DOH's XML and lists."""

import numpy as np
import pytest

from egoexo_mm.datasets.annotations.hand_object_xml import read_hand_object_xml, read_stems
from tests.datasets.hand_object_files import CUP, FREE, HAND, xml


def read(tmp_path, text):
    path = tmp_path / 'boards_1.xml'
    path.write_text(text)
    return read_hand_object_xml(path)


def test_record(tmp_path):
    record = read(tmp_path, xml(HAND, FREE, CUP))
    assert (record.stem, record.size) == ('boards_1', (320, 240))
    np.testing.assert_array_equal(
        record.boxes, [[10, 10, 29, 29], [100, 10, 119, 29], [60, 10, 79, 29]]
    )
    np.testing.assert_array_equal(
        record.object_boxes, [[60, 10, 79, 29], [np.nan] * 4, [np.nan] * 4]
    )
    np.testing.assert_array_equal(record.directions, [[0.1, 0], [0, 0], [0, 0]])
    lists = {
        name: getattr(record, name).tolist()
        for name in (
            'labels',
            'difficult',
            'truncated',
            'states',
            'contact_right',
            'contact_left',
            'sides',
            'magnitudes',
        )
    }
    assert lists == dict(
        labels=[1, 1, 0],
        difficult=[False, False, True],
        truncated=[False, False, True],
        states=[3, 0, 0],
        contact_right=[1, 0, 0],
        contact_left=[0, 0, 0],
        sides=[1, 0, 0],
        magnitudes=[50.0, 0.0, 0.0],
    )


def test_no_object_and_no_size(tmp_path):
    record = read(tmp_path, xml(size=None))
    assert record.size is None and record.boxes.shape == (0, 4) and record.labels.shape == (0,)
    assert read(tmp_path, xml(CUP, size=(0, 0))).size is None


def test_what_other_tools_write(tmp_path):
    """Decimals, spaces, capitals, and an object with nothing but name and box."""
    bare = dict(name=' TargetObject ', bndbox=(61.5, 11, 80, 30))
    record = read(
        tmp_path, xml({**HAND, 'handside': '1.0', 'contactstate': ' 3 ', 'objymax': 'None'}, bare)
    )
    assert (
        record.labels.tolist() == [1, 0]
        and record.sides.tolist() == [1, 0]
        and record.boxes[1, 0] == 60.5
    )
    assert np.isnan(record.object_boxes[0]).all()  # a box with a side unknown is none


@pytest.mark.parametrize(
    ('objects', 'message'),
    [
        ([{**HAND, 'name': 'foot'}], 'object 1: name is foot, expected hand or targetobject'),
        ([{**HAND, 'name': None}], 'object 1: name is missing, expected hand or targetobject'),
        ([CUP, {**HAND, 'contactstate': '5'}], 'object 2: contactstate is 5, expected 0 to 4'),
        ([CUP, {**HAND, 'contactstate': '-1'}], 'object 2: contactstate is -1, expected 0 to 4'),
        ([{**HAND, 'contactstate': '1.5'}], 'object 1: contactstate is 1.5, expected 0 to 4'),
        (
            [{**HAND, 'contactstate': 'portable'}],
            'object 1: contactstate is portable, expected a number',
        ),
        ([{**HAND, 'handside': '2'}], 'object 1: handside is 2, expected 0 to 1'),
        ([{**HAND, 'difficult': '7'}], 'object 1: difficult is 7, expected 0 to 1'),
        (
            [{**HAND, 'handside': None, 'unitdx': None}],
            'object 1: the hand lacks handside, unitdx, which may be empty but not',
        ),
        ([{**HAND, 'bndbox': None}], 'object 1: bndbox xmin is missing, expected a number'),
        (
            [{**HAND, 'bndbox': ('', 1, 2, 3)}],
            'object 1: bndbox xmin is missing, expected a number',
        ),
        (
            [{**HAND, 'bndbox': (30, 11, 11, 30)}],
            'object 1: bndbox xmin or the following put the end of a box before its start',
        ),
        (
            [{**HAND, 'objymax': '1'}],
            'object 1: objxmin or the following put the end of a box before its start',
        ),
        ([{**HAND, 'objxmin': 'left'}], 'object 1: objxmin is left, expected a number'),
        ([{**HAND, 'magnitude': 'nan'}], 'object 1: magnitude is nan, expected a number'),
        ([{**HAND, 'unitdy': 'inf'}], 'object 1: unitdy is inf, expected a number'),
    ],
)
def test_bad_object(objects, message, tmp_path):
    with pytest.raises(
        ValueError, match=f'^{tmp_path}/boards_1.xml: {message}.*; correct or remove the object$'
    ):
        read(tmp_path, xml(*objects))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'no XML, or cut off'),
        (xml(HAND)[:-20], 'no XML, or cut off'),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', 'no XML, or cut off'),
        (xml(HAND, size=('wide', 240)), 'size is wide x 240, expected width and height in pixels'),
    ],
)
def test_bad_file(text, message, tmp_path):
    with pytest.raises(ValueError, match=f'^{tmp_path}/boards_1.xml: {message}') as caught:
        read(tmp_path, text)
    assert '\n' not in str(caught.value)


def test_absent_file(tmp_path):
    with pytest.raises(
        ValueError,
        match=r'gone.xml: cannot be read \(No such file or directory\); get the annotations',
    ):
        read_hand_object_xml(tmp_path / 'gone.xml')


def test_stems(tmp_path):
    path = tmp_path / 'trainval.txt'
    path.write_text('boards_v_1_frame000015\r\nEK_0001 é\n\n', encoding='utf-8')
    assert read_stems(path) == ['boards_v_1_frame000015', 'EK_0001 é']


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'\n', 'lists no image; expected a file stem a line'),
        (b'a\nb\na\n', "lists 'a' twice; remove one of them"),
        (b'\xff\xfe\x00', 'cannot be read as a list of images'),
        (None, 'cannot be read as a list of images'),
    ],
)
def test_bad_list(content, message, tmp_path):
    path = tmp_path / 'trainval.txt'
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=f'^{path}: {message}'):
        read_stems(path)
