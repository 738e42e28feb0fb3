"""Values come back as ``pickle.loads`` gives them, at the borders of what the reader does at once or limits."""

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
    """Shared objects are bounded by the file, but what files really share passes: 100 names of 1000 numbers."""
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
