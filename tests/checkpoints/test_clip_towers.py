"""CLIP's visual tower, AVION and LaViLa: the same values through a forward of both layouts."""

import copy
import math

import pytest
import torch
from mmaction.registry import MODELS
from torch.nn import functional as F

import egoexo_mm  # noqa: F401  registers
from egoexo_mm.checkpoints.clip_towers import Avion, Clip, LaViLa
from egoexo_mm.models.backbone_presets import feature_tap

WIDTH, HEADS, DEPTH, PATCH, SIZE, FRAMES = 64, 1, 2, 8, 32, 3
TOKENS = (SIZE // PATCH) ** 2 + 1
BLOCK = {
    'ln_1.weight': [WIDTH],
    'ln_1.bias': [WIDTH],
    'attn.in_proj_weight': [3 * WIDTH, WIDTH],
    'attn.in_proj_bias': [3 * WIDTH],
    'attn.out_proj.weight': [WIDTH, WIDTH],
    'attn.out_proj.bias': [WIDTH],
    'ln_2.weight': [WIDTH],
    'ln_2.bias': [WIDTH],
    'mlp.c_fc.weight': [4 * WIDTH, WIDTH],
    'mlp.c_fc.bias': [4 * WIDTH],
    'mlp.c_proj.weight': [WIDTH, 4 * WIDTH],
    'mlp.c_proj.bias': [WIDTH],
}
TOWER = {
    'conv1.weight': [WIDTH, 3, PATCH, PATCH],
    'class_embedding': [WIDTH],
    'positional_embedding': [TOKENS, WIDTH],
    'ln_pre.weight': [WIDTH],
    'ln_pre.bias': [WIDTH],
    'ln_post.weight': [WIDTH],
    'ln_post.bias': [WIDTH],
    **{f'transformer.resblocks.{i}.{k}': v for i in range(DEPTH) for k, v in BLOCK.items()},
}
FLASH = {  # names of flash-attn's layers, which AVION's released files have
    'attn.in_proj_weight': 'attn.Wqkv.weight',
    'attn.in_proj_bias': 'attn.Wqkv.bias',
    'mlp.c_fc.': 'mlp.fc1.',
    'mlp.c_proj.': 'mlp.fc2.',
}


def values(shapes):
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in shapes.items():
        value = torch.randn(shape, generator=generator) * 0.2
        is_norm = 'ln_' in name and name.endswith('weight')
        state[name] = value + 1 if is_norm else value
    return state


def clip_file():
    """CLIP's whole state dict."""
    state = {f'visual.{k}': v for k, v in values({**TOWER, 'proj': [WIDTH, 16]}).items()}
    text = {f'transformer.resblocks.0.{k}': torch.zeros(v) for k, v in BLOCK.items()}
    names = ('positional_embedding', 'token_embedding.weight', 'text_projection', 'logit_scale')
    names += ('ln_final.weight', 'ln_final.bias', 'input_resolution', 'context_length')
    return {**state, **text, **dict.fromkeys(names, torch.zeros(1))}


def avion_tower():
    return values({**TOWER, 'temporal_embedding': [FRAMES, WIDTH]})


def avion_file(*, flash=True, head=True, front='module.'):
    """As its training saves a model: fine-tuned, or pre-trained with its text tower."""
    state = {}
    for name, value in avion_tower().items():
        if flash:
            value = value.flatten(1) if name == 'conv1.weight' else value
            for plain, fast in FLASH.items():
                name = name.replace(plain, fast)
        state[f'visual.{name}'] = value
    if head:
        state.update({'fc_cls.weight': torch.rand(5, WIDTH), 'fc_cls.bias': torch.rand(5)})
    else:
        names = ('visual.image_projection', 'logit_scale', 'textual.ln_final.weight')
        state.update(dict.fromkeys(names, torch.zeros(2)))
    return {front + name: value for name, value in state.items()}


def encode(state, x, act, eps):
    """The blocks of CLIP on embedded tokens (B, N, C), behind the norm in front of them."""

    def norm(x, name):
        return F.layer_norm(x, (WIDTH,), state[f'{name}.weight'], state[f'{name}.bias'], eps)

    def linear(x, name, dot='.'):
        return F.linear(x, state[f'{name}{dot}weight'], state[f'{name}{dot}bias'])

    x = norm(x, 'ln_pre')
    for i in range(DEPTH):
        block = f'transformer.resblocks.{i}'
        q, k, v = linear(norm(x, f'{block}.ln_1'), f'{block}.attn.in_proj', '_').chunk(3, -1)
        attention = (q @ k.transpose(1, 2) / math.sqrt(WIDTH // HEADS)).softmax(-1)  # one head
        x = x + linear(attention @ v, f'{block}.attn.out_proj')
        x = x + linear(
            act(linear(norm(x, f'{block}.ln_2'), f'{block}.mlp.c_fc')), f'{block}.mlp.c_proj'
        )
    return x, norm(x[:, 0], 'ln_post')


def patches(state, frames):
    """(B, 3, H, W) -> (B, N - 1, C)."""
    return F.conv2d(frames, state['conv1.weight'], stride=PATCH).flatten(2).transpose(1, 2)


def part(state, front):
    return {name[len(front) :]: value for name, value in state.items() if name.startswith(front)}


def clips(frames=FRAMES):
    shape = (2, 3, frames, SIZE, SIZE)
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].dtype == value.dtype and torch.equal(got[name], value), name


@torch.no_grad()
@pytest.mark.parametrize('alone', [False, True])
def test_the_visual_tower_starts_uniformerv2(alone, tmp_path):
    """Frames give the tokens of CLIP, through the file that the backbone's start reads."""
    theirs = clip_file()
    theirs = part(theirs, 'visual.') if alone else theirs
    assert Clip().matches(theirs)
    converted = Clip().forward(theirs)
    assert 'input_resolution=32, patch_size=8, width=64, layers=2, heads=1' in converted.lines[2]
    torch.save({'state_dict': converted.weights}, tmp_path / 'clip.pth')
    backbone = MODELS.build(
        dict(
            type='mmaction.UniFormerV2',
            input_resolution=SIZE,
            patch_size=PATCH,
            width=WIDTH,
            layers=DEPTH,
            heads=HEADS,
            t_size=FRAMES,
            n_layers=1,
            return_list=[1],
            n_dim=WIDTH,
            n_head=HEADS,
            mlp_dropout=[0.0],
            clip_pretrained=False,
            init_cfg=dict(
                type='Pretrained', checkpoint=str(tmp_path / 'clip.pth'), prefix='backbone.'
            ),
        )
    ).eval()
    backbone.init_weights()
    assert converted.weights.keys() < {f'backbone.{name}' for name in backbone.state_dict()}
    seen = []
    last = backbone.transformer.resblocks[-1]
    last.register_forward_hook(lambda module, given, tokens: seen.append(tokens))
    backbone(clips())
    tower = part(clip_file(), 'visual.')
    frames = clips().transpose(1, 2).flatten(0, 1)
    x = torch.cat([tower['class_embedding'].expand(6, 1, WIDTH), patches(tower, frames)], 1)
    x = x + tower['positional_embedding']
    expected, _ = encode(tower, x, lambda y: y * torch.sigmoid(1.702 * y), 1e-5)
    torch.testing.assert_close(seen[0].transpose(0, 1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'visual.attnpool.bias': torch.zeros(1)}, r'1 unknown key \(attnpool\.bias\)'),
        ({'extra': torch.zeros(1)}, r'1 unknown key \(extra\); expected exactly the ViT of CLIP'),
        ({'visual.ln_pre.bias': torch.zeros(3)}, r'ln_pre\.bias \(3,\) instead of \(64,\)'),
    ],
)
def test_what_is_no_visual_tower_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Clip().forward({**clip_file(), **changes})


def test_clip_has_no_way_back():
    with pytest.raises(ValueError, match='weights of clip cannot be converted back'):
        Clip().reverse({})


@torch.no_grad()
@pytest.mark.parametrize('flash', [True, False])
@pytest.mark.parametrize('head', [True, False])
def test_avion_in_both_layouts(flash, head, tmp_path):
    given = avion_file(flash=flash, head=head)
    assert Avion().matches(given)
    theirs = Avion().read({'state_dict': given, 'epoch': 3}, tmp_path)
    converted = Avion().forward(theirs)
    settings = f'num_frames={FRAMES}, img_size=32, patch_size=8, embed_dims=64, num_heads=1'
    assert converted.lines[1].startswith(f'settings: type=AvionTransformer, {settings}, ')
    backbone = MODELS.build(
        dict(
            type='AvionTransformer',
            num_frames=FRAMES,
            img_size=SIZE,
            patch_size=PATCH,
            embed_dims=WIDTH,
            num_heads=HEADS,
            num_transformer_layers=DEPTH,
        )
    ).eval()
    backbone.load_state_dict(part(converted.weights, 'backbone.'), strict=True)
    tower = avion_tower()
    tokens = [patches(tower, frame) for frame in clips().unbind(2)]
    places = tower['positional_embedding']
    tokens = [frame + places[1:] + time for frame, time in zip(tokens, tower['temporal_embedding'])]
    first = (tower['class_embedding'] + places[0]).expand(2, 1, WIDTH)
    _, expected = encode(tower, torch.cat([first, *tokens], 1), F.gelu, 1e-6)
    torch.testing.assert_close(backbone(clips()), expected, rtol=1e-4, atol=1e-5)

    names = {name for name in converted.weights if not name.startswith('backbone.')}
    assert names == ({'cls_head.fc_cls.weight', 'cls_head.fc_cls.bias'} if head else set())
    if not head:
        assert 'dropped the text tower and projections (3 tensors)' in converted.lines
    back = Avion().reverse(converted.weights).weights
    tower = part(avion_file(front='visual.'), 'visual.visual.')
    expected = {f'visual.{name}': value for name, value in tower.items()}
    expected.update({name: theirs[name] for name in ('fc_cls.weight', 'fc_cls.bias') if head})
    assert_equal(back, expected)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            {'visual.transformer.resblocks.1.ls_1.gamma': torch.zeros(64)},
            r'1 unknown key \(visual\.transformer\.resblocks\.1\.ls_1\.gamma\); expected exactly A',
        ),
        (
            {'visual.temporal_embedding': torch.zeros(FRAMES, 8)},
            r'visual\.temporal_embedding \(3, 8\) instead of \(3, 64\)',
        ),
        (
            {'visual.conv1.weight': torch.zeros(64, 50)},  # no number of RGB pixels
            r'visual\.conv1\.weight \(64, 50\) instead of \(64, 48\)',
        ),
        (
            {'visual.positional_embedding': torch.zeros(18, 64)},
            r'has positions of 18 tokens; expected a class token and a square of patches',
        ),
    ],
)
def test_what_is_no_avion_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Avion().forward({**avion_file(front=''), **changes})


def test_lavila_is_refused_with_what_differs():
    state = {'visual.blocks.0.timeattn.qkv.weight': torch.zeros(1)}
    assert LaViLa().matches({f'module.{name}': value for name, value in state.items()})
    with pytest.raises(ValueError) as error:
        LaViLa().forward(state)
    for word in ('class token', 'added to the input of a block', 'QuickGELU', 'norm before'):
        assert word in str(error.value)


@torch.no_grad()
def test_avion_transformer_trains_and_copies():
    """Its first layer is its own in a copy, and every parameter has a gradient."""
    torch.manual_seed(0)
    settings = dict(num_frames=2, img_size=16, patch_size=8, embed_dims=16, num_heads=2)
    backbone = MODELS.build(dict(type='AvionTransformer', num_transformer_layers=2, **settings))
    backbone.init_weights()
    other = copy.deepcopy(backbone).eval()
    x = torch.randn(1, 3, 2, 16, 16)
    before = other(x)
    backbone.transformer_layers.layers[0].norm.weight.zero_()
    assert torch.equal(other(x), before)
    with torch.enable_grad():
        other.train()(x).pow(2).sum().backward()
    assert all(value.grad is not None for value in other.parameters())
    assert 'patch_embed.projection.bias' not in other.state_dict()


@torch.no_grad()
def test_auxiliary_heads_see_avions_tokens():
    """TimeSformer's tap: a bright patch lights up its own cell of its own frame."""
    torch.manual_seed(0)
    settings = dict(num_frames=2, img_size=24, patch_size=8, embed_dims=16, num_heads=2)
    backbone = MODELS.build(dict(type='AvionTransformer', num_transformer_layers=1, **settings))
    backbone.init_weights()
    tap = feature_tap(backbone.eval())
    assert (tap.channels, tap.time_stride, tap.cell_size) == ((16,), (1,), 8)
    seen = []
    dict(backbone.named_modules())[tap.module].register_forward_hook(
        lambda module, given, tokens: seen.append(tokens)
    )
    clip = torch.zeros(1, 3, 2, 24, 24)
    backbone(clip)
    clip[:, :, 1, 8:16, 16:24] = 1
    backbone(clip)
    before, after = (tokens[:, 1:].reshape(1, 3, 3, 2, 16) for tokens in seen)  # n (h w t) d
    changed = (after - before).abs().sum(-1)[0]
    assert changed.argmax() == (1 * 3 + 2) * 2 + 1
