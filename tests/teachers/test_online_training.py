"""A whole run with teachers in the training step and no target store, on two processes."""

import pytest

import egoexo_mm  # noqa: F401
from tests.media import write_kinetics
from tests.teachers.tiny_detector import write_weights
from tests.training.runs import ROOT, log, train, weights

CONFIG = ROOT / 'tests' / 'data' / 'tiny_online.py'


@pytest.mark.slow
def test_two_ranks_train_without_stores(tmp_path):
    write_kinetics(tmp_path, 4)
    train(
        CONFIG,
        tmp_path / 'run',
        'train_dataloader.batch_size=1',
        'train_cfg.max_epochs=1',
        procs=2,
        flags=('--no-validate',),
        TINY_DATA=str(tmp_path),
        TINY_DETECTOR=str(write_weights(tmp_path / 'tiny.pth')),
    )
    records = log(tmp_path / 'run')
    assert len(records) == 2  # 4 clips, one a rank
    for record in records:
        parts = [
            record[name]
            for name in ('loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object')
        ]
        assert min(parts) > 0 and record['loss'] == pytest.approx(sum(parts), rel=1e-5)
    names = weights(tmp_path / 'run', 1)
    assert {name.split('.')[0] for name in names} == {'backbone', 'cls_head', 'aux_heads'}
