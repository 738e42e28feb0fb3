"""Configs of the runs: each inherits a shipped one and sets data, measurement and end."""

from __future__ import annotations

import dataclasses
from pathlib import Path

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CHECKS = Path(__file__).resolve().parent
COMPILE = "dict(type='BackboneSpeedHook', compile=True)"
LAST = "dict(type='BackboneSpeedHook', channels_last=True)"
BOTH = "dict(type='BackboneSpeedHook', channels_last=True, compile=True)"
BF16 = "optim_wrapper = dict(type='AmpOptimWrapper', dtype='bfloat16')"
SMALL = """
clip = dict(clip_len=16, frame_interval=2)
small = dict(SampleTimeWindow=clip, SampleFrames=clip,
             RandomRescaleCrop=dict(scale_range=(64, 80), size=64),
             Resize=dict(scale=(-1, 64)), CenterCrop=dict(crop_size=64),
             ThreeCrop=dict(crop_size=64))
train_pipeline = [dict(step, **small.get(step['type'], {})) for step in _base_.train_pipeline]
test_pipeline = [dict(step, **small.get(step['type'], {})) for step in _base_.test_pipeline]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
"""
# name -> (lines of the config, hooks that are added, flags of train.py)
VARIANTS = {
    'fp32': ('', [], []),
    '--amp': ('', [], ['--amp']),
    'bf16': (BF16, [], []),
    'bf16, channels last': (BF16, [LAST], []),
    'bf16, compile': (BF16, [COMPILE], []),
    'bf16, channels last, compile': (BF16, [BOTH], []),
    'bf16, SGD not fused': (BF16 + '\noptim_wrapper.update(optimizer=dict(fused=False))', [], []),
    'bf16, gradient checkpointing': (
        BF16 + '\nmodel = dict(backbone=dict('
        'slow_pathway=dict(with_cp=True), fast_pathway=dict(with_cp=True)))',
        [],
        [],
    ),
}


@dataclasses.dataclass
class Setting:
    """Of all runs.

    Attributes:
        out: folder of the checks.
        gpus: ranks.
        seconds: timed training of a run.
        quick: smallest clips and few steps, to see that it runs.
        workers: loading processes of a rank.
        device: ``'cpu'`` for a rehearsal, which trains in float32: MMEngine has no mixed precision
            there.
    """

    out: Path
    gpus: int = 1
    seconds: float = 120.0
    quick: bool = False
    workers: int = 8
    device: str = 'cuda'

    @property
    def untimed(self) -> tuple[int, int]:
        """Steps to warm up, and steps that count syncs (one log line among them)."""
        return (1, 1) if self.quick else (10, 22)


def write(
    setting: Setting,
    name: str,
    base: str,
    *,
    lines: str = '',
    hooks: list[str] = (),
    ends: bool = True,
    targets: bool = True,
    seconds: float | None = None,
) -> tuple[Path, Path]:
    """A config file, and the file its figures will be in.

    Args:
        setting: of all runs.
        name: of the run.
        base: the shipped config.
        lines: of the config that say what is measured.
        hooks: custom hooks that are added.
        ends: training by time, in one loop of iterations; False leaves epochs.
        targets: from stores.
        seconds: of training, the setting's by default.
    """
    stem = ''.join(c if c.isalnum() else '_' for c in name).strip('_')
    folder = setting.out / 'configs'
    folder.mkdir(parents=True, exist_ok=True)
    figures = setting.out / 'figures' / f'{stem}.json'
    figures.parent.mkdir(exist_ok=True)
    warm, counted = setting.untimed
    end = (setting.seconds if seconds is None else seconds) if ends else None
    watch = (
        f"dict(type='StepWatchHook', out={str(figures)!r}, seconds={end}, warm={warm}, "
        f'counted={counted})'
    )
    if setting.device == 'cpu':
        lines = lines.replace(BF16, "optim_wrapper = dict(type='OptimWrapper')")
    data = setting.out / 'data'
    stores = {
        key: str(data / 'targets' / key) for key in ('ego_score', 'object_score', 'interaction_map')
    }
    loop = (
        (
            "train_cfg = dict(_delete_=True, type='IterBasedTrainLoop', max_iters=1000000, "
            'val_interval=1000000)\n'
            'default_hooks = dict(checkpoint=dict(by_epoch=False, interval=1000000, '
            'save_best=None, max_keep_ckpts=1))\n'
            'log_processor = dict(by_epoch=False)'
        )
        if ends
        else ''
    )
    text = f"""
_base_ = {str(CONFIGS / base)!r}
custom_imports = dict(imports=['egoexo_mm', 'step_watch'])
{SMALL if setting.quick else 'train_dataloader, test_dataloader = dict(), dict()'}
workers = dict(num_workers={setting.workers}, persistent_workers={setting.workers > 0})
train_dataloader.update(workers)
train_dataloader.setdefault('dataset', dict()).update(
    ann_file={str(data / 'train.txt')!r}, data_prefix=dict(video={str(data / 'videos')!r}))
{f"train_dataloader['dataset'].update(targets={stores!r})" if targets else ''}
test_dataloader.update(workers)
test_dataloader.setdefault('dataset', dict()).update(
    ann_file={str(data / 'test.txt')!r}, data_prefix=dict(video={str(data / 'videos')!r}))
{loop}
{lines}
custom_hooks = [*_base_.custom_hooks, {', '.join([*hooks, watch])}]
"""
    path = folder / f'{stem}.py'
    path.write_text(text)
    return path, figures
