import copy
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.model import BaseDataPreprocessor
from mmengine.optim import build_optim_wrapper

import egoexo_mm  # noqa: F401
from egoexo_mm.models.data_preprocessor import EgoExoDataPreprocessor
from egoexo_mm.models.teachers.online import raw_pixels
from tests.teachers.tiny_detector import write_weights

CONFIG = Path(__file__).parents[1] / 'data' / 'tiny_online.py'
FIELDS = dict(ego_score=(2,), object_score=(10,), interaction_map=(2, 4, 2, 2))


@pytest.fixture(scope='module')
def cfg(tmp_path_factory):
    path = write_weights(tmp_path_factory.mktemp('weights') / 'tiny.pth')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TINY_DETECTOR', str(path))
        yield Config.fromfile(CONFIG)


def build(cfg, ready=True, **changes):
    torch.manual_seed(0)
    model = MODELS.build(Config(dict(cfg.model, **changes)))
    if ready:
        model.init_weights()
    return model


def clips(model, n=2, seed=0, **stored):
    """Normalised clips and their pixels; the first sample has the ``stored`` targets."""
    pixels = torch.randint(
        0, 256, (n, 1, 3, 16, 64, 64), generator=torch.Generator().manual_seed(seed)
    ).float()
    samples = [ActionDataSample().set_gt_label(i % 2) for i in range(n)]
    for name, value in stored.items():
        samples[0].set_field(value, name)
    data = model.data_preprocessor(dict(inputs=list(pixels), data_samples=samples), training=True)
    return data['inputs'], data['data_samples'], pixels[:, 0]


def test_missing_targets_are_made(cfg):
    model = build(cfg)
    inputs, samples, pixels = clips(model)
    filled = model.teachers.fill(inputs, samples, model.data_preprocessor)
    for name, shape in FIELDS.items():
        expected = model.teachers.built[name].targets(pixels)
        for sample, target in zip(filled, expected):
            assert sample.get(name).shape == shape
            torch.testing.assert_close(sample.get(name), target, rtol=0, atol=0)
    assert not any(
        name in sample for sample in samples for name in FIELDS
    )  # the caller's are as they were
    assert [sample.gt_label for sample in filled] == [sample.gt_label for sample in samples]
    losses = model.loss(inputs, samples)
    assert all(
        losses[name] > 0 for name in ('loss_ego', 'loss_object', 'loss_hand', 'loss_held_object')
    )


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_teachers_see_the_frames_that_were_loaded(cfg, order):
    """Fractions of grey levels and the order of channels reach them as they are."""
    preprocessor = dict(cfg.model.data_preprocessor, channel_order=order)
    model = build(cfg, data_preprocessor=preprocessor)
    teacher, seen = model.teachers.built['ego_score'], []
    teacher.targets = lambda pixels: seen.append(pixels) or [torch.zeros(2)] * len(pixels)
    pixels = torch.rand(2, 1, 3, 16, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    samples = [ActionDataSample().set_gt_label(0) for _ in pixels]
    samples[0].set_field(torch.zeros(2), 'ego_score')
    model.loss(**model.data_preprocessor(dict(inputs=list(pixels), data_samples=samples), True))
    assert torch.equal(seen[0], pixels[1:, 0]) and 'raw_clip' not in samples[1]


def test_raw_clips_are_kept_for_teachers_only(cfg):
    for changes, kept in ((dict(), True), (dict(teachers=None), False)):
        model = build(cfg, **changes)
        _, samples, pixels = clips(model)
        assert ['raw_clip' in sample for sample in samples] == [kept, kept]
        data = dict(inputs=list(pixels[:, None]), data_samples=[ActionDataSample()] * 2)
        tested = model.data_preprocessor(data, training=False)['data_samples']
        assert not any('raw_clip' in sample for sample in tested)


def test_stored_targets_win(cfg):
    model = build(cfg)
    stored = dict(
        ego_score=torch.tensor([3.0, 4]),
        object_score=torch.zeros(10),
        interaction_map=torch.ones(2, 4, 2, 2),
    )
    inputs, samples, _ = clips(model, 3, **stored)
    filled = model.teachers.fill(inputs, samples, model.data_preprocessor)
    assert filled[0] is samples[0] and filled[1] is not samples[1]
    assert filled[0].ego_score.tolist() == [3, 4] and 'interaction_map' in filled[2]
    assert model.teachers.built['ego_score'].calls == [2]
    assert model.teachers.fill(inputs, filled, model.data_preprocessor) is filled
    assert model.teachers.built['ego_score'].calls == [2]  # nothing was lacking


def test_some_targets_may_stay_without_teacher(cfg):
    model = build(cfg, teachers=dict(cfg.model.teachers, object_score=None, interaction_map=None))
    inputs, samples, _ = clips(model)
    losses = model.loss(inputs, samples)
    assert losses['loss_ego'] > 0 and losses['loss_object'] == losses['loss_hand'] == 0


def test_outside_of_state_dict_and_optimizer(cfg):
    model, plain = build(cfg), build(cfg, teachers=None)
    names = set(model.state_dict())
    assert names == set(plain.state_dict())
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in plain.named_parameters()]
    assert [n for n, _ in model.named_buffers()] == [n for n, _ in plain.named_buffers()]
    assert [n for n, _ in model.named_modules()] == [n for n, _ in plain.named_modules()]
    plain.load_state_dict(model.state_dict(), strict=True)
    model.load_state_dict(plain.state_dict(), strict=True)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper).optimizer
    held = {id(p) for group in optimizer.param_groups for p in group['params']}
    teachers = [p for teacher in model.teachers.built.values() for p in teacher.parameters()]
    assert len(held) == len(list(model.parameters())) and len(teachers) > 60
    assert not held & {id(p) for p in teachers} and not any(p.requires_grad for p in teachers)


def test_training_does_not_touch_teachers(cfg):
    model = build(cfg).train()
    before = copy.deepcopy(
        {name: teacher.state_dict() for name, teacher in model.teachers.built.items()}
    )
    optim = build_optim_wrapper(model, cfg.optim_wrapper)
    inputs, samples, _ = clips(model)
    loss, _ = model.parse_losses(model.loss(inputs, samples))
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())
    optim.step()
    for name, teacher in model.teachers.built.items():
        assert not any(module.training for module in teacher.modules())
        assert all(p.grad is None for p in teacher.parameters())
        assert all(
            torch.equal(value, before[name][key]) for key, value in teacher.state_dict().items()
        )


def test_random_numbers_of_training_stay(cfg):
    """With the same seed the student starts and goes on as without teachers."""
    model = build(cfg)
    after = torch.rand(3)
    plain = build(cfg, teachers=None)
    assert torch.equal(after, torch.rand(3))
    assert all(
        torch.equal(value, plain.state_dict()[name]) for name, value in model.state_dict().items()
    )


def test_moves_with_the_recognizer(cfg):
    model = build(cfg).double()
    assert {p.dtype for teacher in model.teachers.built.values() for p in teacher.parameters()} == {
        torch.float64
    }
    inputs, samples, _ = clips(model)
    single = build(cfg)
    expected = single.teachers.fill(*clips(single)[:2], single.data_preprocessor)
    for found, sample in zip(
        model.teachers.fill(inputs, samples, model.data_preprocessor), expected
    ):
        for name in FIELDS:
            torch.testing.assert_close(
                found.get(name).float(), sample.get(name), rtol=1e-3, atol=1e-4
            )
    model.to('meta')
    assert {
        p.device.type for teacher in model.teachers.built.values() for p in teacher.parameters()
    } == {'meta'}


def test_a_copy_has_teachers_of_its_own(cfg):
    model = build(cfg)
    twin = copy.deepcopy(model)
    ours, theirs = (
        m.teachers.built['interaction_map'].detector.backbone.conv1.weight for m in (model, twin)
    )
    assert ours is not theirs and torch.equal(ours, theirs)
    inputs, samples, _ = clips(model)
    for name, value in model.loss(inputs, samples).items():
        torch.testing.assert_close(twin.loss(inputs, samples)[name], value)


@pytest.mark.parametrize('amp', [None, 'bfloat16'])
def test_mixed_precision_is_their_own(cfg, amp):
    model = build(cfg, teacher_amp=amp)
    inputs, samples, pixels = clips(model)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        filled = model.teachers.fill(inputs, samples, model.data_preprocessor)
        assert torch.is_autocast_enabled('cpu')  # the student's
    assert model.teachers.built['ego_score'].autocast == [amp is not None]
    for name in FIELDS:
        assert filled[0].get(name).dtype == torch.float32
    if amp is None:
        expected = model.teachers.built['interaction_map'].targets(pixels)
        torch.testing.assert_close(filled[0].interaction_map, expected[0], rtol=0, atol=0)


def test_testing_needs_no_teacher(cfg):
    """Neither building nor predicting reads a file."""
    gone = dict(
        cfg.model.teachers,
        interaction_map=dict(cfg.model.teachers.interaction_map, checkpoint='gone.pth'),
    )
    model = build(cfg, ready=False, teachers=gone).eval()
    inputs, samples, _ = clips(model)
    with torch.no_grad():
        assert model.predict(inputs, samples)[0].pred_score.shape == (2,)
    assert not model.teachers.built
    with pytest.raises(ValueError, match='gone.pth is not a file; expected a PyTorch checkpoint'):
        model.init_weights()  # which training does first


def test_without_init_weights_they_are_built_on_first_use(cfg):
    model = build(cfg, ready=False)
    inputs, samples, _ = clips(model)
    assert model.loss(inputs, samples)['loss_hand'] > 0 and set(model.teachers.built) == set(FIELDS)


def test_bad_configs(cfg):
    teachers = cfg.model.teachers
    heads = dict(cfg.model.aux_heads, object_score=None)
    with pytest.raises(
        ValueError, match=r"no auxiliary head learns 'object_score' \(they learn ego_score, inter"
    ):
        build(cfg, ready=False, aux_heads=heads)
    with pytest.raises(
        ValueError, match="TinyEgoTeacher makes 'ego_score', but is given as 'object_score'"
    ):
        build(cfg, teachers=dict(object_score=teachers.ego_score))
    with pytest.raises(
        ValueError, match="teacher_amp must be 'float16', 'bfloat16' or None, got 'half'"
    ):
        build(cfg, ready=False, teacher_amp='half')
    model = build(cfg)
    inputs, samples, _ = clips(model)
    with pytest.raises(
        ValueError, match='expected one view a sample, got 2; train with num_clips=1'
    ):
        model.loss(inputs.expand(-1, 2, -1, -1, -1, -1), samples)


@pytest.mark.parametrize(
    'settings',
    [
        dict(mean=[114.75] * 3, std=[57.375] * 3),
        dict(),
        dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True),
    ],
    ids=['reference', 'none', 'imagenet, reversed'],
)
def test_pixels_are_restored_exactly(settings):
    pixels = torch.stack(
        [torch.arange(256), torch.arange(256).flip(0), torch.arange(256).roll(7)]
    ).view(1, 3, 1, 16, 16)
    preprocessor = MODELS.build(
        dict(type='ActionDataPreprocessor', format_shape='NCTHW', **settings)
    )
    data = preprocessor(dict(inputs=[pixels.to(torch.uint8)], data_samples=[ActionDataSample()]))
    assert torch.equal(raw_pixels(data['inputs'][:, 0], preprocessor), pixels.float())


def test_pixels_of_a_bgr_recognizer_are_rgb():
    pixels = torch.tensor([10.0, 20, 30]).view(1, 3, 1, 1, 1)
    preprocessor = EgoExoDataPreprocessor(
        channel_order='bgr', mean=[1, 2, 3], std=[4, 5, 6], format_shape='NCTHW'
    )
    data = preprocessor(dict(inputs=[pixels], data_samples=[ActionDataSample().set_gt_label(0)]))
    assert data['inputs'].flatten().tolist() == pytest.approx([29 / 4, 18 / 5, 7 / 6])
    assert raw_pixels(data['inputs'][:, 0], preprocessor).flatten().tolist() == [10, 20, 30]


def test_pixels_that_cannot_be_restored():
    blends = MODELS.build(
        dict(type='ActionDataPreprocessor', blending=dict(type='MixupBlending', num_classes=2))
    )
    with pytest.raises(
        ValueError, match='cannot see the clips that MixupBlending blends; remove blending'
    ):
        raw_pixels(torch.zeros(1, 3, 1, 4, 4), blends)
    with pytest.raises(ValueError, match='cannot undo the normalisation of BaseDataPreprocessor'):
        raw_pixels(torch.zeros(1, 3, 1, 4, 4), BaseDataPreprocessor())
