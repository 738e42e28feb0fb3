import math

import pytest
import torch
from mmaction.registry import PARAM_SCHEDULERS

import egoexo_mm  # noqa: F401


def rates(steps, **config):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    scheduler = PARAM_SCHEDULERS.build(
        dict(type='WarmupCosineLR', **config), default_args=dict(optimizer=optimizer)
    )
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    return out


def reference(epoch):
    """0.8 over 200 epochs, 34 of warm-up from 0.08 to the cosine's value there."""
    cosine = 0.8 * (1 + math.cos(math.pi * max(epoch, 34) / 200)) / 2
    return cosine if epoch >= 34 else 0.08 + (cosine - 0.08) * epoch / 34


def test_by_epoch():
    found = rates(200, T_max=200, warmup=34, start_factor=0.1)
    assert found == pytest.approx([reference(e) for e in range(200)])
    assert found[0] == pytest.approx(0.08) and found[100] == pytest.approx(0.4)


def test_every_iteration():
    config = dict(
        T_max=200,
        warmup=34,
        start_factor=0.1,
        by_epoch=True,
        convert_to_iter_based=True,
        epoch_length=3,
    )
    assert rates(600, **config) == pytest.approx([reference(i / 3) for i in range(600)])


def test_without_warmup():
    assert rates(5, T_max=4)[:1] == [0.8]
    assert rates(6, T_max=4)[4:] == pytest.approx([0, 0], abs=1e-12)


def test_iterations_need_an_epoch_length():
    from egoexo_mm.engine import WarmupCosineLR

    with pytest.raises(ValueError, match='length of an epoch'):
        WarmupCosineLR.build_iter_from_epoch(None, T_max=4)


def test_resumed_state_goes_on():
    config = dict(T_max=10, warmup=3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
    build = lambda: PARAM_SCHEDULERS.build(  # noqa: E731
        dict(type='WarmupCosineLR', **config), default_args=dict(optimizer=optimizer)
    )
    first = build()
    for _ in range(4):
        optimizer.step()
        first.step()
    state, rate = first.state_dict(), optimizer.param_groups[0]['lr']
    second = build()
    second.load_state_dict(state)
    optimizer.step()
    second.step()
    assert rate == pytest.approx(rates(6, **config)[4])
    assert optimizer.param_groups[0]['lr'] == pytest.approx(rates(6, **config)[5])
