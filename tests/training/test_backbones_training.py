"""Runs of other backbones from videos to weights, with targets whose geometry the model tells."""

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from tests.models.backbone_cases import CASES
from tests.tiny import CONFIG, make_data

UNSAID = dict(time_stride=None, frame_sampling=None, cell_size=None)
CHANGES = {
    'VideoMAE': dict(SampleTimeWindow=dict(clip_len=8), LoadTargets=UNSAID),
    'TSM': dict(
        SampleTimeWindow=dict(clip_len=1, num_clips=8),
        LoadTargets=UNSAID,
        FormatShape=dict(input_format='NCHW'),
    ),
}


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp('data'), num_videos=4)


@pytest.mark.parametrize(
    'name',
    [pytest.param(name, marks=pytest.mark.slow) if name == 'TSM' else name for name in CHANGES],
)
def test_a_run_whose_config_states_no_numbers(name, data, tmp_path, monkeypatch):
    """The loading process has the model's geometry, and heads and backbone learn."""
    for key, value in data.items():
        monkeypatch.setenv(key, value)
    cfg, case = Config.fromfile(CONFIG), CASES[name]
    model = case.ours()
    model['cls_head'].update(num_classes=2, topk=(1,))
    model['aux_heads']['object_score']['num_classes'] = 10
    cfg.model = model
    cfg.train_dataloader.dataset.pipeline = [
        dict(step, **CHANGES[name].get(step['type'], {}))
        for step in cfg.train_dataloader.dataset.pipeline
    ]
    cfg.train_cfg = dict(by_epoch=True, max_epochs=1, val_interval=9)
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.work_dir = str(tmp_path)
    runner = Runner.from_cfg(cfg)
    before = {key: value.clone() for key, value in runner.model.named_parameters()}
    runner.train()
    assert cfg.train_dataloader.num_workers == 1 and runner.iter == 1
    learned = [key for key, p in runner.model.named_parameters() if not p.equal(before[key])]
    for part in ('backbone.', 'cls_head.', *(f'aux_heads.{head}.' for head in model['aux_heads'])):
        assert any(key.startswith(part) for key in learned), part
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    assert {key.split('.')[0] for key in saved} == {'backbone', 'cls_head', 'aux_heads'}
