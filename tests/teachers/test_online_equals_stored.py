"""One clip with targets from stores that the teachers filled, and with online targets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from decord import VideoReader
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

import egoexo_mm  # noqa: F401
from egoexo_mm.targets import StoreWriter
from tests.media import write_video
from tests.teachers.tiny_detector import write_weights

CONFIG = Path(__file__).parents[1] / 'data' / 'tiny_online.py'
LENGTH, SIZE = (
    16,
    64,
)  # of the clip, which is the whole video; of its square frame, which is the crop


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Two lossless videos and a list."""
    root = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    for i in range(2):
        coarse = rng.integers(0, 256, (LENGTH, 8, 8, 3), np.uint8)
        write_video(
            root / f'v{i}.avi', coarse.repeat(SIZE // 8, 1).repeat(SIZE // 8, 2), codec='FFV1'
        )
    (root / 'list.txt').write_text('v0.avi 0\nv1.avi 1\n')
    return root


@pytest.fixture(scope='module')
def model(data):
    init_default_scope('mmaction')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TINY_DETECTOR', str(write_weights(data / 'tiny.pth')))
        cfg = Config.fromfile(CONFIG)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model.train()


def extract(teacher, data, folder, items):
    """Extraction: (n, L) frames of each video through prepare, infer and row into a store."""
    with StoreWriter(folder, teacher.manifest('toy')) as writer:
        for name in ('v0', 'v1'):
            frames = VideoReader(str(data / f'{name}.avi')).get_batch(items.flatten()).asnumpy()
            prepared = teacher.prepare(torch.from_numpy(frames).permute(0, 3, 1, 2)).unflatten(
                0, items.shape
            )
            row = teacher.row(teacher.infer(prepared, (SIZE, SIZE)), items)
            add = writer.add_scores if 'scores' in row else writer.add_detections
            add(name, **row, num_frames=LENGTH, fps=30, width=SIZE, height=SIZE)
    return str(folder)


def batch(data, stores, sampling):
    """The two clips as training loads them."""
    dataset = DATASETS.build(
        dict(
            type='VideoTargetDataset',
            ann_file=str(data / 'list.txt'),
            data_prefix=dict(video=str(data)),
            targets=stores,
            pipeline=[
                dict(type='DecordInit'),
                dict(type='SampleFrames', clip_len=LENGTH, frame_interval=1, num_clips=1),
                dict(type='DecordDecode'),
                dict(type='TrackGeometry'),
                dict(type='LoadTargets', time_stride=4, frame_sampling=sampling),
                dict(type='FormatShape', input_format='NCTHW'),
                dict(
                    type='PackActionInputs',
                    algorithm_keys=('ego_score', 'object_score', 'interaction_map'),
                ),
            ],
        )
    )
    return pseudo_collate([dataset[0], dataset[1]])


@pytest.mark.parametrize(
    'sampling, every, seen', [('linspace', 1, [0, 5, 10, 15]), ('stride', 2, [0, 8])]
)
def test_losses_are_equal(model, data, tmp_path, monkeypatch, sampling, every, seen):
    """Stores round scores to float16, 2^-11 of their size.

    A detector on every second slow frame equals a store of stride 8.
    """
    teachers = model.teachers.built
    monkeypatch.setattr(teachers['interaction_map'], 'frame_sampling', sampling)
    monkeypatch.setattr(teachers['interaction_map'], 'every', every)
    quarters = np.arange(LENGTH).reshape(-1, 4)
    items = dict(ego_score=quarters, object_score=quarters, interaction_map=np.array(seen)[:, None])
    stores = {
        name: extract(teachers[name], data, tmp_path / name, items[name]) for name in teachers
    }
    losses, samples = {}, {}
    for name, folders in (('stored', stores), ('online', {})):
        loaded = model.data_preprocessor(batch(data, folders, sampling), training=True)
        assert all(
            (field in sample) == bool(folders)
            for field in teachers
            for sample in loaded['data_samples']
        )
        samples[name] = model.teachers.fill(**loaded, preprocessor=model.data_preprocessor)
        losses[name] = {
            key: value.item() for key, value in model.loss(**loaded).items() if 'loss' in key
        }
    for one, other in zip(samples['stored'], samples['online']):
        for field in teachers:
            torch.testing.assert_close(one.get(field), other.get(field), rtol=6e-4, atol=1e-6)
        assert len(one.interaction_map.unique()) > 4
        assert (
            (one.interaction_map > 0) == (other.interaction_map > 0)
        ).all()  # the very same cells
    assert losses['stored'] == pytest.approx(losses['online'], rel=1e-3)
    assert min(losses['online'].values()) > 1e-3
