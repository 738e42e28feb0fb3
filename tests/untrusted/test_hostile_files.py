"""Hostile files through every reader, each in a child process with limits of time and memory."""

import pickle
import shutil
import struct
import tempfile
from pathlib import Path

import hostile_checkpoints
import hostile_pickles
import numpy as np
import pytest
import sandbox

from egoexo_mm.checkpoints.reading import read_checkpoint, read_weights, weights_of
from egoexo_mm.compat import checkpoints
from egoexo_mm.datasets.annotations import read_table
from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle
from egoexo_mm.evaluation.dumps import read_dump
from egoexo_mm.targets.conversion.epic_boxes import read_epic_boxes
from egoexo_mm.targets.conversion.frame_sizes import FrameSize
from egoexo_mm.targets.conversion.numpy_files import load_npy, load_pickle
from egoexo_mm.targets.conversion.released_boxes import read_boxes
from egoexo_mm.targets.conversion.released_scores import convert_scores


@pytest.fixture(scope='module')
def folder():
    path = Path(tempfile.mkdtemp(dir='/dev/shm' if Path('/dev/shm').is_dir() else None))
    yield path
    shutil.rmtree(path)


def npy(data):
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n"
    return b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header + data


def from_file(folder, name, read, wrap=bytes):
    def reader(item):
        (folder / name).write_bytes(wrap(item[1]))
        return read(folder / name)

    return reader


PICKLE_READERS = {
    'pickle': ('x.pkl', load_pickle, bytes),
    'npy': ('x.npy', load_npy, bytes),
    'npy_header': ('h.npy', load_npy, npy),
    'boxes': ('b.npy', lambda path: read_boxes(path, FrameSize(10, 10)), bytes),
    'epic': ('P01_01.pkl', read_epic_boxes, bytes),
    'scores': (
        's.pkl',
        lambda path: convert_scores(
            path, path.with_suffix('.out'), signal='ego_score', score_kind='logits'
        ),
        bytes,
    ),
    'table': ('t.pkl', read_dataframe_pickle, bytes),
    'rows': ('r.pkl', lambda path: read_table(str(path), required=['a']), bytes),
    'dump': ('d.pkl', read_dump, bytes),
}
CHECKPOINT_READERS = {
    'converters': (
        'c.pth',
        lambda path: weights_of(read_checkpoint(path), 'state_dict', path),
        bytes,
    ),
    'teachers': ('t.pth', read_weights, bytes),
    'load_from': ('l.pth', lambda path: checkpoints.load(str(path), 'cpu'), bytes),
}


def assert_refused(cases, outcomes, longest=700):
    bad = [
        f'{name}: {outcome.kind} {outcome.text[:200]} {outcome.seconds} s, {outcome.megabytes} MB'
        for (name, _), outcome in zip(cases, outcomes)
        if outcome.kind != 'refused' or len(outcome.text) > longest or '\n' in outcome.text
    ]
    assert not bad, '\n'.join(bad)


@pytest.mark.parametrize('reader', PICKLE_READERS)
def test_hostile_pickles(folder, reader):
    name, read, wrap = PICKLE_READERS[reader]
    cases = list(hostile_pickles.hostile_pickles().items())
    assert_refused(cases, sandbox.run(from_file(folder, name, read, wrap), cases))


@pytest.mark.parametrize('reader', CHECKPOINT_READERS)
def test_hostile_checkpoints(folder, reader):
    name, read, _ = CHECKPOINT_READERS[reader]
    cases = [
        (key, data)
        for key, data in hostile_checkpoints.hostile_checkpoints().items()
        if reader == 'converters' or not key.startswith(('tar', 'raw')) and len(data) < 10**5
    ]
    outcomes = sandbox.run(
        from_file(folder, name, read), cases, refusals=(ValueError, pickle.UnpicklingError)
    )
    assert_refused(cases, outcomes)


def test_the_same_files_without_a_fault_are_read(folder):
    for name, data in hostile_checkpoints.good_checkpoints().items():
        (folder / name).write_bytes(data)
        assert (
            read_checkpoint(folder / name)['state_dict']['backbone.conv1.weight'].tolist()
            == [0] * 4
        )
    good = hostile_pickles.P4 + hostile_pickles.array(
        (2,), hostile_pickles.F8, hostile_pickles.raw(np.array([1.0, 2]).tobytes())
    )
    (folder / 'g.pkl').write_bytes(good + b'.')
    assert load_pickle(folder / 'g.pkl').tolist() == [1, 2]


def test_the_sandbox_sees_what_it_should():
    """A signal, a hang, too much memory and another exception are told apart; later inputs run."""
    import ctypes

    def reader(item):
        if item == 'signal':
            ctypes.string_at(0)
        if item == 'memory':
            return len(b'x' * (400 << 20))
        if item == 'error':
            raise KeyError('x')
        if item == 'refused':
            raise ValueError('y')
        return item

    kinds = ['accepted', 'signal', 'refused', 'memory', 'error', 'accepted']
    assert [outcome.kind for outcome in sandbox.run(reader, kinds)] == kinds


def test_arrays_are_copies_that_nobody_else_can_write(folder):
    values = np.arange(4.0)
    for protocol in range(6):
        (folder / 'c.pkl').write_bytes(pickle.dumps([values, values], protocol))
        one, other = load_pickle(folder / 'c.pkl')
        assert (
            one is other
            and one.flags.owndata | (one.base is not None and one.base.flags.owndata)
            and one.flags.writeable
        )
