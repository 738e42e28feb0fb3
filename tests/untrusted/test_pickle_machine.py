"""Values come back as ``pickle.loads`` gives them, also at the limits of the reader."""

import pickle

import numpy as np
import pytest

from egoexo_mm.untrusted import quote, shorten
from egoexo_mm.untrusted.json_text import parse_json
from egoexo_mm.untrusted.pickle_parts import RefusedError
from egoexo_mm.untrusted.unpickler import RestrictedUnpickler


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize(
    'value',
    [
        [i / 7 for i in range(2500)],  # runs of floats are read 1000 at a time
        [0.5, 1, 0.25, 0.125, None, 2.5, float('inf'), -0.0],
        (1.5, 2.5),
        [float(i) for i in range(999)] + ['x'],
        [1.5],
        {i: [i, str(i)] for i in range(300)},  # memo entries beyond one byte
        [-1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**63, -(2**200)],
        nested(60),
        'é' * 300,
        b'\x00' * 300,
        [[]] * 3,
        {},
        [True, False, None, ()],
        {(1, 'a'): {2.5: frozenset({1})}},
    ],
)
def test_as_pickle_gives_them(protocol, value):
    assert RestrictedUnpickler(pickle.dumps(value, protocol)).load() == value


def test_shared_parts_stay_shared():
    part, array = [1.5], np.arange(3)
    one, two, three, four = RestrictedUnpickler(pickle.dumps([part, part, array, array])).load()
    assert one is two and three is four


def test_a_table_with_one_vector_for_many_videos():
    """Shared objects are bounded by the file; what files really share passes: 100 names of 1000."""
    zeros = np.zeros(1000, np.float32)
    assert len(RestrictedUnpickler(pickle.dumps({str(i): zeros for i in range(100)})).load()) == 100


def test_depth_ends_at_100():
    assert RestrictedUnpickler(pickle.dumps(nested(98))).load() == nested(98)
    with pytest.raises(RefusedError, match='nested deeper than 100'):
        RestrictedUnpickler(pickle.dumps(nested(101))).load()


def test_quotes_are_bounded():
    assert (
        quote('a\nb') == "'a\\nb'"
        and quote(3) == '3'
        and quote(1.5) == '1.5'
        and quote([1, 'x']) == "[1, 'x']"
    )
    assert quote(1 << 100_000) == '<an integer of 100001 bits>'
    assert quote(np.zeros((2, 3))) == '<ndarray of shape (2, 3)>' and quote(object()) == '<object>'
    for value in (
        'x' * 10**6,
        nested(98),
        list(range(10**6)),
        {i: 'y' * 1000 for i in range(1000)},
        b'z' * 10**6,
    ):
        assert len(quote(value)) <= 120
    assert shorten('a  b\nc\x00') == 'a b c\\x00' and len(shorten('x' * 10**7, 50)) == 50


@pytest.mark.parametrize(
    'text, message',
    [
        ('{"a": 1, "a": 2}', "key 'a' comes twice"),
        ('[' * 10**5, 'nested too deep'),
        ('[' * 200 + ']' * 200, 'deeper than 100'),
        ('[' + '9' * 5000 + ']', 'an integer of 5000 digits'),
        (b'\xff', 'not text in UTF-8'),
        ('{', 'line 1, column 2'),
    ],
)
def test_json_that_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        parse_json(text)


ARRAYS = [
    np.arange(3, dtype=np.float32) / 7,
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    np.arange(300, dtype='>i2'),
    np.ones((70_000,), np.uint8),  # a side and a length beyond two bytes
    np.zeros((0, 4)),
    np.ones(1, np.uint8),  # Python has one object for each single byte
    np.array(2.5),
    np.arange(4.0).reshape(1, 2, 1, 2),
    np.array(['a', 'bcé']),
    np.array([b'x', b'yz']),
    np.array([True, False]),
    np.array([None, 'x'], object),
]


@pytest.mark.parametrize('protocol', range(6))
def test_arrays_as_pickle_gives_them(protocol):
    value = [array.copy() for _ in range(30) for array in ARRAYS]  # memo entries beyond one byte
    value += [value[0], value[-1]]
    found = RestrictedUnpickler(pickle.dumps(value, protocol)).load()
    assert found[-2] is found[0] and found[-1] is found[len(value) - 3]
    for ours, theirs in zip(found, value):
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype.newbyteorder('=')
        assert np.array_equal(ours, theirs) and ours.flags.writeable and ours.dtype.isnative


def shortcuts(monkeypatch, data):
    """What is read, and how many arrays were read at once."""
    taken = []
    usual = RestrictedUnpickler.shortcut
    monkeypatch.setattr(
        RestrictedUnpickler, 'shortcut', lambda self: taken.append(usual(self)) or taken[-1]
    )
    return RestrictedUnpickler(data).load(), sum(taken)


@pytest.mark.parametrize('protocol', [3, 4])
def test_usual_arrays_are_read_at_once(monkeypatch, protocol):
    value = [np.full(4, i, np.float32) for i in range(100)]
    found, taken = shortcuts(monkeypatch, pickle.dumps(value, protocol))
    assert taken == 99 and np.array_equal(found, value)  # all but the first, which fills the memo


@pytest.mark.parametrize(
    'old, new',
    [
        (b'K\x04\x85', b'K\x05\x85'),  # a shape that the bytes do not fill
        (b'K\x04\x85', b'K\x04\x86'),  # two sides, of which one is there
        (b'C\x10', b'C\x11'),
        (b'C\x10', b'C\xff'),  # beyond the file
        (b'C\x10', b'B\x10\x00\x00\xff'),
        (b'R\x94(K\x01', b'R\x94(K\x02('),
    ],
)
def test_a_forged_array_behind_a_usual_one(old, new):
    data = pickle.dumps([np.full(4, i, np.float32) for i in range(3)], 4)
    data = data[:2] + data[11:]  # without the frame, whose length would differ
    head, tail = data.rsplit(old, 1)
    with pytest.raises(pickle.UnpicklingError):
        RestrictedUnpickler(head + new + tail).load()


@pytest.mark.parametrize('entry', range(256))
def test_memo_entries_of_another_kind_in_an_array(entry):
    """The type, ``b'b'`` and the dtype of the last array are replaced by each memo entry."""
    value = [np.full(4, i, np.float32) for i in range(3)]
    data = pickle.dumps(value, 4)
    for name in (b'K\x00\x85', b'\x87', b'\x89C'):
        at = data.rindex(name) - 1
        forged = data[:at] + bytes([entry]) + data[at + 1 :]
        try:
            found = RestrictedUnpickler(forged).load()
        except pickle.UnpicklingError:
            continue
        assert np.array_equal(found, value) and found[2].dtype == np.float32


def test_what_picklers_do_not_write_is_refused():
    for data, message in (
        (b'\x80\x04N2.', 'opcode 0x32'),  # DUP
        (b'\x80\x04NN.', 'more than one object'),
        (b'\x80\x04(N.', 'more than one object'),
    ):
        with pytest.raises(pickle.UnpicklingError, match=message):
            RestrictedUnpickler(data).load()
