import io
import pickle
import re
import struct

import numpy as np
import pytest

from egoexo_mm.targets import TargetStoreError
from egoexo_mm.targets.conversion.numpy_files import RestrictedUnpickler, load_npy, load_pickle

PROTOCOLS = range(6)


class Call:
    """Pickles as the call ``function(*args)``."""

    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def ragged(*items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array


def write(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize('protocol', PROTOCOLS)
@pytest.mark.parametrize(
    'value',
    [
        np.arange(6, dtype='<f4').reshape(2, 3),
        np.arange(6, dtype='>f8').reshape(2, 3).T,
        np.zeros((0, 10), np.float32),
        np.array([True, False]),
        np.array(['a', 'bc']),
        np.array([b'x', b'yz']),
        np.float32(1.5),
        np.int64(-3),
        np.bool_(True),
        np.array(2.5),
    ],
)
def test_numpy_values(tmp_path, protocol, value):
    data = pickle.dumps([value], protocol)
    found = load_pickle(write(tmp_path / 'x.pkl', data))[0]
    assert np.array_equal(found, value) and np.shape(found) == value.shape
    assert np.asarray(found).dtype == value.dtype.newbyteorder('=')


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_containers(tmp_path, protocol):
    value = {
        'a': [1, 2.5, None, True],
        (1, 'b'): {3, 4},
        'c': frozenset([b'', b'\xff', 'é']),
        'd': bytearray(b'ab'),
        'e': ragged(None, [np.ones((1, 6))]),
    }
    found = load_pickle(write(tmp_path / 'x.pkl', pickle.dumps(value, protocol)))
    nested = found.pop('e')
    del value['e']
    assert found == value
    assert nested.dtype == object and nested[0] is None and nested[1][0].tolist() == [[1.0] * 6]


@pytest.mark.parametrize('module', [b'numpy.core.', b'numpy._core.'])  # numpy 1 and 2
def test_names_of_numpy(tmp_path, module):
    data = pickle.dumps(np.float32([1, 2]), 2)
    renamed = re.sub(rb'numpy\._?core\.', module, data)
    assert module in renamed
    assert load_pickle(write(tmp_path / 'x.pkl', renamed)).tolist() == [1, 2]


def test_pickle_of_python_2(tmp_path):
    # pickle.dumps({'a': numpy.array([1, 2], '<i2')}, 0) under Python 2: str is bytes there
    data = (
        b"(dp0\nS'a'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n"
        b"(I0\ntp4\nS'b'\np5\ntp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'i2'\np10\nI0\n"
        b"I1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
        b"S'\\x01\\x00\\x02\\x00'\np15\ntp16\nbs."
    )
    found = load_pickle(write(tmp_path / 'x.pkl', data))
    assert list(found) == ['a'] and found['a'].tolist() == [1, 2] and found['a'].dtype == '<i2'


def evil_payloads(marker):
    import functools
    import os
    import subprocess

    return {
        'posix.system': Call(os.system, f'touch {marker}'),
        'builtins.eval': Call(eval, f'open({str(marker)!r}, "w")'),
        'builtins.exec': Call(exec, f'open({str(marker)!r}, "w")'),
        'builtins.getattr': Call(getattr, 'x', 'upper'),
        '(subprocess|commands).Popen': Call(subprocess.Popen, ['touch', str(marker)]),
        'functools.partial': Call(functools.partial, os.system, f'touch {marker}'),
        'numpy.load': Call(np.load, str(marker)),
        'numpy.memmap': Call(np.memmap, str(marker), 'u1', 'w+', 0, (1,)),
    }


@pytest.mark.parametrize('protocol', [0, 2, 4, 5])
@pytest.mark.parametrize('name', list(evil_payloads('x')))
def test_pickles_that_run_code_are_refused(tmp_path, name, protocol):
    marker = tmp_path / 'ran'
    payload = evil_payloads(marker)[name]
    asked = name.replace('builtins', '(builtins|__builtin__)').replace('.', r'\.')
    message = rf'{tmp_path}.*: refused, the pickle asks for {asked}, but only numpy arrays and'
    for value in (payload, {'a': [payload]}, ragged(None, payload)):
        with pytest.raises(TargetStoreError, match=message):
            load_pickle(write(tmp_path / 'x.pkl', pickle.dumps(value, protocol)))
    np.save(tmp_path / 'x.npy', ragged([None, ragged(payload)]), allow_pickle=True)
    with pytest.raises(TargetStoreError, match=r'x\.npy: refused, the pickle asks for'):
        load_npy(tmp_path / 'x.npy')
    with pytest.raises(TargetStoreError, match=r'raw\.npy: refused, the pickle asks for'):
        load_npy(write(tmp_path / 'raw.npy', pickle.dumps(payload, protocol)))
    assert not marker.exists()


def test_torch_tensors_are_refused_with_the_way_out(tmp_path):
    torch = pytest.importorskip('torch')
    path = write(tmp_path / 'x.pkl', pickle.dumps({'a': torch.zeros(2)}))
    with pytest.raises(
        TargetStoreError,
        match=r'asks for torch\._utils\._rebuild_tensor.*these are'
        r' torch tensors, save them as numpy arrays \(tensor.numpy\(\)\) instead',
    ):
        load_pickle(path)
    torch.save({'a': torch.zeros(2)}, path)
    with pytest.raises(TargetStoreError, match='a zip archive .torch.save or np.savez., not a pi'):
        load_pickle(path)


def test_encode_is_for_latin1_only(tmp_path):
    data = b'c_codecs\nencode\n(Vab\nVrot13\ntR.'
    with pytest.raises(TargetStoreError, match="asks for _codecs.encode to 'rot13'"):
        load_pickle(write(tmp_path / 'x.pkl', data))


def forged(shape, code, state, raw):
    """A pickle of an array with a free hand in its state."""

    def text(value):
        return pickle.dumps(value, 0)[:-1]  # without STOP

    return (
        b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR(I1\n'
        + text(shape)
        + b'cnumpy\ndtype\n(V'
        + code
        + b'\nI00\nI01\ntR'
        + text(state)
        + b'bI00\n'
        + text(raw)
        + b'tb.'
    )


PLAIN = (3, '<', None, None, None, -1, -1, 0)


@pytest.mark.parametrize(
    'shape, code, state, raw, message',
    [
        # eight bytes posing as a pointer to a Python object
        ((1,), b'O8', PLAIN, struct.pack('<Q', 1), 'whose dtype, shape and data do not match'),
        # a list shorter than the shape: numpy would read past its end
        ((9999,), b'O8', PLAIN, [1], 'whose dtype, shape and data do not match'),
        ((-1,), b'f4', PLAIN, b'', 'whose dtype, shape and data do not match'),
        # a field of type object inside bytes
        (
            (1,),
            b'V8',
            (3, '|', None, ('a',), {'a': ('O', 0)}, 8, 1, 16),
            b'x' * 8,
            "numpy dtype 'V8'",
        ),
        (
            (1,),
            b'f8',
            (3, '|', None, ('a',), {'a': ('O', 0)}, 8, 1, 16),
            b'x' * 8,
            'a structured or dated numpy dtype',
        ),
        ((1,), b'O,O', PLAIN, b'x' * 16, "numpy dtype 'O,O'"),
        ((1,), b'M8[s]', PLAIN, b'x' * 8, r"numpy dtype 'M8\[s\]'"),
    ],
)
def test_forged_arrays_are_refused(tmp_path, shape, code, state, raw, message):
    good = forged((2,), b'f4', PLAIN, np.float32([1, 2]).tobytes())
    assert load_pickle(write(tmp_path / 'x.pkl', good)).tolist() == [1, 2]
    with pytest.raises(TargetStoreError, match=message):
        load_pickle(write(tmp_path / 'x.pkl', forged(shape, code, state, raw)))


def test_ndarray_itself_cannot_be_called(tmp_path):
    data = b'cnumpy\nndarray\n((I1\ntVO\nVabcdefgh\ntR.'
    with pytest.raises(
        TargetStoreError, match=r'x\.pkl: refused, the pickle asks for a call of numpy\.ndarray'
    ):
        load_pickle(write(tmp_path / 'x.pkl', data))


def test_object_scalar_is_refused(tmp_path):
    data = b'cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(VO8\nI00\nI01\ntRVabcdefgh\ntR.'
    with pytest.raises(TargetStoreError, match=r'x\.pkl'):
        load_pickle(write(tmp_path / 'x.pkl', data))


@pytest.mark.parametrize(
    'data',
    [
        b'',
        b'hello',
        b'\x80\x04',
        pickle.dumps(np.ones(9))[:-9],
        pickle.dumps({'a': 'b'})[:-1],
        b'\x80\x63.',
        b'.',
    ],
)
def test_truncated_or_no_pickle(tmp_path, data):
    with pytest.raises(TargetStoreError, match=r'x\.pkl: truncated or not a pickle \(.*\); get or'):
        load_pickle(write(tmp_path / 'x.pkl', data))


def test_npy(tmp_path):
    path = tmp_path / 'x.npy'
    for value in (np.arange(12.0).reshape(2, 3, 2), np.zeros(0, np.int8)):
        np.save(path, value)
        assert np.array_equal(load_npy(path), value)
    np.save(path, ragged(None, np.ones((2, 6)), [None, None]), allow_pickle=True)
    found = load_npy(path)
    assert type(found) is np.ndarray and found[0] is None and found[1].shape == (2, 6)
    found = load_npy(write(path, pickle.dumps([1, 2])))  # np.load(allow_pickle=True) reads it too
    assert found == [1, 2]


@pytest.mark.parametrize('value', [np.arange(50.0), ragged(*[np.ones((2, 6))] * 5)])
@pytest.mark.parametrize('keep', [7, 40, 0.7, 0.99])
def test_truncated_npy(tmp_path, value, keep):
    np.save(tmp_path / 'x.npy', value, allow_pickle=True)
    data = (tmp_path / 'x.npy').read_bytes()
    write(tmp_path / 'x.npy', data[: keep if keep > 1 else int(keep * len(data))])
    with pytest.raises(TargetStoreError, match=r'x\.npy: truncated or not a (npy file|pickle)'):
        load_npy(tmp_path / 'x.npy')


def test_npy_header_that_lies(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, dict(descr='|O', fortran_order=False, shape=(3,)))
    with pytest.raises(TargetStoreError, match='the array inside is not what the npy header says'):
        load_npy(write(tmp_path / 'x.npy', buffer.getvalue() + pickle.dumps(ragged(1, 2))))


def test_structured_npy_with_objects(tmp_path):
    np.save(tmp_path / 'x.npy', np.zeros(1, [('a', 'O')]), allow_pickle=True)
    with pytest.raises(TargetStoreError, match=r'x\.npy'):
        load_npy(tmp_path / 'x.npy')


def test_unpickler_alone_raises_unpickling_error():
    with pytest.raises(pickle.UnpicklingError, match='eval'):
        RestrictedUnpickler(io.BytesIO(pickle.dumps(Call(eval, '1')))).load()
