"""Where heads read the backbone: orders of tokens, other taps, unknown backbones."""

import copy

import pytest
import torch
from einops import rearrange
from mmaction.registry import MODELS
from torch import nn
from torch.utils.checkpoint import checkpoint

from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.models.backbone_presets import feature_tap, map_geometry, preset_of
from egoexo_mm.models.feature_taps import FeatureTap
from egoexo_mm.models.teachers.base import Teacher
from tests.models.backbone_cases import AUX_HEADS, CASES, Case, build, head, vit

# -- orders -----------------------------------------------------------------------------------

MAPS = torch.randn(2, 5, 3, 4, 6)  # (N, D, T, H, W) of two clips of 64 x 96 pixels


@pytest.mark.parametrize('tokens', [0, 1, 2])
@pytest.mark.parametrize(
    'order, front',
    [
        ('n (t h w) d', lambda n, x: x.new_zeros(2, n, 5)),
        ('n (h w t) d', lambda n, x: x.new_zeros(2, n, 5)),
        ('(n t) (h w) d', lambda n, x: x.new_zeros(6, n, 5)),
        ('(h w) (n t) d', lambda n, x: x.new_zeros(n, 6, 5)),
        ('n d (t h w)', lambda n, x: x.new_zeros(2, 5, n)),
    ],
)
def test_tokens_become_the_map_they_are_of(order, front, tokens):
    raw = rearrange(MAPS, f'n d t h w -> {order}')
    axis = dict(zip(('n (t h w) d', 'n (h w t) d', '(n t) (h w) d'), (1, 1, 1)))
    axis = axis.get(order, 0 if order.startswith('(h') else 2)
    raw = torch.cat([front(tokens, raw), raw], dim=axis)
    tap = FeatureTap(order=order, class_tokens=tokens, channels=5, time_stride=2, cell_size=16)
    assert torch.equal(tap.maps(raw, (2, 64, 96)), MAPS)


def test_frames_in_the_batch_and_nested_outputs():
    frames = rearrange(MAPS, 'n d t h w -> (n t) d h w')
    tap = FeatureTap(order='(n t) d h w', select=(-1, 0))
    assert torch.equal(tap.maps((None, [frames, None]), (2, 64, 96)), MAPS)
    pathways = FeatureTap().maps((MAPS, MAPS[:, :2]), (2, 64, 96))
    assert torch.equal(pathways[0], MAPS) and torch.equal(pathways[1], MAPS[:, :2])


@pytest.mark.parametrize(
    'options, output, message',
    [
        (
            {},
            torch.zeros(2, 768),
            r"the output of the backbone is \(2, 768\), which is not 'n d t h w'",
        ),
        (
            dict(module='norm', order='n (t h w) d', cell_size=16),
            torch.zeros(2, 1569, 8),
            r"norm is \(2, 1569, 8\), which is not 'n \(t h w\) d' for 2 clips of 64 x 96 "
            'pixels and cells of 16; set order, class_tokens or cell_size',
        ),
        (dict(select=(3,)), (MAPS,), r'has no entry \(3,\): it is a tuple of a tensor \(2, 5,'),
        ({}, [[MAPS], None], r'is a list of .*; say which with tap=dict\(select=...\)'),
    ],
)
def test_what_is_no_map(options, output, message):
    with pytest.raises(ValueError, match=message):
        FeatureTap(**options).maps(output, (2, 64, 96))


@pytest.mark.parametrize('order', ['n d t h', 'n t h w c', 'n d t h w w'])
def test_unknown_orders(order):
    with pytest.raises(ValueError, match='order must name n, d, t, h and w once each'):
        FeatureTap(order=order)


# -- changes to a preset ----------------------------------------------------------------------


def slowonly(**options) -> Case:
    case = copy.deepcopy(CASES['SlowOnly'])
    case.backbone.update(options)
    return case


def total(model, case):
    losses = model.loss(case.inputs(), case.samples(model))
    return sum(value for name, value in losses.items() if 'loss' in name)


def test_another_module_for_one_head():
    """Tokens of an earlier block have the same grid, so that no number is needed."""
    case = CASES['VideoMAE']
    cfg = case.ours()
    cfg['aux_heads']['interaction_map']['tap'] = dict(module='blocks.0')
    model, seen = build(cfg), []
    for name in ('ego_score', 'interaction_map'):
        model.aux_heads[name].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.backbone.blocks[0].register_forward_hook(lambda *args: seen.append(args[2]))
    total(model, case).backward()
    first_block, last, first = seen
    assert torch.equal(first, rearrange(first_block, 'n (t h w) d -> n d t h w', t=4, h=4))
    assert last.shape == first.shape and not torch.equal(last, first)
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_heads_of_one_tap_share_it():
    model, case = build(CASES['VideoMAE'].ours()), CASES['VideoMAE']
    with model._reading(case.inputs()):
        assert len(model.backbone.norm._forward_hooks) == 1
        feats, _ = model.extract_feat(case.inputs())
        assert model.aux_input('ego_score', feats) is model.aux_input('interaction_map', feats)
    assert not model.backbone.norm._forward_hooks


def test_an_earlier_stage_is_probed():
    """Channels and strides of another module of a convolutional network come from a tiny clip."""
    case = slowonly()
    cfg = case.ours(tap=dict(module='layer3'))
    cfg['aux_heads']['interaction_map']['mid_channels'] = 8
    model = build(cfg)
    before = copy.deepcopy(model.state_dict())
    assert model.map_geometry() == MapGeometry(1, 'stride', 16)
    assert model.aux_heads['interaction_map'].conv.in_channels == 64  # 4 * 4 * 2 ** 2
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.backbone.training
    total(model, case).backward()
    # The last stage serves the class head alone, which needs it.
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize(
    'tap, message',
    [
        (dict(module='layer9'), "ResNet3dSlowOnly has no module 'layer9'; it has conv1, "),
        (dict(place='layer3'), r"tap has no \['place'\]; it takes the arguments of FeatureTap"),
        (dict(module='pool2'), "the forward pass of the backbone does not call 'pool2'"),
    ],
)
def test_wrong_taps(tap, message):
    with pytest.raises(ValueError, match=message):
        build(slowonly().ours(tap=tap))


def test_copies_of_a_model_read_their_own_taps():
    """As averaged weights (EMA) do."""
    case = CASES['VideoMAE']
    model = build(case.ours()).eval()
    other = copy.deepcopy(model)
    nn.init.zeros_(other.backbone.patch_embed.projection.weight)
    maps = [one.aux_predictions(case.inputs(), 'interaction_map') for one in (model, other, model)]
    assert torch.equal(maps[0], maps[2]) and not torch.equal(maps[0], maps[1])


def test_online_teachers_get_the_geometry_too():
    case = CASES['VideoMAE']
    assert build(case.ours()).teachers.map_frames == dict(
        time_stride=2, frame_sampling='stride', cell_size=16
    )


class PixelTeacher(Teacher):
    """Keeps what it is shown."""

    signal = target = 'ego_score'
    prepare = infer = row = None  # of extraction

    def __init__(self):
        super().__init__(name='pixels')
        self.seen = []

    def targets(self, pixels):
        self.seen.append(pixels)
        return [torch.zeros(2) for _ in pixels]


MODELS.register_module(name='PixelTeacherForTest', module=PixelTeacher, force=True)


@pytest.mark.parametrize('kind', ['ActionDataPreprocessor', 'EgoExoDataPreprocessor'])
@pytest.mark.parametrize('name', ['VideoMAE', 'TSN'])
def test_online_teachers_see_the_pixels_of_clips_and_of_frames(name, kind):
    """Raw, in the order of time, whatever dimension the frames are in."""
    case = CASES[name]
    cfg = case.ours(teachers=dict(ego_score=dict(type='PixelTeacherForTest')))
    cfg['data_preprocessor']['type'] = kind
    model = build(cfg)
    frames = torch.randint(0, 256, (2, case.frames, 3, 64, 64), dtype=torch.uint8)
    samples = case.samples(model)
    for sample in samples:
        del sample.ego_score
    inputs = frames if case.frames_in_batch else frames.transpose(1, 2)[:, None]
    data = model.data_preprocessor(dict(inputs=list(inputs), data_samples=samples), True)
    model(**data, mode='loss')
    (seen,) = model.teachers.built['ego_score'].seen
    assert torch.equal(seen, frames.transpose(1, 2).float())


# -- gradient checkpointing -------------------------------------------------------------------


def test_with_cp():
    """Losses and gradients of a checkpointed backbone are those of the plain one."""
    found = []
    for with_cp in (False, True):
        case = slowonly(with_cp=with_cp)
        model = build(case.ours()).train()
        torch.manual_seed(1)
        loss = total(model, case)
        loss.backward()
        found.append((loss.detach(), model.backbone.conv1.conv.weight.grad))
    torch.testing.assert_close(found[0], found[1])


class Checkpointed(nn.Module):
    """Two convolutions, checkpointed in PyTorch's older way."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(3, 4, (2, 16, 16), stride=(2, 16, 16))
        self.inner = nn.Sequential(nn.Conv3d(4, 4, 1), nn.GELU())

    def forward(self, x):
        return checkpoint(self.inner, self.stem(x), use_reentrant=True)


MODELS.register_module(name='CheckpointedForTest', module=Checkpointed, force=True)


def test_a_tap_inside_a_checkpointed_part():
    case = Case(dict(type='CheckpointedForTest'), head('I3DHead', 4), frames=8)
    model = build(case.ours(tap=dict(module='inner.0')))
    with pytest.raises(
        ValueError, match="output of 'inner.0' has no gradient.*tap a module around it"
    ):
        total(model, case)
    for module in ('stem', 'inner'):
        model = build(case.ours(tap=dict(module=module)))
        total(model, case).backward()
        assert all(p.grad is not None for p in model.parameters())


# -- unknown backbones ------------------------------------------------------------------------


def test_an_unknown_backbone_is_probed():
    case = Case(dict(type='CheckpointedForTest'), head('I3DHead', 4), frames=8)
    model = build(case.ours())
    assert preset_of(model.backbone) is None
    assert model.map_geometry() == MapGeometry(2, 'stride', 16)
    assert model.aux_heads['ego_score'].fc.in_features == 4
    total(model, case).backward()


class Pooled(nn.Module):
    """A network of tokens that returns a vector; its author knows the grid."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv3d(3, 8, (2, 16, 16), stride=(2, 16, 16))
        self.tokens = nn.Identity()

    def forward(self, x):
        return self.tokens(self.stem(x).flatten(2).transpose(1, 2)).mean(1)


MODELS.register_module(name='PooledForTest', module=Pooled, force=True)


def test_an_unknown_backbone_without_a_map():
    case = Case(dict(type='PooledForTest'), head('TimeSformerHead', 8), frames=8)
    with pytest.raises(
        ValueError, match=r'is \(1, 8\).*say where Pooled has a map: model.tap=dict'
    ):
        build(case.ours())
    with pytest.raises(
        ValueError, match=r"order 'n \(t h w\) d' needs cell_size; say where Pooled"
    ):
        build(case.ours(tap=dict(module='tokens', order='n (t h w) d')))
    model = build(case.ours(tap=dict(module='tokens', order='n (t h w) d', cell_size=16)))
    assert model.map_geometry() == MapGeometry(2, 'stride', 16)
    total(model, case).backward()


def test_channels_that_a_user_states_need_no_tap():
    """As before there were taps: an unknown backbone's output goes to the heads as it is."""
    case = Case(dict(type='CheckpointedForTest'), head('I3DHead', 4), frames=8)
    heads = {name: dict(cfg, in_channels=4) for name, cfg in AUX_HEADS.items()}
    model = build(dict(case.ours(), aux_heads=heads))
    assert model.map_geometry() is None and not model.taps.taps
    feats = model.extract_feat(case.inputs())[0]
    assert model.aux_input('ego_score', feats) is feats


def test_channels_of_another_backbone():
    """A config whose base is of SlowFast."""
    cfg = CASES['VideoMAE'].ours()
    cfg['aux_heads']['object_score']['in_channels'] = 2304
    with pytest.raises(
        ValueError,
        match='aux_heads.object_score has in_channels=2304, but VisionTransformer has 24 there; '
        'set in_channels=None',
    ):
        build(cfg)
    cfg['aux_heads']['object_score']['in_channels'] = None
    assert build(cfg).aux_heads['object_score'].fc.in_features == 24


def test_geometry_of_a_config():
    assert map_geometry(CASES['VideoMAE'].ours()) == MapGeometry(2, 'stride', 16)
    assert map_geometry(CASES['TSM'].ours()) == MapGeometry(1, 'stride', 32, join_clips=True)
    assert map_geometry(CASES['C3D'].ours()) == MapGeometry(8, 'middle', 16)
    assert MapGeometry(8, 'middle', 16).frames(16).tolist() == [4, 12]


def test_a_class_of_another_library_has_no_preset():
    """For example torchvision's ResNet, which has other attributes."""

    class ResNet(nn.Sequential):
        pass

    assert preset_of(ResNet()) is None


def test_a_subclass_has_the_preset_of_its_base():
    class Mine(type(MODELS.build(dict(vit(), _scope_='mmaction')))):
        pass

    assert feature_tap(Mine(**{k: v for k, v in vit().items() if k != 'type'})).module == 'norm'
