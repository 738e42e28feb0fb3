"""Small runs of four kinds of config, for the tools of MMAction2: config, checkpoint and media."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from tests import finetune_data
from tests.media import noise_video
from tests.tiny import CONFIG, make_data
from tests.training.test_finetune import shrink

ROOT = Path(__file__).parents[2]
KINDS = ('k400', 'vit', 'epic', 'charades')
LOCAL = dict(num_workers=0, persistent_workers=False)


@dataclass
class Case:
    """A config after an epoch of training and a test, with a video that is in no list."""

    kind: str
    root: Path
    config: Path
    checkpoint: Path
    scores: Path
    log: Path
    video: Path


def make_case(kind: str, root: Path) -> Case:
    """Write everything below ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    if kind in ('k400', 'vit'):
        cfg = _kinetics(kind, root)
    else:
        name, layout = dict(
            epic=('epic100/slowfast_r50_epic100.py', finetune_data.epic100),
            charades=('charades_ego/slowfast_r50_charades_ego.py', finetune_data.charades_ego),
        )[kind]
        cfg = Config.fromfile(shrink(name, layout(root), root))
    for part in ('train', 'val', 'test'):
        cfg[f'{part}_pipeline'] = cfg[f'{part}_dataloader'].dataset.pipeline
    cfg.default_hooks.logger.interval = 1
    cfg.train_cfg.update(max_epochs=1, val_begin=1, val_interval=1)
    cfg.log_level = 'ERROR'
    cfg.dump(root / f'{kind}.py')
    cfg.work_dir, cfg.experiment_name = str(root / 'work'), root.name
    evaluators = [
        cfg.test_evaluator,
        dict(type='DumpResults', out_file_path=str(root / 'scores.pkl')),
    ]
    cfg.test_evaluator = evaluators
    runner = Runner.from_cfg(cfg)
    runner.train()
    runner.test()
    return Case(
        kind,
        root,
        root / f'{kind}.py',
        root / 'work' / 'epoch_1.pth',
        root / 'scores.pkl',
        next((root / 'work').glob('*/vis_data/scalars.json')),
        noise_video(root / 'other.mp4', 9, 60, size=(96, 72)),
    )


def _kinetics(kind: str, root: Path) -> Config:
    make_data(root, 6)
    cfg = Config.fromfile(CONFIG)
    files = dict(ann_file=str(root / 'list.txt'), data_prefix=dict(video=str(root / 'videos')))
    targets = {name: str(root / 'targets' / name) for name in cfg.train_dataloader.dataset.targets}
    if kind == 'vit':
        cfg = Config.fromfile(ROOT / 'configs' / 'egoexo_vit_small_k400.py')
        cfg.model.backbone.update(img_size=32, embed_dims=16, depth=2, num_heads=2)
        cfg.model.cls_head.update(in_channels=16, num_classes=2, topk=(1,))
        cfg.model.aux_heads.object_score.num_classes = 10
        cfg.model.aux_heads.interaction_map.mid_channels = 8
        cfg.model.data_preprocessor.blending = None
        for part in ('train', 'val', 'test'):
            for step in cfg[f'{part}_dataloader'].dataset.pipeline:
                step.update(
                    {
                        key: (-1, 32) if value == (-1, 224) else 32 if value == 224 else (32, 32)
                        for key, value in step.items()
                        if value in (224, (-1, 224), (224, 224))
                    }
                )
        cfg.load_from = None
        cfg.optim_wrapper.update(type='OptimWrapper', clip_grad=None)  # mixed precision needs a GPU
        cfg.optim_wrapper.pop('loss_scale', None)
        cfg.train_dataloader.batch_size = 2
        cfg.test_evaluator = cfg.val_evaluator = dict(
            type='AccMetric', metric_options=dict(top_k_accuracy=dict(topk=(1,)))
        )
    for part in ('train', 'val', 'test'):
        loader = cfg[f'{part}_dataloader']
        loader.update(LOCAL)
        loader.dataset.update(files)
    cfg.train_dataloader.dataset.targets = targets
    return cfg
