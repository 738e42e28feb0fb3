"""Pickles of six pandas versions (tests/data/epic_pickles, invented rows), read without pandas."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from egoexo_mm.datasets.annotations.arrow_strings import arrow_chunks, arrow_strings
from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle

PICKLES = Path(__file__).parents[1] / 'data' / 'epic_pickles'
IDS = ['P90_01_0', 'P90_01_1', 'P91_101_0']


@pytest.mark.parametrize(
    'path', sorted(PICKLES.glob('[ic][no][dl]*.pkl')), ids=lambda path: path.stem
)
def test_real_pickles(path):
    table = read_dataframe_pickle(path)
    if path.stem.startswith('index'):
        assert (table.index, table.index_name) == (IDS, 'narration_id')
    else:
        assert (table.index, table.index_name) == ([0, 1, 2], None) and table.columns.pop(
            'narration_id'
        ) == IDS
    assert list(table.columns) == [
        'participant_id',
        'video_id',
        'narration_timestamp',
        'start_timestamp',
        'stop_timestamp',
        'start_frame',
        'stop_frame',
        'narration',
        'verb',
        'verb_class',
        'noun',
        'noun_class',
        'all_nouns',
        'all_noun_classes',
    ]
    assert table.columns['start_frame'] == [1, 93, 25] and table.columns['stop_frame'] == [
        113,
        147,
        50,
    ]
    assert (
        table.columns['noun_class'] == [13, 13, 8] and type(table.columns['noun_class'][0]) is int
    )
    assert table.columns['narration'] == ['take cup', 'put down cup', 'open the drawer é']
    assert table.columns['all_nouns'] == [['cup'], ['cup'], ['drawer', 'cup']]


def test_nine_tables_are_shipped():
    assert len(list(PICKLES.glob('[ic][no][dl]*.pkl'))) == 9


def test_pandas_is_not_imported():
    code = (
        'import sys; sys.modules["pandas"] = None; '
        'from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle; '
        f'print(read_dataframe_pickle({str(PICKLES / "index_pandas2.2.3_protocol5.pkl")!r}).index)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip().endswith(str(IDS)), done.stderr


def test_other_kinds_of_columns_are_refused():
    path = PICKLES / 'category_pandas2.2.3_protocol4.pkl'
    with pytest.raises(
        ValueError,
        match=r'category.*asks for code that is not run \(.*ategorical.*\); give the csv',
    ):
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


@pytest.mark.parametrize(
    'content, reason',
    [
        (b'', 'Ran out of input'),
        ((PICKLES / 'index_pandas2.2.3_protocol5.pkl').read_bytes()[:700], 'truncated'),
        (pickle.dumps({'a': np.arange(3)}), 'it holds a dict'),
        (pickle.dumps([1, 2]), 'it holds a list'),
        (b'narration_id,video_id\n', 'Error'),
    ],
)
def test_other_content(tmp_path, content, reason):
    path = tmp_path / 'x.pkl'
    path.write_bytes(content)
    with pytest.raises(
        ValueError,
        match=rf'x\.pkl: not a pickle of a plain pandas DataFrame.*({reason}).*; give the csv',
    ):
        read_dataframe_pickle(path)


def test_attributes_of_the_stand_ins_cannot_be_set(tmp_path):
    """BUILD on the admitted class itself: it would change the class for every later file."""
    path = tmp_path / 'x.pkl'
    path.write_bytes(
        b'\x80\x04\x8c\x11pandas.core.frame\x8c\x09DataFrame\x93N}\x8c\x01x\x8c\x01ys\x86b.'
    )
    with pytest.raises(ValueError, match='a state for <type>'):
        read_dataframe_pickle(path)
    assert read_dataframe_pickle(PICKLES / 'index_pandas2.2.3_protocol5.pkl').index == IDS


def arrow(offsets, content, valid=None, first=0, length=None, kind='large_string'):
    """Arguments of pyarrow's ``_restore_array``."""
    length = len(offsets) - 1 - first if length is None else length
    width = {'large_string': '<i8', 'string': '<i4'}[kind]
    return kind, length, -1, first, [valid, np.array(offsets, width).tobytes(), content], [], None


def test_arrow_strings():
    """Texts of pandas 3 with pyarrow: bit i of the bitmap says whether entry i has a value."""
    assert arrow_strings(arrow([0, 1, 3, 3], 'aü'.encode())) == ['a', 'ü', '']
    assert arrow_strings(arrow([0, 1, 3, 3], 'aü'.encode(), kind='string')) == ['a', 'ü', '']
    assert arrow_strings(arrow([0, 1, 3, 3], 'aü'.encode(), valid=bytes([0b101]))) == [
        'a',
        None,
        '',
    ]
    assert arrow_strings(arrow([0, 1, 3, 3], 'aü'.encode(), valid=bytes([0b101]), first=1)) == [
        None,
        '',
    ]  # a slice
    assert arrow_strings(arrow([0], b'')) == [] and arrow_chunks([['a'], ['b', None]]) == [
        'a',
        'b',
        None,
    ]


@pytest.mark.parametrize(
    'parts',
    [
        arrow([0, 9], b'abc'),
        arrow([2, 1], b'abc'),
        arrow([-1, 1], b'abc'),
        arrow([0, 1], b'abc', length=10**12),
        arrow([0, 1], b'abc', length=-1),
        arrow([0, 1], b'\xff'),
        ('int64', *arrow([0, 1], b'a')[1:]),
    ],
)
def test_forged_arrow_strings(parts):
    with pytest.raises((ValueError, KeyError)):
        arrow_strings(parts)


@pytest.mark.parametrize('name', ['read_ipc_stream', 'UnionArray', 'foreign_buffer'])
def test_other_names_of_pyarrow_are_refused(tmp_path, name):
    (tmp_path / 'a.pkl').write_bytes(b'cpyarrow.lib\n' + name.encode() + b'\n(tR.')
    with pytest.raises(ValueError, match=f'asks for code that is not run .*{name}.*; give the csv'):
        read_dataframe_pickle(tmp_path / 'a.pkl')
