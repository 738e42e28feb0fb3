"""Every backbone of MMAction2 as the student: training, testing, checkpoints, ranks and maps.

The list is that of the presets: one without a case fails.
"""

import os
import random
import tempfile
from math import prod
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist
from mmaction.structures import ActionDataSample
from mmcv.transforms import Compose
from mmengine.runner import save_checkpoint
from torch import multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from egoexo_mm.checkpoints.stripping import strip
from egoexo_mm.models.backbone_presets import PRESETS, map_geometry
from egoexo_mm.targets import HAND, Manifest, StoreWriter
from tests.models.backbone_cases import CASES, Case, build, tin_shift

LOSSES = {'loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object'}


@pytest.fixture(scope='module', params=CASES)
def student(request):
    case = CASES[request.param]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('mmcv.ops.tin_shift', tin_shift)
        yield SimpleNamespace(case=case, model=build(case.ours()))


def test_every_preset_has_a_case():
    assert {case.backbone['type'] for case in CASES.values()} == set(PRESETS)


def step(model, case: Case, seed: int = 0):
    """Losses that are trained."""
    own = model.module if isinstance(model, DistributedDataParallel) else model
    losses = model(case.inputs(seed=seed), case.samples(own), mode='loss')
    return {name: value for name, value in losses.items() if 'loss' in name}


def scores_of(model, case: Case) -> torch.Tensor:
    """Of two videos with two views each."""
    model.eval()
    np.random.seed(0)  # TRN draws frames in testing too
    samples = [ActionDataSample(), ActionDataSample()]
    with torch.no_grad():
        return torch.stack([s.pred_score for s in model(case.inputs(views=2), samples, 'predict')])


def hooks_of(model) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_a_step(student):
    """Targets of the stated geometry fit, and every parameter learns that learns in MMAction2."""
    model, case = student.model.train(), student.case
    losses = step(model, case)
    assert set(losses) == LOSSES | ({'loss_aux'} if case.neck else set())
    sum(losses.values()).backward()
    untrained = {name for name, p in model.named_parameters() if p.grad is None}
    never = {name for name, _ in model.named_parameters() if name.startswith(case.unused or ' ')}
    assert untrained == never
    assert all(torch.isfinite(value) for value in losses.values()) and hooks_of(model) == 0
    assert not model.taps._outputs and not model.taps._maps  # no feature is kept
    assert map_geometry(case.ours()) == model.map_geometry()


def test_stock_checkpoints_both_ways(student, tmp_path):
    model, case = student.model, student.case
    stock = build(dict(case.stock(), backbone=case.backbone))
    torch.manual_seed(1)
    with torch.no_grad():
        for p in stock.parameters():
            p.mul_(1 + 0.1 * torch.randn(p.shape))
    loaded = model.load_state_dict(stock.state_dict(), strict=False)
    assert not loaded.unexpected_keys
    assert {name.split('.')[0] for name in loaded.missing_keys} == {'aux_heads'}
    ours = scores_of(model, case)
    torch.testing.assert_close(ours, scores_of(stock, case), rtol=0, atol=0)
    assert (ours[0] - ours[1]).abs().max() > 0 and hooks_of(model) == 0

    for p in stock.parameters():
        torch.nn.init.zeros_(p)
    save_checkpoint(dict(state_dict=model.state_dict()), str(tmp_path / 'trained.pth'))
    strip(tmp_path / 'trained.pth', tmp_path / 'plain.pth')
    weights = torch.load(tmp_path / 'plain.pth', weights_only=True)['state_dict']
    stock.load_state_dict(weights, strict=True)
    torch.testing.assert_close(ours, scores_of(stock, case), rtol=0, atol=0)


# -- two ranks --------------------------------------------------------------------------------


def train_on_two(rank: int, store: str, names: tuple[str, ...]) -> None:
    torch.set_num_threads(1)
    import mmcv.ops

    mmcv.ops.tin_shift = tin_shift
    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    for name in names:
        case = CASES[name]
        model = DistributedDataParallel(
            build(case.ours()).train(), find_unused_parameters=bool(case.unused)
        )
        torch.manual_seed(rank)
        sum(step(model, case, seed=rank).values()).backward()
        # A parameter without a gradient would stop the second pass.
        sum(step(model, case, seed=rank + 2).values())
        grads = [p.grad for p in model.parameters() if p.grad is not None]
        mine = torch.stack([g.double().sum() for g in grads] + [g.double().norm() for g in grads])
        both = [torch.empty_like(mine), torch.empty_like(mine)]
        dist.all_gather(both, mine)
        assert torch.equal(*both) and mine.abs().sum() > 0, name
    dist.barrier()
    os._exit(0)  # freeing what is left of gloo and DDP sometimes never returns


TOKENS_MAPS_AND_FRAMES = ('VideoMAE', 'UniFormerV2', 'MViT', 'SlowFast', 'TSN on MobileNetV2')


@pytest.mark.parametrize(
    'names',
    [TOKENS_MAPS_AND_FRAMES, pytest.param(tuple(CASES), marks=pytest.mark.slow)],
    ids=['some', 'all'],
)
def test_two_ranks(names):
    """Gradients agree, though the ranks see other clips; processes start once for all."""
    with tempfile.TemporaryDirectory() as folder:
        args = (os.path.join(folder, 'store'), names)
        multiprocessing.spawn(train_on_two, args, nprocs=2)


# -- a painted rectangle ----------------------------------------------------------------------

FRAMES, HEIGHT, WIDTH = 64, 80, 120


@pytest.fixture(scope='module')
def painted(tmp_path_factory):
    """Noise, noise with a brighter rectangle, upper left and then lower left, and its boxes."""
    noise = np.random.default_rng(0).integers(80, 160, (FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    frames = noise.copy()
    folder = str(tmp_path_factory.mktemp('painted') / 'store')
    # Near a corner of the crop: the cells of strided convolutions lie a little to the upper left.
    upper, lower = [26, 6, 40, 20], [26, 60, 40, 74]
    boxes = np.array([upper] * (FRAMES // 2) + [lower] * (FRAMES // 2))
    for frame, (x1, y1, x2, y2) in zip(frames, boxes):
        frame[y1:y2, x1:x2] += 60
    with StoreWriter(
        folder, Manifest(signal='interaction', dataset='test', teacher='paint')
    ) as writer:
        writer.add_detections(
            'painted',
            frame=np.arange(FRAMES),
            box=boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT],
            score=np.ones(FRAMES),
            kind=np.full(FRAMES, HAND),
            num_frames=FRAMES,
            fps=30,
        )
    return (frames, noise), folder


def clip_of(case: Case, frames: np.ndarray, store: str, model, flip: int):
    """Pixels and map of the whole video, cropped and perhaps flipped."""
    number = (
        dict(clip_len=1, num_clips=case.frames)
        if case.frames_in_batch
        else dict(clip_len=case.frames, num_clips=1, frame_interval=FRAMES // case.frames)
    )
    steps = [
        dict(type='SampleFrames', test_mode=True, **number),
        dict(type='TrackGeometry'),
        dict(type='CenterCrop', crop_size=72),
        dict(type='Resize', scale=(case.size, case.size), keep_ratio=False),
        dict(type='Flip', flip_ratio=flip),
        dict(type='LoadTargets', stores=dict(interaction_map=store)),
        dict(type='FormatShape', input_format='NCHW' if case.frames_in_batch else 'NCTHW'),
    ]
    chain = Compose(steps)
    chain.transforms[5].adopt(model.map_geometry())
    results = dict(
        filename='painted', total_frames=FRAMES, start_index=0, modality='RGB', avg_fps=30
    )
    results = chain.transforms[0](results)
    results.update(
        imgs=[frames[i] for i in results['frame_inds']],
        img_shape=(HEIGHT, WIDTH),
        original_shape=(HEIGHT, WIDTH),
    )
    for transform in chain.transforms[1:]:
        results = transform(results)
    pixels = torch.from_numpy(results['imgs']).float()[None] / 255
    return pixels, results['interaction_map'][0]


@torch.no_grad()
def make_local(model) -> None:
    """Convolutions average and attention adds nothing, so a cell depends on its pixels."""
    for module in model.modules():
        if isinstance(module, nn.modules.conv._ConvNd):
            weight = module.weight.abs_().clamp_(min=1e-6)
            middle = [size // 2 for size in module.kernel_size]
            weight[(..., *middle)] *= max(30, prod(module.kernel_size))
            weight /= weight.flatten(1).sum(1).view(-1, *[1] * (weight.dim() - 1))
            if module.bias is not None:
                module.bias.zero_()
    for module in model.modules():
        if isinstance(module, nn.Hardtanh):
            module.max_val = torch.inf
        if any(word in type(module).__name__ for word in ('Attention', 'NonLocal')):
            for name, part in module.named_modules():
                if name in ('proj', 'out_proj', 'temporal_fc', 'conv_out.conv'):
                    part.weight.zero_()


@pytest.mark.parametrize('flip', [0, 1])
def test_a_rectangle_lights_up_its_cells(student, painted, flip):
    """The features that it changes most lie where and when its map is lit, for no other order."""
    model, case, (pictures, store) = student.model.eval(), student.case, painted
    make_local(model.backbone)
    seen = []
    model.aux_heads['interaction_map'].register_forward_pre_hook(
        lambda _, args: seen.append(args[0][0] if isinstance(args[0], tuple) else args[0])
    )
    for picture in pictures:
        random.seed(flip), np.random.seed(flip), torch.manual_seed(flip)
        pixels, lit = clip_of(case, picture, store, model, flip)
        with torch.no_grad():
            # a second clip in the batch, in which nothing changes
            model.aux_predictions(torch.cat([pixels, torch.rand_like(pixels)]), 'interaction_map')
    model.aux_heads['interaction_map']._forward_pre_hooks.clear()
    change = (seen[0] - seen[1]).abs().mean(1)[0]  # (T, H, W)
    assert change.shape == lit.shape and 0 < lit.mean() < 0.7
    orders = dict(
        own=change, left_right=change.flip(2), up_down=change.flip(1), transposed=change.mT
    )
    if len(lit) > 1:
        orders['back'] = change.flip(0)
    fit = {name: (x[lit > 0].mean() - x[lit == 0].mean()).item() for name, x in orders.items()}
    auc = (change[lit > 0][:, None] > change[lit == 0]).float().mean().item()
    # Strided convolutions see their neighbours and the frames before and after; tokens do not.
    assert auc > (0.99 if model.taps.taps['interaction_map'].has_tokens else 0.6)
    assert fit['own'] > 0 and fit['own'] == max(fit.values()), fit
