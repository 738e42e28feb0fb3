from types import SimpleNamespace

from mmaction.registry import DATASETS, HOOKS
from mmengine.config import Config
from mmengine.runner import EpochBasedTrainLoop

import egoexo_mm  # noqa: F401
from tests.conftest import ROOT


def test_it_is_in_every_training_config():
    """Under a name of its own, so that a config with other custom_hooks keeps it."""
    for name in (
        'egoexo_slowfast_k400.py',
        'finetune/epic100/slowfast_r50_epic100.py',
        'miniworld/pretrain_third.py',
        'finetune/egoexo4d_keystep/slowfast_r50_keystep.py',
        'demo/egoexo_slowfast_demo.py',
    ):
        hooks = Config.fromfile(ROOT / 'configs' / name).default_hooks
        assert (
            hooks.broken_media.type == 'BrokenMediaHook'
            and hooks.check_data.type == 'CheckDataHook'
        ), name


def test_data_sets_learn_work_dir_and_epoch(tmp_path):
    (tmp_path / 'list.txt').write_text('a.mp4 0\n')
    data = DATASETS.build(
        dict(type='VideoTargetDataset', ann_file=str(tmp_path / 'list.txt'), pipeline=[])
    )
    named = DATASETS.build(
        dict(
            type='VideoTargetDataset',
            ann_file=str(tmp_path / 'list.txt'),
            pipeline=[],
            failed_file='broken/train.jsonl',
        )
    )
    wrapped = SimpleNamespace(datasets=[SimpleNamespace(dataset=data), named])
    loop = EpochBasedTrainLoop.__new__(EpochBasedTrainLoop)
    runner = SimpleNamespace(
        work_dir=str(tmp_path / 'work'),
        seed=3,
        epoch=5,
        train_loop=loop,
        train_dataloader=SimpleNamespace(dataset=wrapped),
    )
    assert data.failed.file is None and data._seed_words()[0] >= 0
    hook = HOOKS.build(dict(type='BrokenMediaHook'))
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    assert data.failed.file == tmp_path / 'work' / 'failed.jsonl'
    assert named.failed.file == tmp_path / 'work' / 'broken' / 'train.jsonl'
    assert data._seed_words() == [3, 5]
