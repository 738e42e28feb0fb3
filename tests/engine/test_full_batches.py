import pytest

from egoexo_mm.engine.full_batches import FullBatches


def test_full_batches_by_key():
    batches = FullBatches(2)
    assert [
        batches.add(key, item) for key, item in (('a', 1), ('b', 2), ('a', 3), ('a', 4), ('b', 5))
    ] == [None, None, [1, 3], None, [2, 5]]
    assert list(batches.rest()) == [[4]]
    assert list(batches.rest()) == []


def test_the_longest_wait_is_over_first():
    batches = FullBatches(3, max_waiting=4)
    got = [batches.add(key, key) for key in 'abcadbbb']
    # the fifth waiting item sends away the group of the oldest: a, a; then b fills up
    assert got == [None, None, None, None, ['a', 'a'], None, ['b', 'b', 'b'], None]
    assert list(batches.rest()) == [['c'], ['d'], ['b']]


@pytest.mark.parametrize('size, most', [(0, 4), (5, 4)])
def test_bad_sizes(size, most):
    with pytest.raises(
        ValueError,
        match=f'batch_size is {size}, expected 1 or more and not above max_waiting \\(4\\)',
    ):
        FullBatches(size, most)
