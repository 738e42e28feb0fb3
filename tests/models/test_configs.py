"""Every shipped config loads, builds and takes a training step."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.compat.mmcv_ext import compiled_ops_exist

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path.name for path in (ROOT / 'configs').glob('*.py'))
# those with LoadTargets that tells frames and cells; the others are in test_vit_configs.py
NUMBERED = [name for name in SHIPPED if 'slow' in name or 'swin' in name]


def load(name):
    cfg = Config.fromfile(ROOT / 'configs' / name)
    cfg.model.backbone.pretrained = None  # no download
    return cfg


def test_all_of_the_issue_are_there():
    assert set(SHIPPED) >= {
        'egoexo_slowfast_k400.py',
        'egoexo_slowfast_r101_k400.py',
        'egoexo_slowonly_k400.py',
        'slowfast_k400.py',
        'slowonly_k400.py',
        'egoexo_swin_tiny_k400.py',
    }


@pytest.mark.parametrize('name', NUMBERED)
def test_training_step(name):
    cfg = load(name)
    model = MODELS.build(cfg.model)
    step = {s['type']: s for s in cfg.train_dataloader.dataset.pipeline}
    clip_len = next(s['clip_len'] for s in step.values() if 'clip_len' in s)
    loads = step.get('LoadTargets')
    samples = []
    for label in (0, 1):
        sample = ActionDataSample().set_gt_label(label)
        if loads:
            maps = torch.rand(2, clip_len // loads['time_stride'], 2, 2)
            for field, target in (
                ('ego_score', torch.randn(2)),
                ('object_score', torch.randn(1000)),
                ('interaction_map', maps),
            ):
                sample.set_field(target, field)
        samples.append(sample)
    losses = model.loss(torch.randn(2, 1, 3, clip_len, 64, 64), samples)
    expected = {'loss_cls'} | (
        {'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object'} if loads else set()
    )
    assert {key for key in losses if key.startswith('loss')} == expected
    sum(losses[key] for key in expected).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('name', [name for name in NUMBERED if 'swin' not in name])
def test_recipe(name):
    """Figures of the official configs (batch 512 at rate 0.8 is 64 at 0.1)."""
    cfg = load(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.lr, optimizer.momentum, optimizer.weight_decay, optimizer.nesterov) == (
        0.1,
        0.9,
        1e-4,
        True,
    )
    assert (
        cfg.optim_wrapper.paramwise_cfg.norm_decay_mult == 0
        and 'clip_grad' not in cfg.optim_wrapper
    )
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].T_max == 200
    assert cfg.param_scheduler[0].warmup == 34 and cfg.param_scheduler[0].start_factor == 0.1
    assert cfg.auto_scale_lr.base_batch_size == 8 * cfg.train_dataloader.batch_size == 64
    assert (
        cfg.model.data_preprocessor.mean == [114.75] * 3
        and cfg.model.data_preprocessor.std == [57.375] * 3
    )
    egoexo = name.startswith('egoexo')
    assert cfg.model.cls_head.dropout_ratio == (0 if egoexo else 0.5)
    if egoexo:
        heads = cfg.model.aux_heads
        weights = [
            cfg.model.cls_head.loss_cls.loss_weight,
            heads.ego_score.loss.loss_weight,
            heads.object_score.loss.loss_weight,
            heads.interaction_map.loss_hand.loss_weight,
            heads.interaction_map.loss_held_object.loss_weight,
        ]
        assert weights == [0.5, 0.1, 0.5, 1.0, 1.0]


def test_lateral_kernels():
    kernels = {
        name: load(name).model.backbone.slow_pathway.fusion_kernel
        for name in SHIPPED
        if 'slowfast' in name
    }
    assert kernels == {
        'slowfast_k400.py': 7,
        'egoexo_slowfast_k400.py': 7,
        'egoexo_slowfast_k400_online.py': 7,
        'egoexo_slowfast_r101_k400.py': 5,
    }


def test_online_config():
    """It differs from the stored one in the source of targets: a teacher for each, and no store."""
    online, stored = load('egoexo_slowfast_k400_online.py'), load('egoexo_slowfast_k400.py')
    teachers = online.model.pop('teachers')
    targets = online.train_dataloader.dataset.pop('targets')
    assert set(teachers) == set(targets) == set(stored.train_dataloader.dataset.pop('targets'))
    assert not any(targets.values())
    assert online.model == stored.model and online.train_dataloader == stored.train_dataloader
    maps = {step['type']: step for step in stored.train_dataloader.dataset.pipeline}['LoadTargets']
    assert all(
        teachers.interaction_map[key] == maps[key] for key in ('time_stride', 'frame_sampling')
    )
    assert Path(teachers.interaction_map.detector).is_file()


@pytest.mark.parametrize('name', NUMBERED)
def test_maps_match_the_backbone(name):
    """The time stride of the targets is that of the backbone's last map."""
    cfg = load(name)
    step = {s['type']: s for s in cfg.train_dataloader.dataset.pipeline}
    if 'LoadTargets' not in step:
        pytest.skip('a baseline: no targets')
    clip_len = next(s['clip_len'] for s in step.values() if 'clip_len' in s)
    model = MODELS.build(cfg.model)
    model.train(False)
    with torch.no_grad():
        feats, _ = model.extract_feat(torch.zeros(1, 1, 3, clip_len, 64, 64))
        maps = model.aux_heads['interaction_map'](feats)
    assert maps.shape[2:] == (clip_len // step['LoadTargets']['time_stride'], 2, 2)
    sampling = cfg.model.backbone.get('slow_sampling')
    assert sampling in (None, step['LoadTargets'].get('frame_sampling', 'linspace'))


def test_dropped_into_another_checkout(tmp_path):
    """The folder works wherever it is copied to."""
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs' / 'recognition' / 'egoexo')
    cfg = Config.fromfile(
        tmp_path / 'configs' / 'recognition' / 'egoexo' / 'egoexo_slowonly_k400.py'
    )
    assert cfg.model == load('egoexo_slowonly_k400.py').model and cfg.custom_imports.imports == [
        'egoexo_mm'
    ]


def test_notebook():
    """import egoexo_mm; MODELS.build(...), without a Runner that sets the default scope."""
    code = (
        'import egoexo_mm, sys; from mmengine import Config; from mmaction.registry import MODELS; '
        f'cfg = Config.fromfile({str(ROOT / "configs" / "egoexo_slowonly_k400.py")!r}); '
        'print(type(MODELS.build(cfg.model)).__name__, "mmdet" in sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT)
    model, mmdet_imported = done.stdout.split()[-2:]
    assert model == 'EgoExoRecognizer', done.stderr
    if not compiled_ops_exist():  # with compiled ops MMAction2 imports mmdet itself
        assert mmdet_imported == 'False'


def test_docs_name_every_config():
    named = set(re.findall(r'configs/([\w]+\.py)', (ROOT / 'docs' / 'configs.md').read_text()))
    assert set(SHIPPED) <= named
