#!/usr/bin/env python
"""Test a checkpoint; the flags are those of MMAction2's tools/test.py."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from mmengine.config import Config, DictAction
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401  (registers the package and applies its workarounds)


def parse_args() -> argparse.Namespace:
    """Arguments of this script."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file')
    parser.add_argument(
        'checkpoint', help='checkpoint file, or none for a teacher, which brings its own weights'
    )
    parser.add_argument(
        '--work-dir', help='folder for the log and the metrics (default: work_dirs/CONFIG)'
    )
    parser.add_argument(
        '--dump',
        metavar='FILE',
        help='write the predictions: ids, scores and labels '
        'to a .npz, or all of each sample to a .pkl, which whoever reads it has to trust',
    )
    parser.add_argument('--show-dir', metavar='DIR', help='write pictures of the predictions')
    parser.add_argument(
        '--show', action='store_true', help='show pictures of the predictions in a window'
    )
    parser.add_argument('--interval', type=int, default=1, help='show every n-th sample')
    parser.add_argument('--wait-time', type=float, default=2, help='seconds that each window stays')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='changes to the config',
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
    if args.dump and not args.dump.endswith(('.npz', '.pkl', '.pickle')):
        parser.error(
            f'--dump {args.dump} must end in .npz (ids, scores and labels), .pkl or .pickle (all '
            'of a sample)'
        )
    return args


def load_config(args: argparse.Namespace) -> Config:
    """The config with the command line's wishes in it."""
    cfg = Config.fromfile(args.config)
    cfg.launcher = args.launcher
    cfg.load_from = None if args.checkpoint == 'none' else args.checkpoint
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(args.config).stem))
    )
    if args.show or args.show_dir:
        cfg.default_hooks.visualization = _pictures(cfg, args)
    if args.dump:
        evaluators = (
            cfg.test_evaluator
            if isinstance(cfg.test_evaluator, (list, tuple))
            else [cfg.test_evaluator]
        )
        cfg.test_evaluator = [
            *evaluators,
            dict(
                type='DumpScores' if args.dump.endswith('.npz') else 'DumpResults',
                out_file_path=args.dump,
            ),
        ]
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    return cfg


def _pictures(cfg: Config, args: argparse.Namespace) -> dict:
    if cfg.get('default_scope') == 'mmdet':
        return dict(
            type='DetVisualizationHook',
            draw=True,
            show=args.show,
            test_out_dir=args.show_dir,
            interval=args.interval,
            wait_time=args.wait_time,
        )
    return dict(
        type='VisualizationHook',
        enable=True,
        show=args.show,
        out_dir=args.show_dir,
        interval=args.interval,
        wait_time=args.wait_time,
    )


if __name__ == '__main__':
    Runner.from_cfg(load_config(parse_args())).test()
