"""Whole runs through the launch scripts, ours and MMAction2's own, on real videos and stores."""

import sys
from importlib import metadata

import numpy as np
import pytest
import torch

import egoexo_mm  # noqa: F401
from tests.tiny import CONFIG, make_data
from tests.training.runs import HOST_TOOLS, OUR_TOOLS, launch, log, test, train, weights

LOSSES = ('loss', 'loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Data of the tiny configuration, and the environment that points it there."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in make_data(tmp_path_factory.mktemp('data')).items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope='module')
def uninterrupted(data, tmp_path_factory):
    """Three epochs in one go, with dropout, on one process."""
    work_dir = tmp_path_factory.mktemp('whole')
    train(
        CONFIG,
        work_dir,
        'train_cfg.max_epochs=3',
        'model.cls_head.dropout_ratio=0.5',
        'train_cfg.val_begin=9',
    )
    return work_dir


def test_all_losses_are_logged(uninterrupted):
    records = log(uninterrupted)
    assert len(records) == 6  # 8 videos in batches of 4
    assert all(np.isfinite(record[name]) for record in records for name in LOSSES)
    assert all(
        record['loss'] == pytest.approx(sum(record[name] for name in LOSSES[1:]), rel=1e-5)
        for record in records
    )


def test_resumed_run_equals_an_uninterrupted_one(data, uninterrupted, tmp_path):
    options = ('model.cls_head.dropout_ratio=0.5', 'train_cfg.val_begin=9')
    train(CONFIG, tmp_path, 'train_cfg.max_epochs=1', *options)
    assert not (tmp_path / 'epoch_2.pth').exists()
    # another number of workers draws the same augmentations
    train(
        CONFIG,
        tmp_path,
        'train_cfg.max_epochs=3',
        'train_dataloader.num_workers=2',
        *options,
        flags=('--resume',),
    )
    found, expected = log(tmp_path), log(uninterrupted)
    assert [[record[name] for name in LOSSES] for record in found] == [
        [record[name] for name in LOSSES] for record in expected
    ]
    for name, value in weights(uninterrupted, 3).items():
        assert torch.equal(weights(tmp_path, 3)[name], value), name


def test_two_ranks_equal_one_process(data, tmp_path):
    whole, ranks = tmp_path / 'whole', tmp_path / 'ranks'
    train(CONFIG, whole)
    output = train(CONFIG, ranks, 'train_dataloader.batch_size=2', procs=2)
    assert 'gloo' in output or torch.cuda.is_available()
    start = None
    for name, value in weights(whole, 2).items():
        torch.testing.assert_close(weights(ranks, 2)[name], value, rtol=1e-4, atol=1e-6, msg=name)
        start = value if name.endswith('fc_cls.weight') else start
    assert not torch.equal(weights(whole, 1)['cls_head.fc_cls.weight'], start)  # it did train


def test_ranks_without_targets_do_not_hang(data, tmp_path):
    """No sample has any target: the action loss trains alone, and gradients still meet."""
    none = [
        f'train_dataloader.dataset.targets.{name}='
        for name in ('ego_score', 'object_score', 'interaction_map')
    ]
    train(
        CONFIG, tmp_path, 'train_dataloader.batch_size=2', 'train_cfg.max_epochs=1', *none, procs=2
    )
    for record in log(tmp_path):
        assert record['loss'] == pytest.approx(record['loss_cls']) and record['loss_hand'] == 0
    moved = weights(tmp_path, 1)['aux_heads.ego_score.fc.bias']
    assert not moved.any()  # weight decay and zero gradients leave a zero bias at zero


def test_checkpoint_tests_and_strips(data, uninterrupted, tmp_path):
    output = test(
        CONFIG, uninterrupted / 'epoch_3.pth', tmp_path, '--dump', tmp_path / 'scores.pkl', procs=2
    )
    assert 'acc/top1' in output and (tmp_path / 'scores.pkl').stat().st_size > 0
    launch(
        [
            sys.executable,
            OUR_TOOLS / 'strip_aux.py',
            uninterrupted / 'epoch_3.pth',
            tmp_path / 'plain.pth',
        ]
    )
    assert not [
        name
        for name in torch.load(tmp_path / 'plain.pth', weights_only=True)['state_dict']
        if 'aux' in name
    ]


NEEDS_120 = pytest.mark.skipif(
    metadata.version('mmaction2') != '1.2.0', reason='written for the scripts of mmaction2 1.2.0'
)


@NEEDS_120
def test_mmaction2s_own_scripts(data, uninterrupted, tmp_path):
    """The config unchanged under the installed MMAction2's train.py and test.py."""
    train(
        CONFIG,
        tmp_path,
        'train_cfg.max_epochs=3',
        'model.cls_head.dropout_ratio=0.5',
        'train_cfg.val_begin=9',
        tools=HOST_TOOLS,
    )
    assert [[record[name] for name in LOSSES] for record in log(tmp_path)] == [
        [record[name] for name in LOSSES] for record in log(uninterrupted)
    ]
    assert 'acc/top1' in test(CONFIG, tmp_path / 'epoch_3.pth', tmp_path, tools=HOST_TOOLS)


@NEEDS_120
@pytest.mark.slow
def test_mmaction2s_own_scripts_on_two_ranks(data, tmp_path):
    output = train(CONFIG, tmp_path, 'train_dataloader.batch_size=2', tools=HOST_TOOLS, procs=2)
    assert (tmp_path / 'epoch_2.pth').exists(), output[-2000:]
