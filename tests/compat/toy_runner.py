"""Runs of the toy configuration in the test's own process."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.runner import Runner

CONFIG = Path(__file__).parents[1] / 'data' / 'toy_run.py'
_runs = iter(range(10**6))


def toy_run(work_dir, epochs: int = 3, resume: bool = False, load_from=None, **changes) -> Runner:
    """Train the toy model; ``changes`` are config keys with ``__`` for a dot."""
    cfg = Config.fromfile(CONFIG)
    cfg.work_dir, cfg.resume, cfg.load_from = str(work_dir), resume, load_from and str(load_from)
    cfg.train_cfg.max_epochs = epochs
    cfg.experiment_name = f'toy_{next(_runs)}'
    cfg.merge_from_dict({key.replace('__', '.'): value for key, value in changes.items()})
    torch.manual_seed(0)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def files(folder: Path) -> set[str]:
    """Names of the files in a work dir, less the config and the logs."""
    return {path.name for path in folder.iterdir() if path.is_file() and path.suffix != '.py'}
