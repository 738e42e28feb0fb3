"""Class names, class ids and participants from files."""
import pytest

from egoexo_mm.evaluation.class_lists import read_class_ids, read_class_names, read_column


def write(tmp_path, text, name='list.csv'):
    (tmp_path / name).write_text(text, encoding='utf-8')
    return str(tmp_path / name)


def test_columns(tmp_path):
    path = write(tmp_path, '\ufeffparticipant_id,x\nP18,1\n P32 ,2\n')  # a byte order mark, as spreadsheets write it
    assert read_column(path, 'participant_id') == ['P18', 'P32']
    assert read_class_ids(path, 'x') == [1, 2]
    assert read_class_ids([3, 4], 'verb') == [3, 4]


def test_class_names(tmp_path):
    assert read_class_names(['a', 'b']) == {0: 'a', 1: 'b'}
    assert read_class_names(write(tmp_path, 'id,key,instances,category\n1,put,"[\'a\', \'b\']",x\n0,take,[],y\n')) == {
        1: 'put', 0: 'take'}
    assert read_class_names(write(tmp_path, 'verb_id,class_key,verbs\n0,take,[]\n')) == {0: 'take'}
    assert read_class_names(write(tmp_path, 'c000 Holding\nc001 Opening a door\n', 'names.txt')) == {
        0: 'Holding', 1: 'Opening a door'}


@pytest.mark.parametrize(('text', 'message'), [
    ('', 'list.csv: no rows; expected a csv file with a header'),
    ('verb\n', 'list.csv: no rows'),
    ('noun,x\n3,1\n', "list.csv: expected a column 'verb', found noun, x"),
    ('verb,x\n3,1\n,2\n', "list.csv, line 3: column 'verb' is empty"),
    ('verb\n3\ntake\n', r"list.csv: expected class ids \(0, 1, ...\), got 'take'"),
])
def test_bad_files(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_class_ids(write(tmp_path, text), 'verb')


def test_unknown_class_file(tmp_path):
    with pytest.raises(ValueError, match='list.csv: expected columns id/key or .*, found number, name'):
        read_class_names(write(tmp_path, 'number,name\n0,a\n'))
    with pytest.raises(ValueError, match=r'gone.csv: cannot be read \(No such file or directory\); give an existing file'):
        read_class_names('gone.csv')
