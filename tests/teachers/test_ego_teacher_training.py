"""An Ego-Score teacher from end to end on Charades-Ego's layout: train, measure, load, score."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, METRICS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation import EgoScoreMetric
from egoexo_mm.models import EgoScoreTeacher
from tests.finetune_data import write_rows
from tests.training.runs import ROOT, log, train

SHIPPED = ROOT / 'configs/teachers/ego_score_slowfast_r50_charades_ego.py'
SMALL = dict(
    RandomRescaleCrop=dict(scale_range=(48, 56), size=32),
    CenterCrop=dict(crop_size=32),
    Resize=dict(scale=(-1, 48)),
    SampleClampedFrames=dict(clip_len=8),
)
PAIRS, EPOCHS = 8, 10


def filmed(
    first_person: bool, seed: int, frames: int = 16, height: int = 48, width: int = 64
) -> np.ndarray:
    """(T, H, W, 3): noise that stands still, or pans and has bright hands at the bottom."""
    rng = np.random.default_rng(seed)
    scene = cv2.resize(rng.integers(0, 160, (8, 32, 3), dtype=np.uint8), (4 * width, height))
    steps = range(0, 3 * frames, 3) if first_person else [0] * frames
    clip = np.stack([scene[:, step : step + width] for step in steps])
    if first_person:
        clip[:, height // 2 :] = (250, 200, 180)
    return clip


def write_charades_ego(root: Path) -> None:
    """Two official csv files and their folders of frames."""
    for split, offset in (('train', 0), ('test', 100)):
        rows = []
        for pair in range(PAIRS):
            for suffix in ('', 'EGO'):
                name = f'{split[:2].upper()}{pair:03}{suffix}'
                (root / 'rgb' / name).mkdir(parents=True)
                for number, frame in enumerate(filmed(bool(suffix), offset + pair), 1):
                    cv2.imwrite(
                        str(root / 'rgb' / name / f'{name}-{number:06}.jpg'), frame[..., ::-1]
                    )
                rows.append(
                    dict(id=name, actions='', length=16 / 24, egocentric='Yes' if suffix else 'No')
                )
        write_rows(root / f'{split}.csv', rows)


def shrink(root: Path) -> Path:
    """The shipped config on these files, with the tests' backbone."""
    cfg = Config.fromfile(SHIPPED)
    norm = dict(type='BN3d', momentum=0.5)  # few steps
    cfg.model.backbone = dict(
        type='ResNet3dSlowOnly',
        depth=18,
        base_channels=8,
        pretrained=None,
        lateral=False,
        norm_cfg=norm,
        norm_eval=False,
    )
    cfg.model.cls_head.update(in_channels=64, pool_size=1, dropout_ratio=0)
    for split, name in (
        ('train', 'train_dataloader'),
        ('test', 'val_dataloader'),
        ('test', 'test_dataloader'),
    ):
        loader = cfg[name]
        loader.update(
            batch_size=1 if name == 'test_dataloader' else 4,
            num_workers=0,
            persistent_workers=False,
        )
        loader.dataset.update(
            ann_file=str(root / f'{split}.csv'), data_prefix=dict(img=str(root / 'rgb'))
        )
        for step in loader.dataset.pipeline:
            step.update(
                {key: value for key, value in SMALL.get(step['type'], {}).items() if key in step}
            )
            step.update(dict(num_clips=2) if step.get('num_clips') == 10 else {})
    cfg.test_evaluator.report_dir = str(root / 'report')
    cfg.train_cfg.update(max_epochs=EPOCHS, val_begin=EPOCHS)
    cfg.param_scheduler[0].update(T_max=EPOCHS, end=EPOCHS)
    cfg.optim_wrapper.optimizer.lr = 0.1
    cfg.default_hooks.logger.interval = cfg.log_processor.window_size = 1
    torch.manual_seed(0)
    model = MODELS.build(Config(dict(cfg)).model)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict(), meta={}), root / 'kinetics.pth')
    cfg.load_from = str(root / 'kinetics.pth')
    cfg.dump(root / 'config.py')
    return root / 'config.py'


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp('ego_teacher')
    write_charades_ego(root)
    config = shrink(root)
    train(config, root / 'work')
    (checkpoint,) = (root / 'work').glob('best_*.pth')  # chosen by accuracy
    cfg = Config.fromfile(config)
    cfg.update(work_dir=str(root / 'test'), load_from=str(checkpoint), launcher='none')
    return root, config, checkpoint, Runner.from_cfg(cfg).test()


def test_it_learns(run):
    root = run[0]
    losses = [record['loss'] for record in log(root / 'work')]
    assert len(losses) == EPOCHS * 2 * PAIRS // 4 and np.mean(losses[-8:]) < 0.5 * np.mean(
        losses[:8]
    )


def test_accuracy_and_calibration(run):
    root, _, checkpoint, found = run
    assert 'accuracy' in checkpoint.name
    names = (
        'accuracy',
        'accuracy_exo',
        'accuracy_ego',
        'nll',
        'ece',
        'temperature',
        'nll_fitted',
        'ece_fitted',
    )
    assert {f'ego_score/{name}' for name in names} <= set(found)
    assert found['ego_score/accuracy'] >= 0.9 and found['ego_score/nll'] < np.log(2)
    assert found['ego_score/nll_fitted'] <= found['ego_score/nll'] + 1e-6
    with open(root / 'report' / 'ego_score_reliability.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15 and sum(int(row['videos']) for row in rows) == 2 * PAIRS


def test_the_teacher_separates_new_clips(run):
    _, config, checkpoint, _ = run
    teacher = EgoScoreTeacher(
        recognizer=str(config), checkpoint=str(checkpoint), clip_len=8, short_side=48, crop_size=32
    )
    clips = [filmed(ego, 200 + seed, frames=8) for seed in range(4) for ego in (False, True)]
    pixels = torch.from_numpy(np.stack(clips)).permute(0, 4, 1, 2, 3).float()
    margin = torch.stack(teacher.targets(pixels)).diff(dim=1).flatten()
    assert margin[1::2].min() > margin[::2].max()  # every first-person clip above every other
    assert len(teacher.weights_sha256) == 64


# ---- the shipped config


def test_shipped_config():
    cfg = Config.fromfile(SHIPPED)
    assert cfg.load_from == 'work_dirs/slowfast_k400/epoch_200.pth'
    assert cfg.auto_scale_lr.base_batch_size == 8 * cfg.train_dataloader.batch_size == 64
    assert [hook.type for hook in cfg.custom_hooks] == ['SampleSeedHook', 'CheckWeightsHook']
    assert all(
        isinstance(METRICS.build(cfg[name]), EgoScoreMetric)
        for name in ('val_evaluator', 'test_evaluator')
    )
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    samples = [ActionDataSample().set_gt_label(label) for label in (0, 1)]
    data = dict(
        inputs=[torch.randint(256, (1, 3, 16, 32, 32), dtype=torch.uint8)] * 2, data_samples=samples
    )
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    losses['loss_cls'].backward()
    assert all(p.grad is not None for p in model.parameters()) and 'top1_acc' in losses


def test_shipped_pipelines(tmp_path):
    cfg = Config.fromfile(SHIPPED)
    name = 'AEGO'
    (tmp_path / name).mkdir()
    for number, frame in enumerate(filmed(True, 0), 1):
        cv2.imwrite(str(tmp_path / name / f'{name}-{number:06}.jpg'), frame)
    write_rows(tmp_path / 'a.csv', [dict(id=name, actions='', length=16 / 24, egocentric='Yes')])
    for split, views in (('train', 1), ('val', 1), ('test', 10)):
        spec = cfg[f'{split}_dataloader'].dataset
        spec.update(
            ann_file=str(tmp_path / 'a.csv'), data_prefix=dict(img=str(tmp_path)), view='first'
        )
        item = DATASETS.build(spec)[0]
        assert item['inputs'].shape == (views, 3, 32, 224, 224) and item[
            'data_samples'
        ].gt_label.tolist() == [1]
