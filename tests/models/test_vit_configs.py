"""Configs of transformers and TSM: they build, read data and train; figures of the recipes."""

import re
from pathlib import Path

import pytest
import torch
from mmaction.registry import DATASETS, HOOKS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import FUNCTIONS, PARAM_SCHEDULERS
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from egoexo_mm.checkpoints.videomae import VideoMAE
from egoexo_mm.datasets.transforms import LoadTargets
from egoexo_mm.models.backbone_presets import map_geometry
from egoexo_mm.models.raw_views import FrameViews
from tests import finetune_data
from tests.hosts import needs
from tests.media import write_kinetics, write_stores
from tests.models.backbone_cases import NO_DOWNLOAD
from tests.training.runs import log

ROOT = Path(__file__).parents[2] / 'configs'
PRETRAINING = {  # name -> learning rate for 64 videos, epochs, warm-up, frames, blends, repeats
    'egoexo_vit_base_k400': (1.25e-4, 75, 5, 16, True, 2),
    'egoexo_vit_base_k400_1gpu': (1.25e-4, 75, 5, 16, True, 2),
    'egoexo_vit_small_k400': (1.25e-4, 150, 5, 16, True, 2),
    'egoexo_mvit_small_k400': (4e-4, 200, 30, 16, True, 2),
    'egoexo_uniformerv2_base_k400': (2.5e-6, 55, 5, 8, False, 1),
    'egoexo_tsm_r50_k400': (0.01, 50, 5, 8, False, 1),
}
MAPS = {  # frames, rows and columns of a 224-pixel clip
    'egoexo_vit_base_k400': (8, 14, 14),
    'egoexo_vit_small_k400': (8, 14, 14),
    'egoexo_mvit_small_k400': (8, 7, 7),
    'egoexo_uniformerv2_base_k400': (8, 14, 14),
    'egoexo_tsm_r50_k400': (8, 7, 7),
}
FINETUNING = sorted(path.stem for path in ROOT.glob('finetune/*/*vit*.py'))
CLASSES = dict(charades_ego=157, epic100=(97, 300), ego4d=(117, 521), keystep=278)
STAR_WEIGHT = dict(charades_ego=0.1, epic100=3.0, ego4d=3.0)
SLOW = 'vit_base', 'uniformerv2'  # 86 million parameters and more


def load(name):
    (path,) = [*ROOT.glob(f'{name}.py'), *ROOT.glob(f'finetune/*/{name}.py')]
    cfg = Config.fromfile(path)
    cfg.model.backbone.pop('pretrained', None)  # no download
    return cfg


def marked(names):
    """Large ones are slow."""
    return [
        pytest.param(name, marks=pytest.mark.slow) if any(x in name for x in SLOW) else name
        for name in names
    ]


def in_batch(cfg):
    return cfg.model.type == 'EgoExoRecognizer2D'


def task_of(name):
    return next(task for task in CLASSES if name.endswith(task))


def steps_of(cfg, split='train'):
    return {step['type']: step for step in cfg[f'{split}_dataloader'].dataset.pipeline}


def small(cfg):
    """The config with 64-pixel clips, for which position embeddings are resized or made."""
    sizes = dict(UniFormerV2=dict(input_resolution=64), MViT=dict(spatial_size=64))
    cfg.model.backbone.update(sizes.get(cfg.model.backbone.type, {}))
    return cfg


def frames_of(cfg):
    sampler = next(step for step in cfg.train_dataloader.dataset.pipeline if 'clip_len' in step)
    return sampler.clip_len * (sampler.num_clips if in_batch(cfg) else 1)


def map_shape(cfg, size):
    geometry = map_geometry(cfg.model)
    return (frames_of(cfg) // geometry.time_stride, *geometry.grid((size, size)))


def test_all_of_the_issue_are_there():
    assert all((ROOT / f'{name}.py').is_file() for name in PRETRAINING)
    assert len(FINETUNING) == 11


@needs('mmaction2', '1.1', 'positions of VideoMAE for other sizes')
@pytest.mark.parametrize('name', marked(MAPS))
def test_training_step(name):
    """All five losses with the recipe's blending, and a gradient for every parameter."""
    cfg = small(load(name))
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    maps = map_shape(cfg, 64)
    samples = []
    for label in (0, 1):
        sample = ActionDataSample().set_gt_label(label)
        sample.set_field(torch.randn(2), 'ego_score')
        sample.set_field(torch.randn(1000), 'object_score')
        sample.set_field(torch.rand(2, *maps), 'interaction_map')
        samples.append(sample)
    frames = frames_of(cfg)
    shape = (frames, 3, 64, 64) if in_batch(cfg) else (1, 3, frames, 64, 64)
    clips = [torch.randint(256, shape, dtype=torch.uint8) for _ in samples]
    data = model.data_preprocessor(dict(inputs=clips, data_samples=samples), training=True)
    losses = model(**data, mode='loss')
    names = {f'loss_{x}' for x in ('cls', 'ego', 'object', 'hand', 'held_object')}
    assert {key for key in losses if 'loss' in key} == names
    sum(losses[key] for key in names).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize('name', MAPS)
def test_maps(name):
    """The model tells them, and the pipeline says nothing else."""
    cfg = load(name)
    assert map_shape(cfg, 224) == MAPS[name]
    assert steps_of(cfg)['LoadTargets'] == dict(type='LoadTargets')
    assert map_geometry(cfg.model).join_clips == in_batch(cfg)
    for head in cfg.model.aux_heads.values():
        assert 'in_channels' not in head and 'cell_size' not in head


@pytest.mark.parametrize('name', PRETRAINING)
def test_recipe(name):
    cfg = load(name)
    rate, epochs, warmup, frames, blends, repeats = PRETRAINING[name]
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(rate)
    assert cfg.train_cfg.max_epochs == epochs == cfg.param_scheduler[-1].end
    assert (cfg.param_scheduler[0].type, cfg.param_scheduler[0].end) == ('LinearLR', warmup)
    assert frames_of(cfg) == frames
    # 64 videos a step: 8 GPUs x 8, or one GPU x 8 x 8 steps
    one_gpu = name.endswith('1gpu')
    assert cfg.train_dataloader.batch_size * cfg.optim_wrapper.get('accumulative_counts', 8) == 64
    assert cfg.auto_scale_lr.base_batch_size == (8 if one_gpu else 64)
    assert ('CheckpointBlocksHook' in [hook.type for hook in cfg.custom_hooks]) == one_gpu
    weights = [cfg.model.cls_head.loss_cls.loss_weight]
    heads = cfg.model.aux_heads
    weights += [heads[key].loss.loss_weight for key in ('ego_score', 'object_score')]
    weights += [heads.interaction_map[f'loss_{key}'].loss_weight for key in ('hand', 'held_object')]
    assert weights == [0.5, 0.1, 0.5, 1.0, 1.0]
    blending = cfg.model.data_preprocessor.get('blending')
    assert bool(blending) == blends
    if blends:
        assert [(one.type, one.alpha, one.num_classes) for one in blending.augments] == [
            ('MixupBlending', 0.8, 400),
            ('CutmixBlending', 1.0, 400),
        ]
        assert cfg.model.cls_head.label_smooth_eps == 0.1
    data = cfg.train_dataloader.dataset
    assert data.get('num_repeats', 1) == repeats
    collate = cfg.train_dataloader.get('collate_fn', dict(type='pseudo_collate'))['type']
    assert collate == ('repeat_pseudo_collate' if repeats == 2 else 'pseudo_collate')
    assert collate in FUNCTIONS


def schedule(cfg, iterations=10):
    """Learning rates of the last group and of the first, at the start of every epoch."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    groups = [dict(params=[parameter], lr=cfg.optim_wrapper.optimizer.lr)]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    schedulers = []
    for one in cfg.param_scheduler:
        one = dict(one, optimizer=optimizer)
        kind = PARAM_SCHEDULERS.get(one['type'])
        if one.pop('convert_to_iter_based', False):
            one.pop('type')
            schedulers.append(kind.build_iter_from_epoch(**one, epoch_length=iterations))
    rates = []
    for _ in range(cfg.train_cfg.max_epochs):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for _ in range(iterations):
            for scheduler in schedulers:
                scheduler.step()
    return [*rates, optimizer.param_groups[0]['lr']]


@pytest.mark.parametrize(
    'name', ['egoexo_vit_base_k400', 'egoexo_vit_small_k400', 'vit_base_epic100']
)
def test_videomae_rates(name):
    """From 1e-6 to 5e-4 in 5 epochs and half a cosine back to 1e-6, for 256 videos."""
    cfg = load(name)
    rates = [rate * 4 for rate in schedule(cfg)]
    assert rates[0] == pytest.approx(1e-6, rel=0.01)
    assert rates[5] == max(rates) == pytest.approx(5e-4, rel=0.03)
    middle = (cfg.train_cfg.max_epochs + 5) // 2
    expected = 2.5e-4 if (cfg.train_cfg.max_epochs - 5) % 2 == 0 else None
    if expected:
        assert rates[middle] == pytest.approx(expected, rel=0.05)
    assert rates[-1] == pytest.approx(1e-6, rel=0.3)


@pytest.mark.parametrize('name', ['egoexo_vit_small_k400', 'egoexo_star_vit_base_epic100'])
def test_layer_decay(name):
    """Rates of VideoMAE: 0.75 ** 13 of the base for the patches, the base for all heads."""
    cfg = load(name)
    cfg.optim_wrapper.update(type='OptimWrapper')
    cfg.optim_wrapper.pop('loss_scale')
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    base, rates = cfg.optim_wrapper.optimizer.lr, {}
    for group in wrapper.param_groups:  # the wrapper adds an empty one
        rates.update(dict.fromkeys(group.get('param_names', ()), group['lr'] / base))
    assert set(rates) == {key for key, p in model.named_parameters()}
    assert rates['backbone.patch_embed.projection.weight'] == pytest.approx(0.75**13)
    assert rates['backbone.blocks.11.attn.qkv.weight'] == pytest.approx(0.75)
    assert {rate for key, rate in rates.items() if 'backbone' not in key} == {1}


def test_tsm_rates():
    """Of TSMOptimWrapperConstructor: 5 and 10 times for the class head, 2 times for biases."""
    cfg = load('egoexo_tsm_r50_k400')
    model = MODELS.build(cfg.model)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    names = {id(p): key for key, p in model.named_parameters()}
    found = {
        names[id(group['params'][0])]: (group['lr'] / 0.01, group['weight_decay'])
        for group in wrapper.param_groups
        if id(group['params'][0]) in names  # the wrapper adds an empty one
    }
    assert len(found) == len(names)
    assert found['cls_head.fc_cls.weight'] == (5, 1e-4)
    assert found['cls_head.fc_cls.bias'] == (10, 0)
    assert found['aux_heads.object_score.fc.weight'] == (1, 1e-4)
    assert found['aux_heads.object_score.fc.bias'] == (2, 0)
    assert found['backbone.layer1.0.conv1.conv.net.weight'] == (1, 1e-4)
    assert found['backbone.conv1.bn.weight'] == (1, 0)


@pytest.mark.parametrize('name', ['egoexo_vit_small_k400', 'vit_base_epic100'])
def test_converted_weights_fit(name):
    """An official pre-trained encoder, with its decoder, gives every tensor of the backbone."""
    cfg = load(name)
    cfg.model.backbone.depth = 1
    model = MODELS.build(cfg.model)
    backbone = {f'backbone.{key}': value for key, value in model.backbone.state_dict().items()}
    official = VideoMAE().reverse(backbone).weights
    norm = {f'norm.{key}': official.pop(f'fc_norm.{key}') for key in ('weight', 'bias')}
    file = {f'encoder.{key}': value for key, value in {**official, **norm}.items()}
    file['decoder.head.weight'] = torch.zeros(1536, 192)
    converted = VideoMAE().forward(file).weights
    assert set(converted) == set(backbone)
    assert all(torch.equal(converted[key], value) for key, value in backbone.items())


@pytest.mark.parametrize('name', MAPS)
def test_pretraining_data(name, tmp_path):
    """The pipelines as shipped, on small videos (one test clip, to be quick)."""
    cfg = load(name)
    geometry = map_geometry(cfg.model)
    ids = write_kinetics(tmp_path, 2, num_frames=70)
    stores = write_stores(tmp_path, ids, num_frames=70)
    files = dict(ann_file=str(tmp_path / 'list.txt'), data_prefix=dict(video=f'{tmp_path}/videos'))
    frames = frames_of(cfg)
    for split in ('train', 'val', 'test'):
        spec = cfg[f'{split}_dataloader'].dataset
        spec.update(files)
        if split == 'train':
            spec.targets = stores
        elif not in_batch(cfg):
            for step in spec.pipeline:
                step.update(dict(num_clips=1) if 'num_clips' in step else {})
        dataset = DATASETS.build(spec)
        loads = [x for x in dataset.pipeline.transforms if isinstance(x, LoadTargets)]
        for one in loads:  # as CheckTargetsHook does
            one.adopt(geometry)
        items = dataset[0]
        collate = cfg[f'{split}_dataloader'].get('collate_fn', dict(type='pseudo_collate'))
        batch = FUNCTIONS.get(collate['type'])([items, dataset[1]])
        if split == 'test' and not in_batch(cfg):
            views = torch.stack(list(FrameViews(**items['inputs'])))
            crops = 1 if 'mvit' in name else 3
            assert views.shape == (crops, 3, frames, 224, 224)
            continue
        clips = PRETRAINING[name][-1] * 2 if split == 'train' else 2
        views = 10 if split == 'test' else 1
        shape = (views * frames, 3, 224, 224) if in_batch(cfg) else (1, 3, frames, 224, 224)
        assert len(batch['inputs']) == len(batch['data_samples']) == clips
        assert all(inputs.shape == shape for inputs in batch['inputs'])
        for sample in batch['data_samples']:
            if split == 'train':
                assert sample.interaction_map.shape == (2, *MAPS[name])
                assert sample.ego_score.shape == (2,) and sample.object_score.shape == (1000,)


@pytest.mark.parametrize(
    'name', marked([name for name in FINETUNING if 'star' in name or not name.startswith('egoexo')])
)
def test_finetuning_step(name):
    cfg, task = load(name), task_of(name)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    samples = []
    for i in range(2):
        label = (
            i if task == 'keystep' else torch.eye(157)[i] if task == 'charades_ego' else [i, 2 * i]
        )
        sample = ActionDataSample().set_gt_label(label)
        sample.set_field(torch.rand(2, 8, 4, 4), 'interaction_map')
        samples.append(sample)
    clips = [torch.randint(256, (1, 3, 16, 64, 64), dtype=torch.uint8) for _ in samples]
    data = model.data_preprocessor(dict(inputs=clips, data_samples=samples), training=True)
    losses = model(**data, mode='loss')
    names = {'loss_cls'} if isinstance(CLASSES[task], int) else {'loss_verb', 'loss_noun'}
    names |= {'loss_hand', 'loss_held_object'} if 'star' in name else set()
    assert {key for key in losses if 'loss' in key} == names
    sum(losses[key] for key in names).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize('name', FINETUNING)
def test_finetuning_recipe(name):
    cfg, task = load(name), task_of(name)
    optimizer = cfg.optim_wrapper.optimizer
    assert (optimizer.type, optimizer.weight_decay) == ('AdamW', 0.05)
    assert optimizer.lr == pytest.approx(5e-4 * 64 / 256) and list(optimizer.betas) == [0.9, 0.999]
    assert cfg.optim_wrapper.constructor == 'EgoExoLayerDecay'
    assert cfg.optim_wrapper.paramwise_cfg == dict(decay_rate=0.75)
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].end == 30
    assert cfg.auto_scale_lr.base_batch_size == 8 * cfg.train_dataloader.batch_size == 64
    assert [hook.type for hook in cfg.custom_hooks] == ['SampleSeedHook', 'CheckWeightsHook']
    head, classes = cfg.model.cls_head, CLASSES[task]
    if isinstance(classes, int):
        assert (head.type, head.num_classes) == ('ViewEnsembleHead', classes)
    else:
        assert (head.type, head.num_verbs, head.num_nouns) == ('VerbNounHead', *classes)
    assert (head.in_channels, head.dropout_ratio, head.pool_size) == (768, 0.5, None)
    blending = cfg.model.data_preprocessor.get('blending')
    assert bool(blending) == (task != 'charades_ego')
    if task == 'keystep':
        assert {one.num_classes for one in blending.augments} == {278}
    if 'star' in name:
        maps = cfg.model.aux_heads.interaction_map
        assert maps.loss_hand.loss_weight == maps.loss_held_object.loss_weight == STAR_WEIGHT[task]
        assert 'in_channels' not in maps and list(cfg.model.aux_heads) == ['interaction_map']
        assert cfg.train_dataloader.dataset.targets == dict(
            interaction_map=f'data/targets/{task}_interaction'
        )
    else:
        assert 'aux_heads' not in cfg.model
    epochs = re.fullmatch(r'work_dirs/egoexo_vit_base_k400/epoch_(\d+).pth', cfg.load_from)
    if name.startswith('egoexo'):  # the last checkpoint of the pre-training
        assert int(epochs[1]) == load('egoexo_vit_base_k400').train_cfg.max_epochs
    else:
        assert 'openmmlab.com' in cfg.load_from


@pytest.mark.parametrize('name', FINETUNING)
def test_finetuning_protocol(name):
    """Clips of 16 x 4, jittered 224 crops to train and 10 clips x 3 crops of 224 to test."""
    cfg = load(name)
    train, test = steps_of(cfg), steps_of(cfg, 'test')
    assert (train['RandomRescaleCrop'].scale_range, train['RandomRescaleCrop'].size) == (
        (256, 320),
        224,
    )
    for pipeline in (train, test):
        sampling = pipeline['SampleClampedFrames']
        assert (sampling.clip_len, sampling.frame_interval) == (16, 4)
    assert test['SampleClampedFrames'].num_clips == 10
    assert test['Resize'].scale == (-1, 224) and test['UniformThreeCrop'].crop_size == 224
    data = cfg.train_dataloader
    assert (data.dataset.num_repeats, data.dataset.sample_once) == (2, True)
    assert data.collate_fn.type == 'repeat_pseudo_collate'
    assert ('LoadTargets' in train, 'TrackGeometry' in train) == ('star' in name, 'star' in name)
    if 'star' in name:
        loads = train['LoadTargets']
        assert (loads.time_stride, loads.frame_sampling) == (None, None)  # the model tells


@pytest.mark.parametrize(
    'name',
    [
        'egoexo_star_vit_base_charades_ego',
        'egoexo_star_vit_base_epic100',
        'egoexo_star_vit_base_ego4d',
        'vit_base_keystep',
    ],
)
def test_finetuning_data(name, tmp_path):
    """The pipelines as shipped, on small media (two test clips, to be quick)."""
    cfg, task = load(name), task_of(name)
    files = getattr(finetune_data, 'egoexo4d_keystep' if task == 'keystep' else task)(tmp_path)
    if task == 'ego4d':
        finetune_data.write_boxes(tmp_path / 'boxes', {'clip-a': 60, 'clip-b': 45})
    for split, views in (('train', 1), ('val', 1), ('test', 6)):
        spec = cfg[f'{split}_dataloader'].dataset
        spec.update(files)
        if 'targets' in spec:
            spec.targets = dict(interaction_map=str(tmp_path / 'boxes'))
        for step in spec.pipeline:
            step.update(dict(num_clips=2) if step.get('num_clips') == 10 else {})
        dataset = DATASETS.build(spec)
        for one in dataset.pipeline.transforms:
            if isinstance(one, LoadTargets):
                one.adopt(map_geometry(cfg.model))
        items = dataset[1]
        assert isinstance(items, list) == (split == 'train')
        for item in items if split == 'train' else [items]:
            inputs = item['inputs']
            if split == 'test':
                inputs = torch.stack(list(FrameViews(**inputs)))
            assert inputs.shape == (views, 3, 16, 224, 224)
            if 'star' in name and split == 'train':
                maps = item['data_samples'].interaction_map
                assert maps.shape == (2, 8, 14, 14) and maps.max() == 0.75
        if split == 'train':
            assert len(items) == 2 and not torch.equal(items[0]['inputs'], items[1]['inputs'])


def test_hooks_exist():
    for name in [*PRETRAINING, *FINETUNING]:
        assert all(hook.type in HOOKS for hook in load(name).custom_hooks)


@pytest.mark.parametrize(
    'name',
    ['egoexo_vit_base_k400_1gpu', pytest.param('egoexo_tsm_r50_k400', marks=pytest.mark.slow)],
)
def test_a_run(name, tmp_path):
    """The shipped config with a small backbone: hooks, targets, an epoch, validation and test."""
    cfg = load(name)
    stores = write_stores(tmp_path, write_kinetics(tmp_path, 4, num_frames=70), num_frames=70)
    if in_batch(cfg):
        cfg.model.backbone.update(depth=18, **NO_DOWNLOAD)
        cfg.model.cls_head.in_channels = 512
    else:
        cfg.model.backbone.update(embed_dims=24, depth=2, num_heads=2)
        cfg.model.cls_head.in_channels = 24
        cfg.optim_wrapper.update(type='OptimWrapper', accumulative_counts=2)  # AMP wants a GPU
        cfg.optim_wrapper.pop('loss_scale')
    cfg.model.aux_heads.interaction_map.mid_channels = 8
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(
            ann_file=str(tmp_path / 'list.txt'), data_prefix=dict(video=f'{tmp_path}/videos')
        )
    cfg.train_dataloader.dataset.targets = stores
    cfg.train_cfg.update(max_epochs=1, val_begin=1, val_interval=1)
    cfg.default_hooks.logger.interval = 1
    cfg.load_from, cfg.work_dir, cfg.experiment_name = None, str(tmp_path / 'work'), name
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert 0 <= runner.test()['acc/top1'] <= 1
    records = log(tmp_path / 'work')
    assert len(records) == 2
    for record in records:
        names = {key for key in record if key.startswith('loss_')}
        assert names == {f'loss_{x}' for x in ('cls', 'ego', 'object', 'hand', 'held_object')}
        assert all(record[key] > 0 for key in names)
    optimizer = runner.optim_wrapper.optimizer
    if not in_batch(cfg):  # two batches, one step
        assert {state['step'].item() for state in optimizer.state.values()} == {1}
