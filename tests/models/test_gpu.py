"""What only a GPU can show."""

import copy
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from egoexo_mm.compat import ops
from egoexo_mm.engine import BackboneSpeedHook
from tests.models.golden_case import GoldenCase
from tests.tiny import CONFIG, make_data

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / 'tools' / 'gpu_checks'), str(ROOT / 'tools' / 'benchmarks')]
import rehearsal  # noqa: E402
from step_watch import SyncCounter  # noqa: E402

del sys.path[:2]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device'),
]
CASES = {'k400_slowfast_r50': 'egoexo_slowfast_k400.py', 'k400_slow_r50': 'egoexo_slowonly_k400.py'}
LOSSES = {
    'loss_cls': 'loss_ce_loss',
    'loss_ego': 'loss_kd_loss_0',
    'loss_object': 'loss_kd_loss_1',
    'loss_hand': 'loss_hand_loss',
    'loss_held_object': 'loss_obj_loss',
    'total': 'loss_total',
}


@pytest.fixture(autouse=True)
def exact_float32():
    """Convolutions and products of float32 as such, not in TF32."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        old, torch.backends.cuda.matmul.allow_tf32 = torch.backends.cuda.matmul.allow_tf32, False
        yield
        torch.backends.cuda.matmul.allow_tf32 = old


def batch(device):
    generator = torch.Generator().manual_seed(0)
    samples = []
    for i in range(3):
        sample = ActionDataSample().set_gt_label(i % 2)
        if i:  # the first clip has no targets
            sample.set_field(torch.randn(2, generator=generator), 'ego_score')
            sample.set_field(torch.randn(10, generator=generator), 'object_score')
            sample.set_field(torch.rand(2, 4, 2, 2, generator=generator), 'interaction_map')
        samples.append(sample.to(device))
    return torch.randn(3, 1, 3, 16, 64, 64, generator=generator).to(device), samples


def test_a_step_equals_the_cpu():
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    losses = {device: model.to(device).loss(*batch(device)) for device in ('cpu', 'cuda')}
    for name in ('loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object'):
        torch.testing.assert_close(
            losses['cuda'][name].cpu(), losses['cpu'][name], rtol=1e-3, atol=1e-4, msg=name
        )


@pytest.fixture(scope='module', params=list(CASES))
def golden(request):
    """A recorded step of the official code, moved to the GPU."""
    case = GoldenCase(request.param, CASES[request.param])
    case.model.cuda()
    case.inputs, case.samples = case.inputs.cuda(), [sample.to('cuda') for sample in case.samples]
    return case


def test_numbers_of_the_official_code(golden):
    step = golden.step()
    for name, recorded in LOSSES.items():
        assert step[name].item() == pytest.approx(float(golden.expected[recorded]), rel=1e-3), name
    golden.reset()
    golden.model.train()
    with torch.no_grad():
        feats, _ = golden.model.extract_feat(golden.inputs)
        outputs = dict(
            train_logits=golden.model.cls_head(feats),
            train_kd_logits_0=golden.model.aux_heads['ego_score'](feats),
            train_kd_logits_1=golden.model.aux_heads['object_score'](feats),
            train_interaction_logits=golden.model.aux_heads['interaction_map'](feats),
        )
    for name, value in outputs.items():
        np.testing.assert_allclose(
            value.cpu().numpy(), golden.expected[name], rtol=1e-3, atol=1e-3, err_msg=name
        )
    scores = torch.stack([sample.pred_score for sample in golden.predict()])
    np.testing.assert_allclose(scores.cpu().numpy(), golden.expected['eval_scores'], rtol=1e-3)


@pytest.mark.parametrize(
    'dtype, rel, abs',
    [(torch.float16, 0.01, 1e-3), (torch.bfloat16, 0.1, 4e-3)],
    ids=['float16', 'bfloat16'],
)
def test_losses_in_half_precision(golden, dtype, rel, abs):
    """The smallest, loss_ego, is 0.01; normalisation over two clips enlarges rounding."""
    full = {name: value.item() for name, value in golden.step().items()}
    with torch.autocast('cuda', dtype=dtype):
        half = golden.step()
    for name in LOSSES:
        assert half[name].item() == pytest.approx(full[name], rel=rel, abs=abs), name
    assert all(torch.isfinite(parameter.grad).all() for parameter in golden.model.parameters())


def test_auxiliary_losses_never_wait_for_the_device():
    model = MODELS.build(Config.fromfile(CONFIG).model).cuda()
    inputs, samples = batch('cuda')
    feats, _ = model.extract_feat(inputs)
    torch.cuda.set_sync_debug_mode('error')
    try:
        losses = [head.loss(feats, samples) for head in model.aux_heads.values()]
        sum(value for part in losses for value in part.values()).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')


def test_the_counter_of_syncs_counts():
    counter, value = SyncCounter(), torch.ones(1, device='cuda')
    counter.start()
    value.item(), value.cpu()
    assert len(counter.stop()) == 2 and counter.found[0].startswith('test_gpu.py')


@pytest.mark.parametrize(
    'wrapper',
    [
        {},
        dict(type='AmpOptimWrapper', loss_scale='dynamic'),
        dict(type='AmpOptimWrapper', dtype='bfloat16'),
    ],
    ids=['float32', 'float16', 'bfloat16'],
)
def test_no_step_waits_for_the_device(tmp_path, monkeypatch, wrapper):
    """Steps of a run with every shipped hook: copy, forward, backward, update, hooks after it.

    Steps that write a log line read the losses; that is what they are for.
    """
    for name, value in make_data(tmp_path, 24).items():
        monkeypatch.setenv(name, value)
    cfg = Config.fromfile(CONFIG)
    cfg.work_dir = str(tmp_path / 'run')
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.train_cfg.update(max_epochs=1)
    cfg.optim_wrapper.update(wrapper)
    cfg.default_hooks.logger.interval = 5
    cfg.default_hooks.checkpoint.interval = 10
    cfg.custom_hooks = [
        *cfg.custom_hooks,
        dict(type='StepWatchHook', out=str(tmp_path / 'watch.json'), warm=2, counted=4),
    ]
    Runner.from_cfg(cfg).train()
    watch = json.loads((tmp_path / 'watch.json').read_text())
    # steps 3 to 6; the fifth and the last of six write log lines
    assert watch['syncs'][:2] == [0, 0] and watch['syncs'][2] > 0, watch['sync_places']


def test_score_teachers_never_wait():
    """Those of hands and objects do: detections are counted by NMS and painted on the host."""
    from tests.teachers.tiny_teachers import TinyEgoTeacher, TinyObjectTeacher

    pixels = torch.randint(0, 256, (2, 3, 16, 64, 64), device='cuda').float()
    for teacher in (
        TinyEgoTeacher(num_scores=2),
        TinyObjectTeacher(num_scores=10, score_kind='probabilities'),
    ):
        teacher.cuda()
        teacher.targets(pixels)  # what cuDNN and the allocator do once
        counter = SyncCounter()
        counter.start()
        targets = teacher.targets(pixels)
        assert not counter.stop(), (type(teacher).__name__, counter.found)
        assert len(targets) == 2 and targets[0].is_cuda


def peak(cfg, model, clips):
    data = rehearsal.video(cfg, clips=clips, size=96, width=128, frames=60)
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    with torch.no_grad():
        model.test_step(data)
    return torch.cuda.max_memory_allocated()


def test_memory_of_testing_is_flat_in_views():
    cfg = rehearsal.load('egoexo_slowonly_k400.py')
    cfg.model.test_cfg.max_testing_views = 3
    model = rehearsal.build(cfg, 'cuda').train(False)
    peak(cfg, model, 2)
    few, many = peak(cfg, model, 2), peak(cfg, model, 20)  # 6 and 60 views of the same frames
    assert many < 1.02 * few


def test_views_cut_on_the_device_score_as_copied_ones():
    cfg = rehearsal.load('egoexo_slowonly_k400.py')
    model = rehearsal.build(cfg, 'cuda').train(False)
    once = rehearsal.video(cfg, clips=2, size=96, width=128, frames=30)
    copied = rehearsal.views(once)
    model.data_preprocessor.defer_testing = True
    with torch.no_grad():
        scores = [model.test_step(data)[0].pred_score for data in (once, copied)]
    torch.testing.assert_close(*scores, rtol=1e-5, atol=1e-7)


def test_nms():
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(500, 2, generator=generator) * 100
    boxes = torch.cat([corner, corner + 5 + torch.rand(500, 2, generator=generator) * 40], 1)
    scores = torch.rand(500, generator=generator)
    for offset in (0, 1):
        kept = [
            ops.nms(boxes.to(device), scores.to(device), 0.5, offset).cpu()
            for device in ('cpu', 'cuda')
        ]
        assert torch.equal(*kept) and 10 < len(kept[0]) < 490


@pytest.mark.parametrize('aligned', [True, False])
def test_roi_align(aligned):
    from mmcv.ops import RoIAlign

    generator = torch.Generator().manual_seed(0)
    feats = torch.randn(2, 4, 20, 30, generator=generator)
    corner = torch.rand(50, 2, generator=generator) * 200
    rois = torch.cat(
        [
            torch.randint(0, 2, (50, 1), generator=generator).float(),
            corner,
            corner + 20 + torch.rand(50, 2, generator=generator) * 200,
        ],
        1,
    )
    found = []
    for device in ('cpu', 'cuda'):
        x = feats.clone().to(device).detach().requires_grad_()
        out = RoIAlign(7, 1 / 16, 0, aligned=aligned)(x, rois.to(device))
        out.square().sum().backward()
        found.append((out.detach().cpu(), x.grad.cpu()))
    for ours, expected in zip(*found):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3)


def test_a_detector_finds_the_same(tmp_path):
    from tests.teachers.tiny_detector import load_config, write_weights

    pixels = torch.randint(
        0, 256, (2, 3, 8, 64, 64), generator=torch.Generator().manual_seed(0)
    ).float()
    teacher = MODELS.build(
        dict(
            type='HandObjectTeacher',
            detector=load_config().to_dict(),
            checkpoint=str(write_weights(tmp_path / 'tiny.pth')),
        )
    )
    maps = [
        torch.stack(teacher.to(device).targets(pixels.to(device))).cpu()
        for device in ('cpu', 'cuda')
    ]
    torch.testing.assert_close(*maps, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    'options',
    [dict(channels_last=True), dict(compile=True), dict(channels_last=True, compile=True)],
    ids=['channels_last', 'compile', 'both'],
)
def test_speed_hook(options):
    torch.manual_seed(0)
    plain = MODELS.build(Config.fromfile(CONFIG).model).cuda().train()
    quick = copy.deepcopy(plain)
    BackboneSpeedHook(**options).before_run(SimpleNamespace(model=quick))
    found = []
    for model in (plain, quick):
        losses = model.loss(*batch('cuda'))
        total = sum(value for name, value in losses.items() if 'loss' in name)
        total.backward()
        found.append([*losses.values(), torch.stack([p.grad.norm() for p in model.parameters()])])
    for ours, expected in zip(*found):
        torch.testing.assert_close(ours, expected, rtol=1e-2, atol=1e-3)
    assert list(quick.state_dict()) == list(plain.state_dict())
