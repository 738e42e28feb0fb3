"""Shipped extraction configs."""

from pathlib import Path

import pytest
from media import write_kinetics
from mmaction.registry import DATASETS
from mmengine.config import Config

import egoexo_mm  # noqa: F401

CONFIGS = Path(__file__).parents[2] / 'configs'
SHIPPED = {path.stem: path for path in (CONFIGS / 'teachers').glob('*_k400.py')}


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    root = tmp_path_factory.mktemp('videos')
    write_kinetics(root, 1, num_frames=150)
    return root


def test_one_for_each_target_of_training():
    targets = Config.fromfile(CONFIGS / 'egoexo_slowfast_k400.py').train_dataloader.dataset.targets
    assert {Config.fromfile(path).test_cfg.store for path in SHIPPED.values()} == set(
        targets.values()
    )


@pytest.mark.parametrize(
    'name, items, length',
    [('ego_score_k400', 10, 32), ('object_score_k400', 16, 1), ('hand_object_k400', 38, 1)],
)
def test_frames(videos, name, items, length):
    cfg = Config.fromfile(SHIPPED[name])
    training = Config.fromfile(CONFIGS / 'slowfast_k400.py').train_dataloader.dataset
    data = cfg.test_dataloader.dataset
    assert (data.ann_file, data.data_prefix) == (training.ann_file, training.data_prefix)
    data.update(ann_file=str(videos / 'list.txt'), data_prefix=dict(video=str(videos / 'videos')))
    chunks = list(DATASETS.build(data))
    shapes = [len(frames) for chunk in chunks for _, frames in chunk.items]
    assert shapes == [length] * items
    assert cfg.model.get('clip_len', length) == length
    assert (cfg.test_evaluator, cfg.test_dataloader.sampler, cfg.load_from) == ([], None, None)
    for key in ('recognizer', 'detector'):  # a file beside the config, from wherever it is run
        assert Path(cfg.model.get(key, SHIPPED[name])).parent == CONFIGS / 'teachers'
