"""Class names, class ids and participants from files."""

import pickle
import re
from pathlib import Path

import pytest

from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle
from egoexo_mm.evaluation.class_lists import read_class_ids, read_class_names, read_column

PICKLES = Path(__file__).parents[1] / 'data/epic_pickles'


def write(tmp_path, text, name='list.csv'):
    (tmp_path / name).write_text(text, encoding='utf-8')
    return str(tmp_path / name)


def test_columns(tmp_path):
    path = write(
        tmp_path, '\ufeffparticipant_id,x\nP18,1\n P32 ,2\n'
    )  # a byte order mark, as spreadsheets write it
    assert read_column(path, 'participant_id') == ['P18', 'P32']
    assert read_class_ids(path, 'x') == [1, 2]
    assert read_class_ids([3, 4], 'verb') == [3, 4]


@pytest.mark.parametrize(
    'name',
    [
        'index_pandas1.5.3_protocol2.pkl',
        'column_pandas2.2.3_protocol4.pkl',
        'index_pandas3.1.1arrow_protocol5.pkl',
    ],
)
def test_official_pickle(tmp_path, name):
    """``narration_id`` is the index or a column; other columns become text."""
    table = read_dataframe_pickle(PICKLES / name)
    (tmp_path / 'EPIC_100_test.PKL').write_bytes((PICKLES / name).read_bytes())
    ids = read_column(tmp_path / 'EPIC_100_test.PKL', 'narration_id')
    assert ids == list(table.columns.get('narration_id', table.index)) and len(ids) > 1
    assert read_column(PICKLES / name, 'start_frame') == [
        str(value) for value in table.columns['start_frame']
    ]
    with pytest.raises(
        ValueError, match=f"{re.escape(name)}: expected a column 'nothing', found .*video_id"
    ):
        read_column(PICKLES / name, 'nothing')


def test_pickle_of_something_else(tmp_path):
    (tmp_path / 'a.pkl').write_bytes(pickle.dumps(dict(a=1)))
    with pytest.raises(
        ValueError, match='a.pkl: not a pickle of a plain pandas DataFrame.*give the csv'
    ):
        read_column(tmp_path / 'a.pkl', 'narration_id')


@pytest.mark.parametrize(
    'text',
    [
        '\ufeffverb,x\r\n3,1\r\n\r\n 4 ,1\r\n',
        'verb\tx\n3\t1\n4\t1\n',
        'verb;x\n3;1\n4;1\n',
        'verb, x\n  3, 1\n4 ,1\n',
    ],
)
def test_csv_as_people_save_it(tmp_path, text):
    (tmp_path / 'a.csv').write_bytes(text.encode())
    assert read_class_ids(tmp_path / 'a.csv', 'verb') == [3, 4] and read_class_ids(
        tmp_path / 'a.csv', 'x'
    ) == [1, 1]


def test_utf_16_is_refused(tmp_path):
    (tmp_path / 'a.csv').write_bytes('verb\n3\n'.encode('utf-16'))
    with pytest.raises(ValueError, match='a.csv: is text in UTF-16 .*save it as UTF-8'):
        read_class_ids(tmp_path / 'a.csv', 'verb')


def test_class_names(tmp_path):
    assert read_class_names(['a', 'b']) == {0: 'a', 1: 'b'}
    assert read_class_names(
        write(tmp_path, "id,key,instances,category\n1,put,\"['a', 'b']\",x\n0,take,[],y\n")
    ) == {1: 'put', 0: 'take'}
    assert read_class_names(write(tmp_path, 'verb_id,class_key,verbs\n0,take,[]\n')) == {0: 'take'}
    assert read_class_names(
        write(tmp_path, 'c000 Holding\nc001 Opening a door\n', 'names.txt')
    ) == {0: 'Holding', 1: 'Opening a door'}


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'list.csv: no rows; expected a csv file with a header'),
        ('verb\n', 'list.csv: no rows'),
        ('noun,x\n3,1\n', "list.csv: expected a column 'verb', found noun, x"),
        ('verb,x\n3,1\n,2\n', "list.csv, line 3: column 'verb' is empty"),
        ('verb\n3\ntake\n', r"list.csv: expected class ids \(0, 1, ...\), got 'take'"),
    ],
)
def test_bad_files(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_class_ids(write(tmp_path, text), 'verb')


def test_unknown_class_file(tmp_path):
    with pytest.raises(
        ValueError, match='list.csv: expected columns id/key or .*, found number, name'
    ):
        read_class_names(write(tmp_path, 'number,name\n0,a\n'))
    with pytest.raises(
        ValueError,
        match=r'gone.csv: cannot be read \(No such file or directory\); give an existing file',
    ):
        read_class_names('gone.csv')
