"""Real pickles of five pandas versions (tests/data/epic_pickles, invented rows), read without pandas."""
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from egoexo_mm.datasets.dataframe_pickle import read_dataframe_pickle

PICKLES = Path(__file__).parents[1] / 'data' / 'epic_pickles'
IDS = ['P90_01_0', 'P90_01_1', 'P91_101_0']


@pytest.mark.parametrize('path', sorted(PICKLES.glob('[ic][no][dl]*.pkl')), ids=lambda path: path.stem)
def test_real_pickles(path):
    table = read_dataframe_pickle(path)
    if path.stem.startswith('index'):
        assert (table.index, table.index_name) == (IDS, 'narration_id')
    else:
        assert (table.index, table.index_name) == ([0, 1, 2], None) and table.columns.pop('narration_id') == IDS
    assert list(table.columns) == [
        'participant_id', 'video_id', 'narration_timestamp', 'start_timestamp', 'stop_timestamp', 'start_frame',
        'stop_frame', 'narration', 'verb', 'verb_class', 'noun', 'noun_class', 'all_nouns', 'all_noun_classes']
    assert table.columns['start_frame'] == [1, 93, 25] and table.columns['stop_frame'] == [113, 147, 50]
    assert table.columns['noun_class'] == [13, 13, 8] and type(table.columns['noun_class'][0]) is int
    assert table.columns['narration'] == ['take cup', 'put down cup', 'open the drawer é']
    assert table.columns['all_nouns'] == [['cup'], ['cup'], ['drawer', 'cup']]


def test_seven_tables_are_shipped():
    assert len(list(PICKLES.glob('[ic][no][dl]*.pkl'))) == 7


def test_pandas_is_not_imported():
    code = ('import sys; sys.modules["pandas"] = None; '
            'from egoexo_mm.datasets.dataframe_pickle import read_dataframe_pickle; '
            f'print(read_dataframe_pickle({str(PICKLES / "index_pandas2.2.3_protocol5.pkl")!r}).index)')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip().endswith(str(IDS)), done.stderr


def test_other_kinds_of_columns_are_refused():
    path = PICKLES / 'category_pandas2.2.3_protocol4.pkl'
    with pytest.raises(ValueError, match=r'category.*asks for code that is not run \(.*ategorical.*\); give the csv'):
        read_dataframe_pickle(path)


class Call:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('protocol', [0, 2, 5])
def test_code_is_not_run(tmp_path, protocol):
    marker, path = tmp_path / 'ran', tmp_path / 'x.pkl'
    path.write_bytes(pickle.dumps([Call(os.mkdir, str(marker))], protocol))
    with pytest.raises(ValueError, match=r'x\.pkl: .*posix\.mkdir.*; give the csv'):
        read_dataframe_pickle(path)
    assert not marker.exists()


def test_names_of_pandas_outside_the_list_are_refused(tmp_path):
    path = tmp_path / 'x.pkl'
    data = (PICKLES / 'index_pandas0.23.4_protocol4.pkl').read_bytes()
    assert b'\x8c\x09DataFrame' in data
    path.write_bytes(data.replace(b'\x8c\x09DataFrame', b'\x8c\x09read_json'))
    with pytest.raises(ValueError, match=r'pandas\.core\.frame\.read_json'):
        read_dataframe_pickle(path)


@pytest.mark.parametrize('content, reason', [
    (b'', 'Ran out of input'),
    ((PICKLES / 'index_pandas2.2.3_protocol5.pkl').read_bytes()[:700], 'truncated'),
    (pickle.dumps({'a': np.arange(3)}), 'it holds a dict'),
    (pickle.dumps([1, 2]), 'it holds a list'),
    (b'narration_id,video_id\n', 'Error'),
])
def test_other_content(tmp_path, content, reason):
    path = tmp_path / 'x.pkl'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf'x\.pkl: not a pickle of a plain pandas DataFrame.*({reason}).*; give the csv'):
        read_dataframe_pickle(path)


def test_attributes_of_the_stand_ins_cannot_be_set(tmp_path):
    """BUILD on the admitted class itself: it would change the class for every later file."""
    path = tmp_path / 'x.pkl'
    path.write_bytes(b'\x80\x04\x8c\x11pandas.core.frame\x8c\x09DataFrame\x93N}\x8c\x01x\x8c\x01ys\x86b.')
    with pytest.raises(ValueError, match='a state for <type>'):
        read_dataframe_pickle(path)
    assert read_dataframe_pickle(PICKLES / 'index_pandas2.2.3_protocol5.pkl').index == IDS
