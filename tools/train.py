#!/usr/bin/env python
"""Train from a config; the flags are those of MMAction2's tools/train.py."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401  (registers the package and applies its workarounds)
from egoexo_mm.checkpoints.resumable import has_checkpoints


def parse_args() -> argparse.Namespace:
    """Arguments of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        '--work-dir', help='folder for logs and checkpoints (default: work_dirs/CONFIG)'
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from a checkpoint, by default the latest of the work dir; where that has none '
        'the run starts, from load_from of the config if it is set',
    )
    parser.add_argument('--amp', action='store_true', help='mixed precision')
    parser.add_argument(
        '--no-validate', action='store_true', help='skip validation during training'
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help="scale the learning rate by global batch size / the config's base batch size",
    )
    parser.add_argument('--seed', type=int, help="random seed (default: the config's)")
    parser.add_argument('--diff-rank-seed', action='store_true', help='another seed on every rank')
    parser.add_argument('--deterministic', action='store_true', help='deterministic cuDNN kernels')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='changes to the config, e.g. train_dataloader.batch_size=4',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    return args


def load_config(args: argparse.Namespace) -> Config:
    """The config with the command line's wishes in it."""
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(args.config).stem))
    )
    if args.resume and args.resume != 'auto':
        cfg.resume, cfg.load_from = True, args.resume
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        if cfg.optim_wrapper.get('type', 'OptimWrapper') not in ('OptimWrapper', 'AmpOptimWrapper'):
            raise SystemExit(
                f'--amp cannot replace the optimizer wrapper {cfg.optim_wrapper.type} of '
                f'{args.config}'
            )
        cfg.optim_wrapper.type = 'AmpOptimWrapper'
        cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')
    if args.auto_scale_lr:
        if 'auto_scale_lr' not in cfg:
            raise SystemExit(
                f'--auto-scale-lr: {args.config} has no auto_scale_lr=dict(base_batch_size=...)'
            )
        cfg.auto_scale_lr.enable = True
    cfg.randomness = dict(cfg.get('randomness') or {})
    if args.seed is not None:
        cfg.randomness['seed'] = args.seed
    if args.diff_rank_seed:
        cfg.randomness['diff_rank_seed'] = True
    if args.deterministic:
        cfg.randomness['deterministic'] = True
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    if args.resume == 'auto':
        cfg.resume = has_checkpoints(cfg.work_dir)
        if cfg.resume:
            cfg.load_from = None  # or that file would be resumed
    return cfg


def main() -> None:
    """Train."""
    args = parse_args()
    runner = Runner.from_cfg(load_config(args))
    if args.resume == 'auto':
        cfg = runner.cfg
        runner.logger.info(
            f'--resume: going on from the newest checkpoint in {cfg.work_dir}'
            if cfg.resume
            else f'--resume: no checkpoint in {cfg.work_dir}; starting from '
            f'{cfg.get("load_from") or "the initial weights"}'
        )
    runner.train()


if __name__ == '__main__':
    main()
