"""What the doctor tries before it says that training can run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any


def try_optimizer() -> str:
    """Make a step with the optimizer of ``configs/slowfast_k400.py``; what was built."""
    import torch
    from mmengine.config import Config
    from mmengine.optim import build_optim_wrapper
    from mmengine.registry import DefaultScope

    from egoexo_mm.shipped import config_path

    cfg = Config.fromfile(config_path('slowfast_k400.py'), import_custom_modules=False)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    model.to('cuda' if torch.cuda.is_available() else 'cpu')
    with DefaultScope.overwrite_default_scope('mmaction'):
        wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    before = model[0].weight.detach().clone()
    wrapper.update_params(
        model(torch.randn(4, 2, device=before.device)).square().mean() + model[0].weight.sum()
    )
    if torch.equal(before, model[0].weight):
        raise RuntimeError('a step changed no weight')
    fused = wrapper.optimizer.param_groups[0].get('fused')
    return f'{type(wrapper.optimizer).__name__}, {"fused" if fused else "not fused"}'


def try_config() -> None:
    """Write a config as text, as a Runner does before the first step."""
    from mmengine.config import Config

    Config(dict(model=dict(type='A'))).pretty_text  # noqa: B018


def try_checkpoint() -> str:
    """Write a checkpoint as MMEngine does and read it as ``resume`` and as our tools do."""
    import torch
    from mmengine.runner.checkpoint import _load_checkpoint

    from egoexo_mm.checkpoints.reading import read_checkpoint

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, 'epoch_1.pth')
        torch.save(_mmengine_checkpoint(), path)
        for name, load in (
            ('resume', lambda: _load_checkpoint(str(path), map_location='cpu')),
            ('egoexo_mm', lambda: read_checkpoint(path)),
        ):
            found = load()
            loss = found['message_hub']['log_scalars']['train/loss']
            if loss.current() != 0.5 or found['state_dict']['weight'].tolist() != [1.0, 2.0]:
                raise RuntimeError(f'{name} reads other values than were written')
    return 'MMEngine checkpoints are written and read'


def _mmengine_checkpoint() -> dict[str, Any]:
    """The kinds of objects that a Runner writes: weights, histories, numpy values, texts."""
    import numpy as np
    import torch
    from mmengine.logging import MessageHub

    hub = MessageHub('egoexo_mm_doctor')
    hub.update_scalar('train/loss', 0.5)
    hub.update_info('best_score', np.float64(0.25))
    return dict(
        meta=dict(epoch=1, iter=8, seed=0, dataset_meta=dict(counts=np.array([3, 4]))),
        state_dict=dict(weight=torch.tensor([1.0, 2.0])),
        message_hub=hub.state_dict(),
        optimizer=dict(state={}, param_groups=[dict(lr=0.1, params=[0])]),
    )
