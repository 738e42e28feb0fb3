"""Small trained-looking recognizers with their data, and what ``tools/test.py`` says of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation.dumps import read_dump
from tests import finetune_data
from tests.media import write_kinetics
from tests.tiny import CONFIG
from tests.training.test_finetune import shrunk


@dataclass
class Case:
    """A config, its file if it has one, a checkpoint, and the folder of its data."""

    cfg: Config
    config: str
    checkpoint: str
    root: Path

    def tested(self) -> list[dict]:
        """Samples of a test run, as ``tools/test.py --dump`` writes them."""
        cfg = Config(dict(self.cfg.to_dict()))
        dump = str(self.root / 'scores.npz')
        cfg.test_evaluator = [dict(type='DumpScores', out_file_path=dump)]
        cfg.update(work_dir=str(self.root / 'work'), load_from=self.checkpoint, launcher='none')
        # what they log and write takes longer than the test
        with mock.patch.multiple(Runner, _log_env=mock.DEFAULT, dump_config=mock.DEFAULT):
            with DefaultScope.overwrite_default_scope('mmaction'):
                Runner.from_cfg(cfg).test()
        return read_dump(dump)


def save_weights(cfg: Config, path: Path, seed: int = 0) -> str:
    """A checkpoint whose scores differ from video to video."""
    torch.manual_seed(seed)
    model = MODELS.build(cfg.model)
    model.init_weights()
    with torch.no_grad():
        for part in (model.cls_head, *getattr(model, 'aux_heads', {}).values()):
            for value in part.parameters():
                value.normal_(std=0.05)
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return str(path)


def kinetics(root: Path, num_videos: int = 3, **video) -> Case:
    """The tiny SlowFast with all heads on a list of videos, one label each."""
    write_kinetics(root, num_videos, **video)
    with mock.patch.dict(os.environ, TINY_DATA=str(root)):
        cfg = Config.fromfile(CONFIG)
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    # cfg.dump() formats the file, for seconds
    lines = (f'{name} = {value!r}\n' for name, value in cfg.to_dict().items())
    (root / 'config.py').write_text(''.join(lines))
    return Case(cfg, str(root / 'config.py'), save_weights(cfg, root / 'weights.pth'), root)


def charades_ego(root: Path) -> Case:
    """Several labels, folders of frames."""
    return _finetune(root, 'charades_ego', 'charades_ego/egoexo_star_slowfast_r50_charades_ego.py')


def epic100(root: Path) -> Case:
    """Verbs and nouns, segments of a folder of frames."""
    return _finetune(root, 'epic100', 'epic100/slowfast_r50_epic100.py')


def _finetune(root: Path, data: str, shipped: str) -> Case:
    cfg = shrunk(shipped, getattr(finetune_data, data)(root), root)
    for step in cfg.test_dataloader.dataset.pipeline:
        if 'num_clips' in step:
            step.num_clips = 2  # of 3 crops each
    return Case(cfg, '', save_weights(cfg, root / 'weights.pth'), root)
