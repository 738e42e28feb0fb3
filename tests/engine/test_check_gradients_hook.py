"""Parameters without gradient, on one process; tests/training/test_broken_runs.py has two."""

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.registry import init_default_scope

import egoexo_mm  # noqa: F401
import tests.training.toy  # noqa: F401
from egoexo_mm.engine import CheckGradientsHook
from egoexo_mm.errors import RunError
from tests.compat.toy_runner import toy_run


class Wrapped(torch.nn.parallel.DistributedDataParallel):
    """What the hook looks at of DDP, without processes."""

    def __init__(self, module, unused=False):
        torch.nn.Module.__init__(self)
        self.module, self.find_unused_parameters, self.static_graph = module, unused, False


class Runner:
    """The fields that the hook reads."""

    rank = 0

    def __init__(self, model, **cfg):
        self.model, self.cfg, self.errors, self.warnings = model, cfg, [], []
        self.logger = type(
            'Logger', (), dict(error=self.errors.append, warning=self.warnings.append)
        )


@pytest.fixture
def model():
    init_default_scope('mmaction')
    model = MODELS.build(dict(type='ToyRecognizer', unused=True))
    losses = model([torch.rand(4), torch.rand(4)])
    losses['loss_cls'].backward()
    return model


@pytest.mark.parametrize(
    'cfg, setting',
    [
        (dict(), ' find_unused_parameters=True'),
        (
            dict(model_wrapper_cfg=dict(type='MMDistributedDataParallel')),
            ' model_wrapper_cfg.find_unused_parameters=True',
        ),
    ],
)
def test_ddp_names_them_and_the_setting(model, cfg, setting):
    runner = Runner(Wrapped(model), **cfg)
    with pytest.raises(
        RunError, match=r'^2 parameters get no gradient .*\(layer4\.weight, layer4\.bias\)'
    ) as stop:
        CheckGradientsHook._look(runner)
    assert f'set{setting} in the config, or freeze these layers' in str(stop.value)
    assert runner.errors == [str(stop.value)]


def test_what_ddp_bears_passes(model):
    for wrapped in (Wrapped(model, unused=True), Wrapped(model.requires_grad_(False))):
        runner = Runner(wrapped)
        CheckGradientsHook._look(runner)
        assert runner.errors == runner.warnings == []


def test_one_process_goes_on(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        CheckGradientsHook,
        '_look',
        staticmethod(
            lambda runner: said.append(
                [name for name, value in runner.model.named_parameters() if value.grad is None]
            )
        ),
    )
    run = toy_run(tmp_path, epochs=1, model__unused=True)
    assert said == [['layer4.weight', 'layer4.bias']]  # once, before gradients are cleared
    assert run.iter == 3
