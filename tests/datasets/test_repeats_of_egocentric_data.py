"""Repeated clips of the egocentric data sets: frames, segments, labels of frames, targets."""

from pathlib import Path

import pytest
import torch
from mmaction.registry import DATASETS
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from tests import finetune_data

CONFIGS = Path(__file__).parents[2] / 'configs' / 'finetune'
# data set -> shipped config, whether it has Interaction-Maps, shape of a label
CASES = {
    'charades_ego': ('charades_ego/egoexo_star_slowonly_r50_charades_ego.py', True, (157,)),
    'epic100': ('epic100/egoexo_star_slowfast_r50_epic100.py', True, (2,)),
    'ego4d': ('ego4d/slowfast_r50_ego4d.py', False, (2,)),
    'egoexo4d_keystep': ('egoexo4d_keystep/slowfast_r50_keystep.py', False, (1,)),
}


@pytest.mark.parametrize('name', CASES)
def test_repeats(tmp_path, name):
    config, maps, label = CASES[name]
    cfg = Config.fromfile(CONFIGS / config).train_dataloader.dataset
    cfg.update(getattr(finetune_data, name)(tmp_path), num_repeats=3)
    if maps:
        cfg.targets = dict(interaction_map=str(tmp_path / 'boxes'))
    changes = dict(RandomRescaleCrop=dict(scale_range=(64, 96), size=64))
    for step in cfg.pipeline:
        step.update(changes.get(step.type, {}))
    dataset = DATASETS.build(cfg)
    dataset.pipeline.transforms[0].set_epoch(0, 0)
    for i in range(len(dataset)):
        clips = dataset[i]
        assert len(clips) == 3
        for clip in clips:
            assert clip['data_samples'].gt_label.shape == label
            assert ('interaction_map' in clip['data_samples']) == maps
            assert clip['inputs'].shape == clips[0]['inputs'].shape
            assert clip['data_samples'].gt_label.any() or name != 'charades_ego'
        assert not torch.equal(clips[0]['inputs'], clips[1]['inputs'])
