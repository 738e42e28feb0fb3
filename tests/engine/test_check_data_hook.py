"""Lists too small for a batch, and labels beyond the head, are reported before training."""

import json
from types import SimpleNamespace

import pytest
import torch
from mmaction.registry import DATASETS, HOOKS
from mmengine.config import Config
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from egoexo_mm.engine.check_data_hook import check_batches, check_labels, head_classes
from egoexo_mm.models.heads import VerbNounHead
from tests.media import write_kinetics
from tests.tiny import CONFIG


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """The tiny configuration over 3 videos of the classes 0 and 1, without stores."""
    write_kinetics(tmp_path, 3, num_frames=20)
    monkeypatch.setenv('TINY_DATA', str(tmp_path))
    cfg = Config.fromfile(CONFIG)
    cfg.work_dir = str(tmp_path / 'work')
    cfg.train_dataloader.dataset.targets = None
    for loader in (cfg.train_dataloader, cfg.val_dataloader):
        loader.update(num_workers=0, persistent_workers=False)
    return cfg


def test_fewer_videos_than_a_batch(tiny):
    """The schedule is built before any hook can speak, and must not get in the way."""
    with pytest.raises(
        ValueError,
        match=(
            r'list\.txt: 3 videos or segments give no batch, since train_dataloader has '
            r'batch_size=4 on 1 process and drop_last=True, which needs 4; '
            r'set train_dataloader\.batch_size=3 or less \(and --auto-scale-lr, .*\), or set '
            r'train_dataloader\.drop_last=False'
        ),
    ):
        Runner.from_cfg(tiny).train()


@pytest.mark.slow
def test_the_advice_helps(tiny, tmp_path):
    tiny.train_dataloader.batch_size = 3
    tiny.train_cfg.max_epochs = 1
    Runner.from_cfg(tiny).train()
    assert (tmp_path / 'work' / 'epoch_1.pth').exists()


def test_ranks_share_the_list(tiny, monkeypatch):
    data = DATASETS.build(
        dict(
            type='VideoTargetDataset', ann_file=tiny.train_dataloader.dataset.ann_file, pipeline=[]
        )
    )
    monkeypatch.setattr('egoexo_mm.engine.check_data_hook.get_world_size', lambda: 2)
    loader = torch.utils.data.DataLoader(
        data, batch_size=3, drop_last=True, sampler=[0, 1]
    )  # each rank gets 2 of 3
    with pytest.raises(
        ValueError,
        match=(
            r'3 videos .* batch_size=3 on 2 processes and drop_last=True, which needs 5; set '
            r'train_dataloader.batch_size=2 or less .*, start fewer processes, or'
        ),
    ):
        check_batches(loader)
    check_batches(torch.utils.data.DataLoader(data, batch_size=2, drop_last=True, sampler=[0, 1]))


def test_a_label_beyond_the_head(tiny, tmp_path):
    tiny.train_dataloader.batch_size = 1
    with open(tmp_path / 'list.txt', 'a') as file:
        file.write('\nclip_0.mp4 2\n')
    with pytest.raises(
        ValueError,
        match=(
            r'list\.txt, line 5: label 2 is beyond the class head, which has 2 classes, 0 to 1; '
            r'correct the label, or set '
            r'model\.cls_head\.num_classes to the number of classes'
        ),
    ):
        Runner.from_cfg(tiny).train()


def test_missing_validation_list(tiny, tmp_path):
    tiny.train_dataloader.batch_size = 1
    tiny.val_dataloader.dataset.ann_file = str(tmp_path / 'val.txt')
    with pytest.raises(
        ValueError,
        match=(
            r'val\.txt: no such annotation file; set val_dataloader\.dataset\.ann_file '
            r'.*--no-validate, or val_cfg, '
            'val_dataloader and val_evaluator set to None'
        ),
    ):
        Runner.from_cfg(tiny).train()


def test_several_labels(tmp_path):
    (tmp_path / 'list.txt').write_text('a.mp4 1 3\nb.mp4 4\n')

    def build(classes):
        return DATASETS.build(
            dict(
                type='VideoTargetDataset',
                ann_file=str(tmp_path / 'list.txt'),
                pipeline=[],
                multi_class=True,
                num_classes=classes,
            )
        )

    head = SimpleNamespace(num_classes=5)
    check_labels(build(5), head)
    with pytest.raises(
        ValueError, match='num_classes=6 of the data set and num_classes=5 of the head differ'
    ):
        check_labels(build(6), head)


def test_verbs_and_nouns(tmp_path):
    clip = dict(clip_uid='c', action_clip_start_sec=0, action_clip_end_sec=1)
    (tmp_path / 'a.json').write_text(
        json.dumps(
            dict(
                clips=[
                    dict(clip, action_idx=0, verb_label=1, noun_label=5),
                    dict(clip, action_idx=1, verb_label=116, noun_label=2),
                ]
            )
        )
    )
    data = DATASETS.build(
        dict(
            type='Ego4DFHODataset',
            ann_file=str(tmp_path / 'a.json'),
            pipeline=[],
            check_files=False,
        )
    )
    head = VerbNounHead(num_verbs=117, num_nouns=521, in_channels=4)
    assert head_classes(head) == [('num_verbs', 117), ('num_nouns', 521)]
    check_labels(data, head)
    with pytest.raises(
        ValueError,
        match=r'a\.json, c_1: label 116 is beyond .* 115 classes.*model\.cls_head\.num_verbs',
    ):
        check_labels(data, VerbNounHead(num_verbs=115, num_nouns=478, in_channels=4))


def test_other_models_and_data_pass():
    check_labels([1, 2, 3], SimpleNamespace(num_classes=2))
    check_labels(object(), None)
    HOOKS.build(dict(type='CheckDataHook')).before_run(SimpleNamespace(model=torch.nn.Linear(1, 1)))
