"""VideoMAE: published names, and the same values through a forward of both layouts."""

import functools
import importlib
import json
import math
import re
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from torch.nn import functional as F

import egoexo_mm  # noqa: F401  registers
from egoexo_mm.checkpoints.videomae import HuggingFaceVideoMAE, VideoMAE, sinusoids

NAMES = json.loads((Path(__file__).parents[1] / 'data' / 'videomae_names.json').read_text())
HEADS, SIZE, FRAMES = 4, 32, 4
VisionTransformer = MODELS.get('mmaction.VisionTransformer')
TimeSformerHead = MODELS.get('mmaction.TimeSformerHead')


def meta(kind):
    """Every published tensor of ViT-B, without values."""
    return {name: torch.empty(shape, device='meta') for name, shape in NAMES[kind].items()}


def small_shape(name, shape):
    """ViT-B to 32 channels, 128 hidden units, 5 classes and patches of 8 pixels."""
    sizes = {768: 32, 3072: 128, 2304: 96, 400: 5, 16: 8, 384: 16, 1536: 64, 1152: 48}
    return [sizes.get(size, size) for size in shape]


def small(kind, depth=2):
    """Random values by the published names of the first blocks."""
    generator = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in NAMES[kind].items():
        block = re.search(r'(?:blocks|layer)\.(\d+)\.', name)
        if not block or int(block[1]) < depth:
            value = torch.randn(small_shape(name, shape), generator=generator) * 0.2
            state[name] = value + 1 if re.search(r'norm\w*\.weight$', name) else value
    return state


def small_backbone(**changes):
    settings = dict(img_size=SIZE, patch_size=8, embed_dims=32, depth=2, num_heads=HEADS)
    return VisionTransformer(**settings, num_frames=FRAMES, **changes).eval()


def clips(frames=FRAMES, size=SIZE):
    return torch.randn(2, 3, frames, size, size, generator=torch.Generator().manual_seed(1))


def part(state, front):
    return {name[len(front) :]: value for name, value in state.items() if name.startswith(front)}


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name].dtype == value.dtype and torch.equal(got[name], value), name


def official_tokens(state, clip):
    """VideoMAE as its paper and names describe it, on a state dict of the official names."""
    weight = state['patch_embed.proj.weight']
    x = F.conv3d(clip, weight, state['patch_embed.proj.bias'], stride=weight.shape[2:])
    x = x.flatten(2).transpose(1, 2)
    width, count = x.shape[2], x.shape[1]
    x = x + state.get(
        'pos_embed',
        torch.tensor(
            [
                [
                    (math.cos if j % 2 else math.sin)(n / 10000 ** (2 * (j // 2) / width))
                    for j in range(width)
                ]
                for n in range(count)
            ]
        ),
    )
    for i in range(len({name.split('.')[1] for name in state if name.startswith('blocks.')})):
        block = part(state, f'blocks.{i}.')

        def norm(x, name, block=block):
            return F.layer_norm(x, (width,), block[f'{name}.weight'], block[f'{name}.bias'], 1e-6)

        bias = torch.cat([block['attn.q_bias'], torch.zeros(width), block['attn.v_bias']])
        q, k, v = F.linear(norm(x, 'norm1'), block['attn.qkv.weight'], bias).chunk(3, -1)
        q, k, v = (one.unflatten(-1, (HEADS, -1)).transpose(1, 2) for one in (q, k, v))
        attention = (q @ k.transpose(-2, -1) / math.sqrt(width // HEADS)).softmax(-1)
        y = (attention @ v).transpose(1, 2).flatten(2)
        y = F.linear(y, block['attn.proj.weight'], block['attn.proj.bias'])
        x = x + block.get('gamma_1', 1) * y
        y = F.gelu(F.linear(norm(x, 'norm2'), block['mlp.fc1.weight'], block['mlp.fc1.bias']))
        y = F.linear(y, block['mlp.fc2.weight'], block['mlp.fc2.bias'])
        x = x + block.get('gamma_2', 1) * y
    return x


def official_scores(state, clip):
    x = official_tokens(state, clip).mean(1)
    x = F.layer_norm(x, x.shape[1:], state['fc_norm.weight'], state['fc_norm.bias'], 1e-6)
    return F.linear(x, state['head.weight'], state['head.bias'])


@functools.lru_cache
def host_shapes():
    """Of a recognizer with MMAction2's ViT-B."""
    modules = dict(
        backbone=VisionTransformer(), cls_head=TimeSformerHead(num_classes=400, in_channels=768)
    )
    return {k: tuple(v.shape) for k, v in torch.nn.ModuleDict(modules).state_dict().items()}


@pytest.mark.parametrize(
    ('family', 'kind'),
    [(VideoMAE, 'finetuned'), (VideoMAE, 'pretrained'), (HuggingFaceVideoMAE, 'hugging_face')],
)
def test_published_names_become_those_of_the_host(family, kind):
    """Every name and shape of ViT-B, against MMAction2's own state dict."""
    converted = family().forward(meta(kind))
    expected = {
        name: shape
        for name, shape in host_shapes().items()
        if kind != 'pretrained' or not name.startswith('cls_head.')
    }
    shapes = {name: tuple(value.shape) for name, value in converted.weights.items()}
    assert shapes == expected
    assert 'num_heads=12' in converted.lines[1] and 'depth=12' in converted.lines[1]


@torch.no_grad()
@pytest.mark.parametrize('extra', ['', 'gammas', 'positions'])
def test_both_layouts_give_the_same_scores(extra):
    theirs, changes = small('finetuned'), {}
    if extra == 'gammas':
        theirs.update({f'blocks.{i}.gamma_{j}': torch.rand(32) for i in (0, 1) for j in (1, 2)})
        changes = dict(init_values=0.1)
    if extra == 'positions':
        theirs['pos_embed'] = torch.randn(1, 32, 32)
        changes = dict(use_learnable_pos_emb=True)
    converted = VideoMAE(FRAMES, SIZE).forward(theirs)
    assert changes.keys() <= set(re.findall(r'(\w+)=', converted.lines[1]))
    backbone = small_backbone(**changes)
    backbone.load_state_dict(part(converted.weights, 'backbone.'), strict=True)
    head = TimeSformerHead(num_classes=5, in_channels=32).eval()
    head.load_state_dict(part(converted.weights, 'cls_head.'), strict=True)
    expected = official_scores(theirs, clips())
    assert expected.std() > 0.1
    torch.testing.assert_close(head(backbone(clips())), expected, rtol=1e-5, atol=1e-5)
    assert_equal(VideoMAE().reverse(converted.weights).weights, theirs)


@torch.no_grad()
def test_the_encoder_of_a_pretrained_model():
    """Its tokens are kept; the decoder and its last norm are not, as in official fine-tuning."""
    theirs = small('pretrained')
    converted = VideoMAE(FRAMES, SIZE).forward(theirs)
    backbone = small_backbone()
    backbone.load_state_dict(part(converted.weights, 'backbone.'), strict=True)
    seen = []
    backbone.norm.register_forward_hook(lambda module, given, tokens: seen.append(tokens))
    backbone(clips())
    encoder = part(theirs, 'encoder.')
    torch.testing.assert_close(seen[0], official_tokens(encoder, clips()), rtol=1e-5, atol=1e-5)
    assert torch.equal(backbone.fc_norm.weight, torch.ones(32))
    assert not backbone.fc_norm.bias.any()
    decoder = [name for name in theirs if not name.startswith('encoder.')]
    assert f'dropped the decoder ({len(decoder)} tensors)' in converted.lines
    back = VideoMAE().reverse(converted.weights).weights
    kept = {name: value for name, value in encoder.items() if not name.startswith('norm.')}
    assert_equal(part(back, 'blocks.'), part(kept, 'blocks.'))
    assert back.keys() - kept.keys() == {'fc_norm.weight', 'fc_norm.bias'}


@torch.no_grad()
def test_a_norm_in_place_of_the_mean():
    theirs = small('finetuned')
    theirs = {re.sub('^fc_norm', 'norm', name): value for name, value in theirs.items()}
    converted = VideoMAE(FRAMES, SIZE).forward(theirs)
    assert converted.lines[1].endswith('use_mean_pooling=False')
    backbone = small_backbone(use_mean_pooling=False)
    backbone.load_state_dict(part(converted.weights, 'backbone.'), strict=True)
    tokens = official_tokens(theirs, clips())[:, 0]
    expected = F.layer_norm(tokens, (32,), theirs['norm.weight'], theirs['norm.bias'], 1e-6)
    torch.testing.assert_close(backbone(clips()), expected, rtol=1e-5, atol=1e-5)
    assert_equal(VideoMAE().reverse(converted.weights).weights, theirs)


@torch.no_grad()
def test_hugging_face_names_hold_the_same_network():
    """The three linear layers of queries, keys and values are one in the official layout."""
    theirs = small('hugging_face')
    converted = HuggingFaceVideoMAE(FRAMES, SIZE).forward(theirs).weights
    qkv = converted['backbone.blocks.1.attn.qkv.weight']
    layer = 'videomae.encoder.layer.1.attention.attention'
    for rows, name in zip(qkv.chunk(3), ('query', 'key', 'value')):
        assert torch.equal(rows, theirs[f'{layer}.{name}.weight'])
    backbone = small_backbone()
    backbone.load_state_dict(part(converted, 'backbone.'), strict=True)
    official = VideoMAE().reverse(converted).weights
    assert official.keys() == small('finetuned').keys()
    head = TimeSformerHead(num_classes=5, in_channels=32).eval()
    head.load_state_dict(part(converted, 'cls_head.'), strict=True)
    torch.testing.assert_close(
        head(backbone(clips())), official_scores(official, clips()), rtol=1e-5, atol=1e-5
    )
    assert_equal(HuggingFaceVideoMAE().reverse(converted).weights, theirs)
    for name, part_of_it in HuggingFaceVideoMAE().reverse(converted).weights.items():
        assert part_of_it.untyped_storage().nbytes() == part_of_it.numel() * 4, name


@torch.no_grad()
@pytest.mark.parametrize('pretrained', [False, True])
def test_a_model_of_transformers(pretrained, tmp_path):
    """Saved by transformers itself, as safetensors; loaded there again after the way back."""
    transformers = pytest.importorskip('transformers')
    from egoexo_mm.commands.convert_weights import convert

    config = transformers.VideoMAEConfig(
        image_size=SIZE,
        patch_size=8,
        num_frames=FRAMES,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=128,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=32,
        layer_norm_eps=1e-6,
        num_labels=5,
        use_mean_pooling=not pretrained,
    )
    kind = 'VideoMAEForPreTraining' if pretrained else 'VideoMAEForVideoClassification'
    torch.manual_seed(0)
    model = getattr(transformers, kind)(config).eval()
    for value in model.parameters():
        value.add_(0.1 * torch.randn(value.shape))
    model.save_pretrained(tmp_path)
    text = convert(tmp_path / 'model.safetensors', tmp_path / 'ours.pth', frames=FRAMES, size=SIZE)
    assert 'ViT, 2 blocks' in text
    ours = torch.load(tmp_path / 'ours.pth', weights_only=True)['state_dict']
    backbone = small_backbone()
    backbone.load_state_dict(part(ours, 'backbone.'), strict=True)
    seen = []
    backbone.norm.register_forward_hook(lambda module, given, tokens: seen.append(tokens))
    features = backbone(clips())
    hidden = model.videomae(clips().transpose(1, 2)).last_hidden_state
    tokens = model.videomae.layernorm(seen[0]) if pretrained else seen[0]
    torch.testing.assert_close(tokens, hidden, rtol=1e-5, atol=1e-5)
    if not pretrained:
        head = TimeSformerHead(num_classes=5, in_channels=32).eval()
        head.load_state_dict(part(ours, 'cls_head.'), strict=True)
        logits = model(clips().transpose(1, 2)).logits
        torch.testing.assert_close(head(features), logits, rtol=1e-5, atol=1e-5)
        convert(tmp_path / 'ours.pth', tmp_path / 'back.bin', family='videomae_hf', reverse=True)
        back = torch.load(tmp_path / 'back.bin', weights_only=True)
        again = type(model).from_pretrained(None, config=config, state_dict=back)
        assert_equal(again.state_dict(), model.state_dict())


def get_sinusoid_encoding(tokens, width):
    """MMAction2's table."""
    return importlib.import_module(VisionTransformer.__module__).get_sinusoid_encoding(
        tokens, width
    )


def test_the_fixed_table_is_the_hosts():
    assert torch.equal(sinusoids(1568, 384), get_sinusoid_encoding(1568, 384))


@pytest.mark.parametrize('front', ['module.', '_orig_mod.', 'module._orig_mod.', 'model.'])
def test_fronts_of_names(front, tmp_path):
    """Of data parallel training, torch.compile and VideoMAEv2's files at Hugging Face."""
    theirs = small('finetuned')
    wrapped = {front + name: value for name, value in theirs.items()}
    family = VideoMAE(FRAMES, SIZE)
    assert family.matches(wrapped)
    read = family.read({'module': wrapped}, tmp_path)
    assert_equal(family.forward(read).weights, family.forward(theirs).weights)


def changed(**changes):
    """The small fine-tuned model with tensors added, replaced, or with None removed."""
    state = {**small('finetuned'), **{k.replace('__', '.'): v for k, v in changes.items()}}
    return {name: value for name, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (
            dict(cls_token=torch.zeros(1, 1, 32)),
            r'^has 1 unknown key \(cls_token\); expected exactly a VideoMAE transformer',
        ),
        (
            dict(blocks__1__attn__v_bias=None, fc_norm__bias=None),
            r'has 2 missing keys \((fc_norm\.bias|blocks\.1\.attn\.v_bias), ',
        ),
        (
            dict(blocks__0__mlp__fc2__weight=torch.zeros(128, 32)),
            r'1 key of another shape \(blocks\.0\.mlp\.fc2\.weight \(128, 32\) instead of '
            r'\(32, 128\)\)',
        ),
        (
            dict(patch_embed__proj__weight=torch.zeros(32, 3, 8, 8)),
            r'patch_embed\.proj\.weight has shape \(32, 3, 8, 8\); expected 5 dimensions',
        ),
        (
            dict(patch_embed__proj__weight=torch.zeros(32, 1, 2, 8, 8)),
            r'patch_embed\.proj\.weight \(32, 1, 2, 8, 8\) instead of \(32, 3, 2, 8, 8\)',
        ),
        (
            dict(patch_embed__proj__weight=torch.zeros(32, 3, 0, 8, 8)),
            r'patch_embed\.proj\.weight has shape .* expected 5 dimensions, none of them empty',
        ),
        (dict(head__weight=[1.0]), r'head\.weight is a list; expected a tensor'),
        (dict(patch_embed__proj__weight=None), r'1 missing key \(patch_embed\.proj\.weight\)'),
        (dict(blocks__0__attn__scale=torch.ones(4, 1, 1)), r'has cosine attention \(`attn\.scale`'),
        (
            dict(pos_embed=torch.zeros(1, 33, 32)),
            r'has learned positions of 33 tokens; expected 32, of 4 frames of 32 pixels: give',
        ),
        (
            {'encoder__norm__bias': torch.zeros(32), 'norm__bias': torch.zeros(32)},
            r'has two tensors of one name, with and without a front',
        ),
    ],
)
def test_what_is_no_videomae_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        VideoMAE(FRAMES, SIZE).forward(changed(**changes))


def test_no_blocks_at_all():
    state = {name: v for name, v in small('finetuned').items() if 'blocks' not in name}
    with pytest.raises(ValueError, match=r'has 13 missing keys \(blocks\.0\.norm1\.weight'):
        VideoMAE(FRAMES, SIZE).forward(state)


def test_clips_of_another_length_or_size():
    """The fixed table is made for them; a learned one is of the clips that it was learned on."""
    theirs = small('finetuned')
    table = VideoMAE(8, 48).forward(theirs).weights['backbone.pos_embed']
    assert torch.equal(table, get_sinusoid_encoding(4 * 6 * 6, 32))
    with pytest.raises(ValueError, match='5 frames of 32 pixels are no whole number of patches'):
        VideoMAE(5, SIZE).forward(theirs)
    learned = {**theirs, 'pos_embed': torch.zeros(1, 32, 32)}
    assert 'img_size=32' in VideoMAE(FRAMES).forward(learned).lines[1]
    for frames, size in [(8, None), (FRAMES, 64), (6, None)]:
        with pytest.raises(ValueError, match='has learned positions of 32 tokens'):
            VideoMAE(frames, size).forward(learned)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'aux_heads.map.bias': torch.zeros(1)}, r'has auxiliary heads.*tools/strip_aux\.py'),
        ({'cls_head.fc_verb.bias': torch.zeros(1)}, r'1 unknown key \(cls_head\.fc_verb\.bias\)'),
    ],
)
def test_the_way_back_refuses_what_videomae_has_no_name_for(changes, message):
    ours = VideoMAE(FRAMES, SIZE).forward(small('finetuned')).weights
    with pytest.raises(ValueError, match=message):
        VideoMAE().reverse({**ours, **changes})


def test_learned_positions_have_no_name_in_transformers():
    ours = VideoMAE(FRAMES, SIZE).forward(small('finetuned')).weights
    ours['backbone.pos_embed'] = torch.ones(1, 32, 32)
    with pytest.raises(ValueError, match='backbone.pos_embed is learned.*take --from videomae'):
        HuggingFaceVideoMAE().reverse(ours)
