"""What fine-tuning may start from: real files of all three kinds, loaded by a real runner."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.runner import Runner, load_checkpoint, save_checkpoint

import egoexo_mm  # noqa: F401
from egoexo_mm.checkpoints.reading import read_checkpoint
from egoexo_mm.engine import CheckWeightsHook
from tests.scripts import load_script

ROOT = Path(__file__).parents[2]
HOST = (
    Path(importlib.util.find_spec('mmaction').origin).parent
    / '.mim'
    / 'configs'
    / 'recognition'
    / 'slowfast'
)
EPIC = 'finetune/epic100/slowfast_r50_epic100.py'
STAR = 'finetune/epic100/egoexo_star_slowfast_r50_epic100.py'
CHARADES = 'finetune/charades_ego/slowfast_r50_charades_ego.py'
STOCK = 'finetune/epic100/slowfast_r50_mmaction_epic100.py'


def narrow(cfg):
    """An eighth of every channel count."""
    cfg.model.backbone.slow_pathway.base_channels = 8
    cfg.model.backbone.fast_pathway.base_channels = 1
    for head in (cfg.model.cls_head, *(cfg.model.get('aux_heads') or {}).values()):
        if 'in_channels' in head:  # else it is the backbone's
            head.in_channels //= 8
    if 'aux_heads' in cfg.model:
        cfg.model.aux_heads.interaction_map.mid_channels //= 8
    return cfg


def load(config):
    return narrow(Config.fromfile(ROOT / 'configs' / config))


def model_of(cfg):
    torch.manual_seed(0)
    return MODELS.build(cfg.model)


class Clips(torch.utils.data.Dataset):
    """Two clips of noise, with any label."""

    def __init__(self, label):
        self.label = label

    def __len__(self):
        return 2

    def __getitem__(self, i):
        return dict(
            inputs=torch.randint(256, (1, 3, 16, 64, 64), dtype=torch.uint8),
            data_samples=ActionDataSample().set_gt_label(self.label),
        )


def runner(cfg, work_dir, path, label):
    """One step of training at rate 0, from ``path``."""
    loader = dict(
        dataset=Clips(label),
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='pseudo_collate'),
    )
    runtime = dict(
        default_scope='mmaction',
        custom_hooks=[dict(type='CheckWeightsHook')],
        load_from=path and str(path),
    )
    return Runner(
        model=cfg.model,
        work_dir=str(work_dir),
        train_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.0)),
        experiment_name=str(work_dir),
        cfg=Config(runtime),
        **runtime,
    )


def pyslowfast_file(path, head='head', outputs=400):
    """A file as the official training writes it, with an eighth of every channel count."""
    shapes = json.loads(
        (ROOT / 'tests' / 'data' / 'golden' / 'k400_slowfast_r50.json').read_text()
    )['shapes']
    generator = torch.Generator().manual_seed(3)
    state = {
        key: torch.tensor(0)
        if key.endswith('num_batches_tracked')
        else torch.rand(
            [
                d if i > 1 or d < 8 or (i == 0 and key.startswith('head')) else d // 8
                for i, d in enumerate(shape)
            ],
            generator=generator,
        )
        for key, shape in shapes.items()
    }
    torch.save(dict(epoch=199, model_state=state), path)
    return path


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Kind of start -> checkpoint file."""
    root = tmp_path_factory.mktemp('weights')
    convert = load_script('tools/convert_pyslowfast.py')
    convert.main([str(pyslowfast_file(root / 'official.pyth')), str(root / 'official.pth')])
    runner(load('egoexo_slowfast_k400.py'), root / 'ours', None, 3).train()
    stock = narrow(Config.fromfile(HOST / 'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb.py'))
    save_checkpoint(
        dict(meta=dict(), state_dict=model_of(stock).state_dict()), str(root / 'stock.pth')
    )
    return dict(
        pyth=root / 'official.pyth',
        official=root / 'official.pth',
        ours=root / 'ours' / 'epoch_1.pth',
        stock=root / 'stock.pth',
    )


@pytest.mark.parametrize(
    'kind, config, label',
    [
        ('official', EPIC, [1, 2]),
        ('official', STAR, [1, 2]),
        ('official', CHARADES, torch.eye(157)[2]),
        ('ours', EPIC, [1, 2]),
        ('ours', STAR, [1, 2]),
        ('ours', CHARADES, torch.eye(157)[2]),
        ('stock', STOCK, [1, 2]),
    ],
)
def test_training_starts_from(files, tmp_path, kind, config, label):
    """The backbone (and the map head of Ego-Exo*) come from the file, the class head does not."""
    run = runner(load(config), tmp_path, files[kind], label)
    run.train()
    state = read_checkpoint(files[kind])['state_dict']
    loaded = {
        key
        for key, value in run.model.named_parameters()
        if key in state and torch.equal(value, state[key])
    }
    parts = ('backbone.', 'aux_heads.') if config == STAR else ('backbone.',)
    assert loaded == {key for key, _ in run.model.named_parameters() if key.startswith(parts)}
    for key, value in run.model.cls_head.named_parameters():  # as initialised
        assert (
            not value.any()
            if key.endswith('bias')
            else value.std().item() == pytest.approx(0.01, rel=0.05)
        ), key


def test_the_stock_network_gives_the_same_features(files):
    stock = model_of(
        narrow(Config.fromfile(HOST / 'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb.py'))
    )
    ours = model_of(load(STOCK))
    load_checkpoint(ours, str(files['stock']))
    load_checkpoint(stock, str(files['stock']))
    stock.train(False)
    ours.train(False)
    clip = torch.randn(1, 3, 32, 64, 64)
    with torch.no_grad():
        for found, expected in zip(ours.backbone(clip), stock.backbone(clip)):
            torch.testing.assert_close(found, expected)


def test_mmengine_alone_skips_a_head_of_another_size(files):
    """What the hook builds on: a mismatch is a warning, and the tensor stays as it was."""
    model = model_of(load(CHARADES))
    before = model.cls_head.fc_cls.weight.clone()
    state = load_checkpoint(model, str(files['official']), strict=False)['state_dict']
    assert torch.equal(model.cls_head.fc_cls.weight, before)
    assert torch.equal(
        model.backbone.slow_path.conv1.conv.weight, state['backbone.slow_path.conv1.conv.weight']
    )


def test_what_starts_anew_is_logged(files, tmp_path, caplog):
    run = runner(load(CHARADES), tmp_path, files['official'], torch.eye(157)[2])
    run.logger.addHandler(caplog.handler)
    run.train()
    message = 'official.pth: cls_head.fc_cls not in it for this task; trained from random weights'
    assert caplog.text.count(message) == 1  # though default_hooks have one of these, too
    assert 'size mismatch' not in caplog.text


@pytest.mark.parametrize(
    'kind, config, message',
    [
        (
            'pyth',
            EPIC,
            r'official\.pyth is a PySlowFast checkpoint; convert it with '
            r'tools/convert_pyslowfast\.py, now tools/convert_weights\.py',
        ),
        (
            'stock',
            EPIC,
            r'stock\.pth lacks 16 tensors that the model needs: 16 missing keys '
            r'\(backbone\.slow_path\.conv1_lateral\.bn\.weight, '
            r'.*slow_sampling=stride .*lateral_norm=False .*fusion_kernel=7',
        ),
        ('official', 'finetune/epic100/slowfast_r101_epic100.py', r'take a config of the backbone'),
        (
            'kernel',
            EPIC,
            r'lacks 4 tensors .*set model\.backbone\.slow_pathway\.fusion_kernel=5, .*\(here 7\)',
        ),
        ('official', 'slow', r'take a config of the backbone'),
    ],
)
def test_a_backbone_that_does_not_fit(files, tmp_path, kind, config, message):
    path = files.get(kind)
    if kind == 'kernel':
        other = load(EPIC)
        other.model.backbone.slow_pathway.fusion_kernel = 5
        path = tmp_path / 'kernel.pth'
        save_checkpoint(dict(state_dict=model_of(other).state_dict()), str(path))
    if config == 'slow':
        cfg = Config.fromfile(
            ROOT / 'configs' / 'finetune' / 'charades_ego' / 'slowonly_r50_charades_ego.py'
        )
        cfg.model.backbone.base_channels = 8
        cfg.model.cls_head.in_channels = 256
    else:
        cfg = load(config)
    with pytest.raises(ValueError, match=message):
        runner(cfg, tmp_path, path, torch.eye(157)[2] if config == 'slow' else [1, 2]).train()


def test_testing_needs_the_class_head(files):
    """A head that stays at random is an error when nothing will train it."""

    class Testing:
        model = model_of(load(EPIC))
        cfg = dict(load_from='official.pth')

    checkpoint = torch.load(files['official'], weights_only=True)
    with pytest.raises(
        ValueError,
        match=r'official\.pth lacks 4 tensors .*cls_head\.fc_verb.*test with the config that',
    ):
        CheckWeightsHook().after_load_checkpoint(Testing(), checkpoint)


def check(model, checkpoint, name='file.pth'):
    """As a test run loads it."""

    class Testing:
        cfg = dict(load_from=name)

    Testing.model = model
    CheckWeightsHook().after_load_checkpoint(Testing(), checkpoint)


def small_vit(**changes):
    backbone = dict(
        type='VisionTransformer',
        img_size=32,
        patch_size=8,
        embed_dims=32,
        depth=1,
        num_heads=2,
        num_frames=4,
    )
    head = dict(type='TimeSformerHead', num_classes=5, in_channels=32)
    return MODELS.build(dict(type='Recognizer3D', backbone={**backbone, **changes}, cls_head=head))


@pytest.mark.parametrize('bare', [True, False])
def test_files_of_other_code_are_to_be_converted(bare):
    """Whatever key they keep their weights under."""
    weights = {'blocks.0.attn.q_bias': torch.zeros(32)}
    with pytest.raises(
        ValueError,
        match=r'file\.pth is a VideoMAE checkpoint; convert it with tools/convert_weights\.py and',
    ):
        check(small_vit(), weights if bare else {'module': weights})


@pytest.mark.parametrize(
    ('changes', 'found'), [(dict(num_frames=8), (1, 64, 32)), (dict(img_size=48), (1, 72, 32))]
)
def test_positions_of_other_clips(changes, found):
    """The sizes, and where to set them."""
    given = small_vit(**changes).state_dict()
    with pytest.raises(ValueError) as error:
        check(small_vit(), dict(state_dict=given))
    assert str(error.value).startswith(
        'file.pth lacks 1 tensors that the model needs: 1 key of another shape '
        f'(backbone.pos_embed {found} instead of (1, 32, 32)); the file is for clips of another '
        'length or size: set num_frames and img_size of model.backbone'
    )
    assert '--frames and --size' in str(error.value)
    check(small_vit(**changes), dict(state_dict=given))


def test_positions_are_not_blamed_where_more_differs():
    given = small_vit(num_frames=8).state_dict()
    del given['backbone.fc_norm.weight']
    with pytest.raises(ValueError, match='take a config of the backbone that the file was'):
        check(small_vit(), dict(state_dict=given))
