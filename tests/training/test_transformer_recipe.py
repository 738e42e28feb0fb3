"""A ViT trains with repeated clips, blending, layer decay, checkpointing, EMA and the rest."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from egoexo_mm.checkpoints.reading import read_checkpoint
from egoexo_mm.checkpoints.stripping import strip
from egoexo_mm.engine.check_data_hook import check_repeats
from egoexo_mm.engine.check_targets_hook import check_warps
from tests.tiny import make_data
from tests.training.runs import log, train

CONFIG = Path(__file__).parents[1] / 'data' / 'tiny_vit.py'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in make_data(tmp_path_factory.mktemp('data')).items():
            patch.setenv(name, value)
        yield


def run(work_dir, name, **changes):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(changes)
    cfg.work_dir, cfg.experiment_name = str(work_dir), f'{name}_{work_dir.name}'
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


@pytest.fixture(scope='module')
def trained(data, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('vit')
    sources = {}

    runner = run(work_dir, 'whole')
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook')
    sources['trained'] = {k: v.clone() for k, v in runner.model.state_dict().items()}
    sources['averaged'] = {k: v.clone() for k, v in ema.ema_model.module.state_dict().items()}
    return SimpleNamespace(work_dir=work_dir, runner=runner, ema=ema, **sources)


def test_all_of_it_at_once(trained):
    """8 videos, batches of 2 x 2 clips, an optimizer step every 2 batches, 2 epochs."""
    records = log(trained.work_dir)
    assert len(records) == 2 * 4
    for record in records:
        losses = {key for key in record if key.startswith('loss_')}
        assert losses == {f'loss_{x}' for x in ('cls', 'ego', 'object', 'hand', 'held_object')}
        assert all(record[key] > 0 for key in losses)
    steps = {
        state['step'].item() for state in trained.runner.optim_wrapper.optimizer.state.values()
    }
    assert steps == {4}
    rates = {
        group['group_name']: group['initial_lr']
        for group in trained.runner.optim_wrapper.optimizer.param_groups
    }
    assert rates['layer_0_decay'] == pytest.approx(1e-2 * 0.75**3)  # of L = 2 blocks
    assert rates['layer_3_decay'] == 1e-2
    model = trained.runner.model
    assert all('forward' in vars(block) for block in model.backbone.blocks)
    geometry = trained.runner.train_dataloader.dataset.pipeline.transforms[10].geometry
    assert (geometry.time_stride, geometry.cell_size) == (2, 16)  # told by the model


def test_the_average_is_what_a_checkpoint_has(trained, tmp_path):
    """And what ``strip_aux`` keeps; the weights that training goes on from are beside it."""
    file = trained.work_dir / 'epoch_2.pth'
    checkpoint = read_checkpoint(file)
    for name, value in trained.averaged.items():
        assert torch.equal(checkpoint['state_dict'][name], value)
        assert torch.equal(checkpoint['ema_state_dict'][f'module.{name}'], trained.trained[name])
    assert any(
        not torch.equal(value, trained.trained[name]) for name, value in trained.averaged.items()
    )
    strip(file, tmp_path / 'stock.pth')
    stripped = read_checkpoint(tmp_path / 'stock.pth')['state_dict']
    cfg = Config.fromfile(CONFIG).model
    cfg.pop('aux_heads')
    cfg.data_preprocessor = dict(type='ActionDataPreprocessor', format_shape='NCTHW')
    stock = MODELS.build(dict(cfg, type='Recognizer3D')).eval()
    stock.load_state_dict(stripped)  # strict
    ours = copy.deepcopy(trained.ema.ema_model.module).eval()
    clips = torch.randn(1, 1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = [m(clips.clone(), mode='tensor') for m in (stock, ours)]
    assert torch.equal(*scores)


def test_a_resumed_run_equals_a_whole_one(trained, tmp_path):
    """Weights, their average and the state of the optimizer, after epoch 2 from epoch 1."""
    first = str(trained.work_dir / 'epoch_1.pth')
    again = run(tmp_path, 'resumed', resume=True, load_from=first)
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, trained.trained[name], rtol=0, atol=1e-6, msg=name)
    ema = next(hook for hook in again.hooks if type(hook).__name__ == 'EMAHook')
    for name, value in ema.ema_model.module.state_dict().items():
        torch.testing.assert_close(value, trained.averaged[name], rtol=0, atol=1e-6, msg=name)


@pytest.mark.slow
def test_two_processes(data, tmp_path):
    """Each blends its own batches; every parameter gets a gradient, or DDP would stop."""
    train(CONFIG, tmp_path, procs=2)
    records = log(tmp_path)
    assert len(records) == 2 * 2 and all('loss_hand' in record for record in records)
    assert {'state_dict', 'ema_state_dict'} <= set(read_checkpoint(tmp_path / 'epoch_2.pth'))


def gradients(cfg, batches, **options):
    """Of the step after these batches."""
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    model.train()
    wrapper = build_optim_wrapper(
        model,
        dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.0), **options),
    )
    wrapper.initialize_count_status(model, 0, len(batches))
    wrapper.zero_grad = lambda **kwargs: None  # keeps what the step saw
    for batch in batches:
        losses, _ = model.parse_losses(
            model(**model.data_preprocessor(copy.deepcopy(batch), True), mode='loss')
        )
        wrapper.update_params(losses)
    return {name: p.grad for name, p in model.named_parameters()}


def test_accumulated_gradients_are_those_of_the_large_batch(data):
    """Without batch norm and dropout; also where targets are missing, which count as zero."""
    cfg = Config.fromfile(CONFIG)
    cfg.model.backbone.drop_path_rate = 0.0
    cfg.model.cls_head.dropout_ratio = 0.0
    cfg.model.data_preprocessor.blending = None
    cfg.train_dataloader.dataset.num_repeats = 1
    for step in cfg.train_pipeline:
        if step.type == 'LoadTargets':
            step.update(time_stride=2, frame_sampling='stride', cell_size=16)
    from mmaction.registry import DATASETS

    dataset = DATASETS.build(dict(cfg.train_dataloader.dataset, pipeline=cfg.train_pipeline))
    samples = [dataset[i] for i in range(6)]
    for i in (0, 1, 4):
        del samples[i]['data_samples'].interaction_map
    large = gradients(cfg.model, [pseudo_collate(samples)])
    small = gradients(
        cfg.model,
        [pseudo_collate(samples[i : i + 2]) for i in (0, 2, 4)],
        accumulative_counts=3,
    )
    for name, grad in large.items():
        torch.testing.assert_close(small[name], grad, rtol=1e-4, atol=1e-6, msg=name)


def test_loaders_that_do_not_fit_repeats(data):
    cfg = Config.fromfile(CONFIG)
    cfg.train_dataloader.pop('collate_fn')
    loader = Runner.build_dataloader(cfg.train_dataloader)
    with pytest.raises(
        ValueError,
        match='num_repeats=2 gives lists of clips, and collate_fn of the loader is pseudo_collate; '
        "set train_dataloader.collate_fn=dict\\(type='repeat_pseudo_collate'\\)",
    ):
        check_repeats(loader)
    cfg = Config.fromfile(CONFIG)
    cfg.train_dataloader.dataset.num_repeats = 1
    one = cfg.train_dataloader.dataset
    with pytest.raises(
        ValueError, match='is repeat_pseudo_collate, and VideoTargetDataset gives o'
    ):
        check_repeats(Runner.build_dataloader(cfg.train_dataloader))
    cfg.train_dataloader.dataset = dict(
        type='ConcatDataset', datasets=[dict(one, num_repeats=2), one]
    )
    with pytest.raises(ValueError, match='gives one clip of a video; set num_repeats of every'):
        check_repeats(Runner.build_dataloader(cfg.train_dataloader))
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[dict(one, num_repeats=2)])
    check_repeats(Runner.build_dataloader(cfg.train_dataloader))


@pytest.mark.parametrize(
    'transform, said',
    [
        (SimpleNamespace(op='RandAugment'), r"PytorchVideoWrapper\(op='RandAugment'\) moves pix"),
        (SimpleNamespace(trans=torch.nn.Linear(1, 1)), r"TorchVisionWrapper\(op='Linear'\) moves"),
        (SimpleNamespace(), 'ImgAug moves pixels.*use ClipRandAugment'),
        (SimpleNamespace(geometric=True), r'ClipRandAugment\(geometric=True\).*geometric=False'),
    ],
)
def test_warps_of_other_libraries_are_refused(transform, said):
    kind = 'PytorchVideoWrapper' if hasattr(transform, 'op') else 'TorchVisionWrapper'
    kind = 'ImgAug' if not vars(transform) else kind
    kind = 'ClipRandAugment' if hasattr(transform, 'geometric') else kind
    one = type(kind, (), vars(transform))()
    with pytest.raises(ValueError, match=f'train_dataloader.dataset.pipeline: {said}'):
        check_warps([one], 'train_dataloader')
    one.op, one.geometric = 'ColorJitter', False
    check_warps([] if kind == 'ImgAug' else [one], 'train_dataloader')


@pytest.mark.parametrize(
    'order, said',
    [
        ('TrackGeometry CenterCrop LoadTargets Flip', 'Flip is behind LoadTargets'),
        ('TrackGeometry LoadTargets Resize', 'Resize is behind LoadTargets'),
        ('CenterCrop TrackGeometry Flip LoadTargets', 'CenterCrop is before TrackGeometry'),
        ('Resize TrackGeometry CenterCrop Flip LoadTargets PackActionInputs', None),
    ],
)
def test_boxes_follow_what_lies_between(order, said):
    steps = [type(name, (), {})() for name in order.split()]
    if said is None:
        check_warps(steps, 'train_dataloader')
        return
    with pytest.raises(ValueError, match=f'{said}, .* put TrackGeometry right after decoding'):
        check_warps(steps, 'train_dataloader')
