"""Viewpoint distillation: the configs of Ego-Exo4D and what training gets from a take's store."""

import json
from pathlib import Path

import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

import egoexo_mm  # noqa: F401
from egoexo_mm.targets import Manifest, StoreWriter
from tests import finetune_data

ROOT = Path(__file__).parents[2] / 'configs' / 'viewpoint'


def load(name):
    return Config.fromfile(ROOT / f'{name}.py')


def test_teacher_sees_the_cameras_that_the_student_does_not():
    teacher, student = load('slowfast_r50_keystep_exo'), load('slowfast_r50_keystep_ego')
    for loader in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        assert teacher[loader].dataset.views == 'exo'
        assert student[loader].dataset.views == 'ego'
    extraction = load('extract_keystep')
    assert Path(extraction.model.recognizer).samefile(ROOT / 'slowfast_r50_keystep_exo.py')
    assert extraction.model.signal == student.model.aux_heads.keystep.target == 'keystep'
    stream, data = extraction.test_dataloader.dataset, student.train_dataloader.dataset
    assert (stream.ann_file, stream.data_prefix) == (data.ann_file, data.data_prefix)
    assert list(data.targets) == ['keystep']


@pytest.fixture(scope='module')
def step(tmp_path_factory):
    """Data sample and losses of one step of the shipped student, with a smaller backbone."""
    root = tmp_path_factory.mktemp('keystep')
    files = finetune_data.egoexo4d_keystep(root)
    manifest = Manifest(
        signal='keystep',
        dataset='toy',
        teacher='t',
        score_kind='logits',
        num_scores=278,
        row='segment',
        video_id='path',
    )
    rows = [torch.randn(278, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    with StoreWriter(root / 'store', manifest) as writer:
        for row, segment in zip(rows, json.loads((root / 'segments.json').read_text())['segments']):
            span = segment['start_time'], segment['end_time']
            writer.add_scores(segment['take_uid'], row.numpy(), span=span)
    cfg = load('slowfast_r50_keystep_ego')
    data = cfg.train_dataloader.dataset
    data.update(**files, targets=dict(keystep=str(root / 'store')))
    batch = pseudo_collate([DATASETS.build(data)[i] for i in (0, 2)])
    for pathway in ('slow_pathway', 'fast_pathway'):
        cfg.model.backbone[pathway].update(depth=18)
    cfg.model.cls_head.in_channels = 576
    cfg.model.aux_heads.keystep.in_channels = None
    model = MODELS.build(cfg.model)
    inputs = model.data_preprocessor(batch, training=True)
    inputs['inputs'] = inputs['inputs'][..., :64, :64]
    return [rows[0], rows[2]], inputs['data_samples'], model.loss(**inputs)


def test_student_gets_the_row_of_its_segment(step):
    rows, samples, _ = step
    for row, sample in zip(rows, samples):
        torch.testing.assert_close(sample.keystep, row, atol=2e-3, rtol=1e-3)  # float16


def test_student_learns_labels_and_teacher(step):
    losses = step[-1]
    assert {name for name in losses if name.startswith('loss')} == {'loss_cls', 'loss_keystep'}
    assert losses['loss_keystep'].requires_grad and losses['loss_keystep'] > 0
