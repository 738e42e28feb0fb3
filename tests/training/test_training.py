"""Whole runs through the launch scripts, ours and MMAction2's own, on real videos and stores."""
import json
import os
import socket
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

import numpy as np
import pytest
import torch

import egoexo_mm  # noqa: F401
from tests.tiny import CONFIG, make_data

ROOT = Path(__file__).parents[2]
HOST_TOOLS = Path(util.find_spec('mmaction').origin).parent / '.mim' / 'tools'
LOSSES = ('loss', 'loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    make_data(root)
    return root


def launch(command: list[str], data: Path, cwd: Path = ROOT) -> str:
    """Run a script with the test's interpreter; its output, or a failure that shows it."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    env = dict(os.environ, TINY_DATA=str(data), PORT=port, OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT),
               PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}')
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def train(data, work_dir, *options, procs=1, tools=ROOT / 'tools', flags=()):
    script = [sys.executable, tools / 'train.py', CONFIG] if procs == 1 else ['bash', tools / 'dist_train.sh', CONFIG, procs]
    changes = ['--cfg-options', *options] if options else []
    return launch([*script, '--work-dir', work_dir, *flags, *changes], data)


def log(work_dir: Path) -> list[dict]:
    """The training records of all runs in a work dir, in order."""
    lines = [json.loads(line) for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
             for line in path.read_text().splitlines()]
    return [line for line in lines if 'loss' in line]


def weights(work_dir: Path, epoch: int) -> dict:
    return torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=True)['state_dict']


@pytest.fixture(scope='module')
def uninterrupted(data, tmp_path_factory):
    """Three epochs in one go, with dropout, on one process."""
    work_dir = tmp_path_factory.mktemp('whole')
    train(data, work_dir, 'train_cfg.max_epochs=3', 'model.cls_head.dropout_ratio=0.5', 'train_cfg.val_begin=9')
    return work_dir


def test_all_losses_are_logged(uninterrupted):
    records = log(uninterrupted)
    assert len(records) == 6  # 8 videos in batches of 4
    assert all(np.isfinite(record[name]) for record in records for name in LOSSES)
    assert all(record['loss'] == pytest.approx(sum(record[name] for name in LOSSES[1:]), rel=1e-5) for record in records)


def test_resumed_run_equals_an_uninterrupted_one(data, uninterrupted, tmp_path):
    options = ('model.cls_head.dropout_ratio=0.5', 'train_cfg.val_begin=9')
    train(data, tmp_path, 'train_cfg.max_epochs=1', *options)
    assert not (tmp_path / 'epoch_2.pth').exists()
    # another number of workers draws the same augmentations
    train(data, tmp_path, 'train_cfg.max_epochs=3', 'train_dataloader.num_workers=2', *options, flags=('--resume', ))
    found, expected = log(tmp_path), log(uninterrupted)
    assert [[record[name] for name in LOSSES] for record in found] == [
        [record[name] for name in LOSSES] for record in expected]
    for name, value in weights(uninterrupted, 3).items():
        assert torch.equal(weights(tmp_path, 3)[name], value), name


def test_two_ranks_equal_one_process(data, tmp_path):
    whole, ranks = tmp_path / 'whole', tmp_path / 'ranks'
    train(data, whole)
    output = train(data, ranks, 'train_dataloader.batch_size=2', procs=2)
    assert 'gloo' in output or torch.cuda.is_available()
    start = None
    for name, value in weights(whole, 2).items():
        torch.testing.assert_close(weights(ranks, 2)[name], value, rtol=1e-4, atol=1e-6, msg=name)
        start = value if name.endswith('fc_cls.weight') else start
    assert not torch.equal(weights(whole, 1)['cls_head.fc_cls.weight'], start)  # it did train


def test_ranks_without_targets_do_not_hang(data, tmp_path):
    """No sample has any target: the action loss trains alone, and gradients still meet."""
    none = [f'train_dataloader.dataset.targets.{name}=' for name in ('ego_score', 'object_score', 'interaction_map')]
    train(data, tmp_path, 'train_dataloader.batch_size=2', 'train_cfg.max_epochs=1', *none, procs=2)
    for record in log(tmp_path):
        assert record['loss'] == pytest.approx(record['loss_cls']) and record['loss_hand'] == 0
    moved = weights(tmp_path, 1)['aux_heads.ego_score.fc.bias']
    assert not moved.any()  # weight decay and zero gradients leave a zero bias at zero


def test_checkpoint_tests_and_strips(data, uninterrupted, tmp_path):
    output = launch(['bash', ROOT / 'tools' / 'dist_test.sh', CONFIG, uninterrupted / 'epoch_3.pth', 2,
                     '--work-dir', tmp_path, '--dump', tmp_path / 'scores.pkl'], data)
    assert 'acc/top1' in output and (tmp_path / 'scores.pkl').stat().st_size > 0
    launch([sys.executable, ROOT / 'tools' / 'strip_aux.py', uninterrupted / 'epoch_3.pth', tmp_path / 'plain.pth'], data)
    assert not [name for name in torch.load(tmp_path / 'plain.pth', weights_only=True)['state_dict'] if 'aux' in name]


@pytest.mark.skipif(metadata.version('mmaction2') != '1.2.0', reason='written for the scripts of mmaction2 1.2.0')
def test_mmaction2s_own_scripts(data, uninterrupted, tmp_path):
    """The config unchanged under the installed MMAction2's train.py, dist_train.sh and test.py."""
    one, two = tmp_path / 'one', tmp_path / 'two'
    train(data, one, 'train_cfg.max_epochs=3', 'model.cls_head.dropout_ratio=0.5', 'train_cfg.val_begin=9', tools=HOST_TOOLS)
    assert [[record[name] for name in LOSSES] for record in log(one)] == [
        [record[name] for name in LOSSES] for record in log(uninterrupted)]
    output = train(data, two, 'train_dataloader.batch_size=2', tools=HOST_TOOLS, procs=2)
    assert (two / 'epoch_2.pth').exists(), output[-2000:]
    output = launch([sys.executable, HOST_TOOLS / 'test.py', CONFIG, one / 'epoch_3.pth', '--work-dir', tmp_path], data)
    assert 'acc/top1' in output
