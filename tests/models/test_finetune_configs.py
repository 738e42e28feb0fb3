"""Every fine-tuning config loads, builds, reads its data and trains; figures of the recipes."""

from pathlib import Path

import pytest
import torch
from mmaction.registry import DATASETS, METRICS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.models.raw_views import FrameViews
from tests import finetune_data

ROOT = Path(__file__).parents[2] / 'configs' / 'finetune'
ALL = sorted(path.stem for path in ROOT.glob('*/*.py'))
SHIPPED = [name for name in ALL if 'vit' not in name]  # SlowFast and Slow; see test_vit_configs.py
EXPECTED = {
    f'{kind}{backbone}_{task}'
    for task, backbones, kinds in (
        (
            'charades_ego',
            ('slowonly_r50', 'slowfast_r50', 'slowfast_r101', 'vit_base'),
            ('', 'egoexo_', 'egoexo_star_'),
        ),
        ('epic55', ('slowfast_r50',), ('', 'egoexo_', 'egoexo_star_')),
        ('epic100', ('slowfast_r50', 'slowfast_r101', 'vit_base'), ('', 'egoexo_', 'egoexo_star_')),
        ('ego4d', ('slowfast_r50', 'vit_base'), ('', 'egoexo_')),
        ('ego4d', ('vit_base',), ('egoexo_star_',)),
        ('keystep', ('slowfast_r50', 'vit_base'), ('', 'egoexo_')),
    )
    for backbone in backbones
    for kind in kinds
} | {'slowfast_r50_mmaction_epic100'}
CLASSES = dict(
    charades_ego=157, epic55=(125, 352), epic100=(97, 300), ego4d=(117, 521), keystep=278
)
STAR_WEIGHT = dict(charades_ego=0.1, epic55=3.0, epic100=3.0)
RATE = dict(charades_ego=0.25, epic55=0.01, epic100=0.01, ego4d=1e-4, keystep=0.01)  # for 64 clips


def load(name):
    (path,) = ROOT.glob(f'*/{name}.py')
    return Config.fromfile(path)


def task_of(name):
    return next(task for task in CLASSES if name.endswith(task))


def clip_len(cfg):
    return next(
        step.clip_len for step in cfg.train_dataloader.dataset.pipeline if 'clip_len' in step
    )


def test_all_of_them_are_there():
    assert set(ALL) == EXPECTED


@pytest.mark.parametrize('name', [n for n in ALL if n.startswith('egoexo') and 'star' not in n])
def test_egoexo_differs_from_the_baseline_in_the_weights_it_starts_from(name):
    ours, plain = load(name), load(name.removeprefix('egoexo_'))
    starts = [cfg.pop('load_from') for cfg in (ours, plain)]
    assert (
        ours.to_dict() == plain.to_dict()
        and starts[0].startswith('work_dirs/egoexo_')
        and 'egoexo' not in starts[1]
    )
    assert (
        ROOT.parent / f'{Path(starts[0]).parent.name}.py'
    ).is_file()  # a config of this package makes it


@pytest.mark.parametrize('name', [n for n in SHIPPED if 'star' in n or not n.startswith('egoexo')])
def test_training_step(name):
    cfg, task = load(name), task_of(name)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    frames = 8 if 'slowonly' in name else 16
    samples = []
    for i in range(2):
        label = (
            i if task == 'keystep' else torch.eye(157)[i] if task == 'charades_ego' else [i, 2 * i]
        )
        sample = ActionDataSample().set_gt_label(label)
        sample.set_field(torch.rand(2, 8 if 'slowonly' in name else 4, 2, 2), 'interaction_map')
        samples.append(sample)
    data = dict(
        inputs=[torch.randint(256, (1, 3, frames, 64, 64), dtype=torch.uint8)] * 2,
        data_samples=samples,
    )
    losses = model(**model.data_preprocessor(data, training=True), mode='loss')
    names = {'loss_cls'} if isinstance(CLASSES[task], int) else {'loss_verb', 'loss_noun'}
    names |= {'loss_hand', 'loss_held_object'} if 'star' in name else set()
    assert {key for key in losses if 'loss' in key} == names
    sum(losses[key] for key in names).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('name', SHIPPED)
def test_recipe(name):
    cfg, task = load(name), task_of(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.lr) == ('FusedSGD', RATE[task])
    assert (optimizer.momentum, optimizer.weight_decay, optimizer.nesterov) == (0.9, 1e-4, True)
    assert (
        cfg.optim_wrapper.paramwise_cfg.norm_decay_mult == 0
        and 'clip_grad' not in cfg.optim_wrapper
    )
    assert cfg.auto_scale_lr.base_batch_size == 8 * cfg.train_dataloader.batch_size == 64
    assert cfg.train_dataloader.drop_last and cfg.train_cfg.val_interval == 2
    (schedule,) = cfg.param_scheduler
    charades = task == 'charades_ego'
    assert cfg.train_cfg.max_epochs == schedule.end == (60 if charades else 30)
    if charades:
        assert (schedule.type, schedule.T_max, schedule.convert_to_iter_based) == (
            'WarmupCosineLR',
            60,
            True,
        )
        assert schedule.get('warmup', 0) == 0
    else:
        assert (schedule.type, schedule.milestones, schedule.gamma) == (
            'MultiStepLR',
            [20, 25],
            0.1,
        )
    assert cfg.default_hooks.checkpoint.interval == (10 if charades else 5)
    assert [hook.type for hook in cfg.custom_hooks] == ['SampleSeedHook', 'CheckWeightsHook']
    assert cfg.custom_imports.imports == ['egoexo_mm']


@pytest.mark.parametrize('name', SHIPPED)
def test_model(name):
    cfg, task = load(name), task_of(name)
    backbone, head = cfg.model.backbone, cfg.model.cls_head
    classes = CLASSES[task]
    assert (
        head.dropout_ratio == 0.5
        and head.pool_size == 7
        and head.in_channels == (2048 if 'slowonly' in name else 2304)
    )
    if isinstance(classes, int):
        assert (head.type, head.num_classes) == ('ViewEnsembleHead', classes)
    else:
        assert (head.type, head.num_verbs, head.num_nouns) == ('VerbNounHead', *classes)
    module = MODELS.build(dict(head))
    expected = ('sigmoid', 'max') if task == 'charades_ego' else ('softmax', 'mean')
    assert (module.activation, module.ensemble) == expected
    if 'slowonly' in name:
        assert (backbone.type, backbone.depth) == ('ResNet3dSlowOnly', 50)
    else:
        depth = 101 if 'r101' in name else 50
        assert [backbone[path].depth for path in ('slow_pathway', 'fast_pathway')] == [depth, depth]
        assert backbone.slow_pathway.fusion_kernel == (5 if depth == 101 else 7)
    stock = 'mmaction' in name
    preprocessor = cfg.model.data_preprocessor
    assert (preprocessor.type, preprocessor.channel_order) == ('EgoExoDataPreprocessor', 'rgb')
    assert preprocessor.mean == ([123.675, 116.28, 103.53] if stock else [114.75] * 3)
    assert cfg.model.test_cfg.max_testing_views == 10
    if 'star' in name:
        head = cfg.model.aux_heads.interaction_map
        assert head.loss_hand.loss_weight == head.loss_held_object.loss_weight == STAR_WEIGHT[task]
    else:
        assert 'aux_heads' not in cfg.model


@pytest.mark.parametrize('name', SHIPPED)
def test_protocol(name):
    """Jittered 224 crops to train, 10 clips x 3 crops of 256 to test; targets for Ego-Exo* only."""
    cfg = load(name)
    train, test = (
        {s.type: s for s in loader.dataset.pipeline}
        for loader in (cfg.train_dataloader, cfg.test_dataloader)
    )
    assert (
        train['RandomRescaleCrop'].scale_range == (256, 320)
        and train['RandomRescaleCrop'].size == 224
    )
    assert train['Flip'].flip_ratio == 0.5
    expected = (8, 8) if 'slowonly' in name else (32, 2)
    for pipeline in (train, test):
        sampling = pipeline['SampleClampedFrames']
        assert (sampling.clip_len, sampling.frame_interval) == expected
    assert test['SampleClampedFrames'].num_clips == 10 and test['SampleClampedFrames'].test_mode
    assert test['Resize'].scale == (-1, 256) and test['UniformThreeCrop'].crop_size == 256
    assert cfg.test_dataloader.batch_size == 1
    assert ('LoadTargets' in train, 'TrackGeometry' in train) == ('star' in name, 'star' in name)
    if 'star' in name:
        assert cfg.train_dataloader.dataset.targets == dict(
            interaction_map=f'data/targets/{task_of(name)}_interaction'
        )
        assert train['LoadTargets'].time_stride == (1 if 'slowonly' in name else 4)


@pytest.mark.parametrize(
    'name',
    [
        'egoexo_star_slowfast_r50_charades_ego',
        'egoexo_star_slowonly_r50_charades_ego',
        'slowfast_r50_charades_ego',
        'egoexo_star_slowfast_r50_epic55',
        'egoexo_star_slowfast_r50_epic100',
        'slowfast_r50_epic100',
        'slowfast_r50_ego4d',
        'slowfast_r50_keystep',
    ],
)
def test_data(name, tmp_path):
    """The pipelines as shipped, on small media (two test clips, to be quick)."""
    cfg, task = load(name), task_of(name)
    files = getattr(finetune_data, 'egoexo4d_keystep' if task == 'keystep' else task)(tmp_path)
    frames, classes = clip_len(cfg), CLASSES[task]
    label_shape = (157,) if task == 'charades_ego' else (1,) if isinstance(classes, int) else (2,)
    for split, views, size in (('train', 1, 224), ('val', 1, 224), ('test', 6, 256)):
        spec = cfg[f'{split}_dataloader'].dataset
        spec.update(files)
        if 'targets' in spec:
            spec.targets = dict(interaction_map=str(tmp_path / 'boxes'))
        for step in spec.pipeline:
            step.update(dict(num_clips=2) if step.get('num_clips') == 10 else {})
        dataset = DATASETS.build(spec)
        assert len(dataset) == 3
        item = dataset[1]
        inputs = item['inputs']
        if split == 'test':  # frames once, views later
            inputs = torch.stack(list(FrameViews(**inputs)))
        assert inputs.shape == (views, 3, frames, size, size)
        sample = item['data_samples']
        assert sample.gt_label.shape == label_shape and sample.video_id
        if 'star' in name and split == 'train':
            assert (
                sample.interaction_map.shape == (2, 8, 7, 7)
                and sample.interaction_map.max() == 0.75
            )
        else:
            assert 'interaction_map' not in sample
        if task not in ('charades_ego', 'keystep'):
            assert sample.narration_id and (task == 'ego4d' or sample.participant_id == 'P01')


@pytest.mark.parametrize('name', ALL)
def test_evaluators(name, tmp_path):
    cfg = load(name)
    expected = dict(charades_ego='CharadesMetric', keystep='KeystepMetric').get(
        task_of(name), 'VerbNounMetric'
    )
    if task_of(name) == 'epic100':
        finetune_data.epic100(tmp_path)
        cfg.test_evaluator.update(
            tail_verbs=str(tmp_path / 'tail_verbs.csv'), tail_nouns=str(tmp_path / 'tail_nouns.csv')
        )
        assert cfg.test_evaluator.unseen_participants == 'validation'
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        assert type(METRICS.build(evaluator)).__name__ == expected


@pytest.mark.parametrize(
    'name',
    ['charades_ego', 'charades_ego_8x8', 'epic55', 'epic100', 'ego4d_fho', 'egoexo4d_keystep'],
)
def test_star_pipeline_is_that_of_training_with_maps(name):
    cfg = Config.fromfile(ROOT.parent / '_egoexo_base_' / 'datasets' / f'{name}.py')
    star = [dict(step) for step in cfg.star_train_pipeline]
    (track,) = [i for i, step in enumerate(star) if step['type'] == 'TrackGeometry']
    assert star[track - 1]['type'] in ('RawFrameDecode', 'DecordDecode')
    (load,) = [i for i, step in enumerate(star) if step['type'] == 'LoadTargets']
    assert star[load + 1]['type'] == 'FormatShape'
    # 8 maps a clip: SlowFast 8x8 has 8 slow frames, and so has Slow 8x8
    assert star[load]['time_stride'] * 8 == cfg.clip.clip_len
    assert star[-1].pop('algorithm_keys') == ('interaction_map',)
    plain = [step for i, step in enumerate(star) if i not in (track, load)]
    assert plain == [dict(step) for step in cfg.train_pipeline]
