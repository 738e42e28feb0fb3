"""The optimizer of the shipped schedules: fused where PyTorch can, the same steps everywhere."""

import copy

import pytest
import torch
from mmaction.registry import OPTIMIZERS
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.engine import FusedSGD, fused_sgd
from egoexo_mm.engine.runner_parts import set_channels_last
from tests.tiny import CONFIG

SGD_INIT = torch.optim.SGD.__init__
RECIPE = dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4)


def without_argument(self, params, *args, **kwargs):
    """SGD of PyTorch 2.0."""
    if 'fused' in kwargs:
        raise TypeError("__init__() got an unexpected keyword argument 'fused'")
    SGD_INIT(self, params, *args, **kwargs)


def on_gpus_only(self, params, *args, **kwargs):
    """SGD of PyTorch 2.3 with parameters on a CPU."""
    if kwargs.get('fused'):
        raise RuntimeError(
            '`fused=True` requires all the params to be floating point Tensors of supported devices'
        )
    SGD_INIT(self, params, *args, **kwargs)


def steps(optimizer, weight, gradients):
    for gradient in gradients:
        weight.grad = gradient.clone()
        optimizer.step()
    return weight.detach().clone()


def test_steps_of_the_recipe():
    """The shipped optimizer, against PyTorch's default one."""
    options = dict(Config.fromfile(CONFIG).optim_wrapper.optimizer)
    assert options == dict(RECIPE, type='FusedSGD')
    torch.manual_seed(0)
    start, gradients = torch.randn(50, 30), torch.randn(5, 50, 30)
    ends = []
    for build in (
        lambda params: OPTIMIZERS.build(dict(options, params=params)),
        lambda params: torch.optim.SGD(params, **{k: v for k, v in options.items() if k != 'type'}),
    ):
        weight = torch.nn.Parameter(start.clone())
        ends.append(steps(build([weight]), weight, gradients))
    torch.testing.assert_close(*ends, rtol=1e-6, atol=1e-7)
    assert (ends[0] - start).abs().mean() > 0.1


@pytest.mark.parametrize('old', [without_argument, on_gpus_only])
@pytest.mark.parametrize('group', [False, True])
def test_an_older_torch_is_not_fused(monkeypatch, old, group):
    monkeypatch.setattr(torch.optim.SGD, '__init__', old)
    weight = torch.nn.Parameter(torch.ones(2))
    params = [dict(params=iter([weight]), weight_decay=0.0)] if group else iter([weight])
    optimizer = fused_sgd.FusedSGD(params, **RECIPE)
    assert not optimizer.param_groups[0].get('fused')
    assert optimizer.param_groups[0]['weight_decay'] == (0.0 if group else 1e-4)
    # nesterov, first step: w - lr * (g + momentum * g) = 1 - 0.1 * 1.9 g, with g = 1 + decay * w
    gradient = 1.0 if group else 1.0001
    assert steps(optimizer, weight, [torch.ones(2)]).tolist() == pytest.approx(
        [1 - 0.19 * gradient] * 2
    )


def test_wrong_arguments_are_still_errors():
    with pytest.raises(TypeError, match='no_such'):
        fused_sgd.FusedSGD([torch.nn.Parameter(torch.ones(1))], lr=0.1, no_such=1)
    with pytest.raises(ValueError, match='learning rate'):
        fused_sgd.FusedSGD([torch.nn.Parameter(torch.ones(1))], lr=-1.0)


@pytest.mark.skipif(
    not fused_sgd.can_fuse(torch.device('cpu'), torch.float32),
    reason='this PyTorch cannot fuse on a CPU',
)
def test_fused_where_it_works():
    weight = torch.nn.Parameter(torch.ones(2))
    assert fused_sgd.FusedSGD([weight], **RECIPE).param_groups[0]['fused'] is True
    assert not fused_sgd.FusedSGD([weight], fused=False, **RECIPE).param_groups[0]['fused']
    assert not fused_sgd.FusedSGD([weight], foreach=True, **RECIPE).param_groups[0]['fused']
    whole = torch.nn.Parameter(torch.ones(2, dtype=torch.int32), requires_grad=False)
    assert not fused_sgd.FusedSGD([weight, whole], **RECIPE).param_groups[0]['fused']


@pytest.mark.parametrize('writer, reader', [(True, False), (False, True)])
def test_checkpoints_of_either_kind_resume_as_the_other(monkeypatch, writer, reader):
    torch.manual_seed(0)
    gradients = torch.randn(6, 4)
    whole, cut = (torch.nn.Parameter(torch.zeros(4)) for _ in range(2))
    expected = steps(fused_sgd.FusedSGD([whole], fused=writer, **RECIPE), whole, gradients)

    first = fused_sgd.FusedSGD([cut], fused=writer, **RECIPE)
    steps(first, cut, gradients[:3])
    saved = copy.deepcopy(first.state_dict())
    if not writer:
        saved['param_groups'][0].pop('fused', None)  # PyTorch 2.0 writes no such key
    with monkeypatch.context() as patch:
        if not reader:
            patch.setattr(torch.optim.SGD, '__init__', on_gpus_only)
        second = fused_sgd.FusedSGD([cut], fused=reader, **RECIPE)
    before = second.param_groups[0].get('fused')
    second.load_state_dict(saved)
    assert second.param_groups[0].get('fused') is before
    torch.testing.assert_close(steps(second, cut, gradients[3:]), expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize('before, after', [(False, True), (True, False)])
def test_resumed_with_another_layout_of_weights(before, after):
    """Momentum follows its weights: the same losses as when nothing is fused."""

    def losses(fused):
        torch.manual_seed(0)
        clip, states = torch.randn(2, 3, 4, 6, 6), None
        for channels_last in (before, after):
            net = torch.nn.Conv3d(3, 8, 3)
            if channels_last:
                set_channels_last(net)
            optimizer = FusedSGD(net.parameters(), lr=0.01, momentum=0.9, fused=fused)
            if states:
                net.load_state_dict(states[0])
                optimizer.load_state_dict(states[1])
            found = []
            for _ in range(4):
                optimizer.zero_grad()
                loss = net(clip).square().mean()
                loss.backward()
                optimizer.step()
                found.append(loss.item())
            states = copy.deepcopy((net.state_dict(), optimizer.state_dict()))
        return found

    assert losses(fused=True) == pytest.approx(losses(fused=False), rel=1e-5)
