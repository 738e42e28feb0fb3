"""One comparison of weights, put into words once."""

import pytest
import torch
from torch import nn

from egoexo_mm.checkpoints.filling import fill
from egoexo_mm.checkpoints.matching import Misfit, compare


def network():
    """Weight (3, 2), bias (3,), and a batch norm of 3 channels with a counter."""
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))


def test_equal_names_and_shapes_fit():
    state = network().state_dict()
    assert not compare(state, state)
    assert not compare(state, {name: tuple(value.shape) for name, value in state.items()})
    assert not compare(state, dict.fromkeys(state))


def test_counters_of_batches_may_be_missing_but_no_other_buffer():
    state = network().state_dict()
    less = {name: value for name, value in state.items() if not name.endswith('batches_tracked')}
    assert not compare(less, state)
    del less['1.running_mean']
    assert compare(less, state).missing == ['1.running_mean']
    known = {name: value for name, value in state.items() if name in less}
    assert compare(state, known).unknown == ['1.running_mean', '1.num_batches_tracked']


def test_words_name_every_kind():
    state = network().state_dict()
    given = {**state, '0.weight': torch.zeros(4, 2), 'x': torch.zeros(1), 'y': torch.zeros(1)}
    del given['0.bias']
    misfit = compare(given, state)
    assert str(misfit) == (
        '2 unknown keys (x, y), 1 missing key (0.bias) and 1 key of another shape '
        '(0.weight (4, 2) instead of (3, 2))'
    )
    assert list(misfit) == ['x', 'y', '0.bias', '0.weight']
    assert str(misfit.within(('0.',))) == (
        '1 missing key (0.bias) and 1 key of another shape (0.weight (4, 2) instead of (3, 2))'
    )
    assert not misfit.within(('1.',))


def test_words_stay_short():
    names = ['a' * 5000, *'bcde']
    text = str(Misfit(unknown=names))
    assert text.startswith('5 unknown keys (aaa') and text.endswith(', b, c, ...)')
    assert len(text) < 200


def test_a_shape_that_is_not_compared():
    weights = {'a': torch.zeros(2), 'b': torch.zeros(3)}
    assert compare(weights, {'a': None, 'b': (4,)}).shapes == {'b': ((3,), (4,))}


def test_values_must_be_tensors():
    with pytest.raises(ValueError, match='^a is a list; expected a tensor$'):
        compare({'a': [1.0]}, {'a': (1,)})


def test_filling_is_all_or_nothing():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    given = {name: value + 1 for name, value in before.items()}
    del given['0.bias']
    with pytest.raises(
        ValueError, match=r'^f\.pth: its weights do not fit: 1 missing key \(0\.bias\); expected W$'
    ):
        fill(model, given, 'f.pth', 'W')
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    given['0.bias'] = before['0.bias'] + 1
    fill(model, given, 'f.pth', 'W')
    assert all(torch.equal(value, before[name] + 1) for name, value in model.state_dict().items())
