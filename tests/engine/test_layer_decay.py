"""Learning rates by layer, for every backbone that has known layers."""

import copy

import pytest
import torch
from mmaction.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.optim import build_optim_wrapper
from torch import nn

import egoexo_mm  # noqa: F401
from egoexo_mm.models.backbone_layers import backbone_layers, block_names
from tests.models.backbone_cases import CASES, build

# Blocks of the small backbones, as their configs say.
DEPTHS = {
    'VideoMAE': 2,
    'VideoMAEv2': 2,
    'TimeSformer': 2,
    'TimeSformer of space only': 2,
    'UniFormerV2': 3,
    'MViT': 4,
    'MViT without class token': 4,
    'Swin': 1 + 1 + 2 + 1,
    'UniFormer': 4,
}


def wrapper(model, **changes):
    cfg = dict(
        type='OptimWrapper',
        optimizer=dict(type='AdamW', lr=0.01, weight_decay=0.05),
        constructor='EgoExoLayerDecay',
        paramwise_cfg=dict(decay_rate=0.5),
    )
    return build_optim_wrapper(model, {**cfg, **changes})


def settings(optimizer):
    """Name of a parameter -> (learning rate, weight decay)."""
    return {
        name: (group['lr'], group['weight_decay'])
        for group in optimizer.param_groups
        for name in group['param_names']
    }


def test_a_model_without_backbone_learns_at_the_base_rate():
    """MMAction2's vis_scheduler.py builds the optimizer of such a stand-in."""
    assert settings(wrapper(nn.Conv2d(1, 1, 1)).optimizer) == dict(
        weight=(0.01, 0.05), bias=(0.01, 0.0)
    )


@pytest.mark.parametrize('name', DEPTHS)
def test_rates_rise_from_block_to_block(name):
    model, depth = build(CASES[name].ours()), DEPTHS[name]
    assert len(block_names(model.backbone)) == depth
    optimizer = wrapper(model).optimizer
    found = settings(optimizer)
    params = dict(model.named_parameters())
    assert sorted(found) == sorted(params)  # every one, once
    assert sum(len(group['params']) for group in optimizer.param_groups) == len(params)
    for i, block in enumerate(block_names(model.backbone)):
        rates = {found[n][0] for n in found if n.startswith(f'backbone.{block}.')}
        assert rates == {0.01 * 0.5 ** (depth - i)}  # lr * rate ** (L + 1 - l), l = i + 1
    for part in backbone_layers(model.backbone)[0]:
        rates = {found[n][0] for n in found if f'{n}.'.startswith(f'backbone.{part}.')}
        assert rates <= {0.01 * 0.5 ** (depth + 1)}
    heads = {n: one for n, one in found.items() if not n.startswith('backbone.')}
    assert {rate for rate, _ in heads.values()} == {0.01}
    assert {n.split('.')[0] for n in heads} == {'cls_head', 'aux_heads'}
    for n, (_, decay) in found.items():
        free = params[n].dim() == 1 or n.endswith(
            ('bias', 'cls_token', 'class_embedding', 'embed', 'embedding', 'table')
        )
        assert decay == (0 if free or '.rel_pos_' in n else 0.05), n


def test_named_parameters_of_a_vit():
    found = settings(wrapper(build(CASES['VideoMAEv2'].ours())).optimizer)
    assert found['backbone.pos_embed'] == (0.01 * 0.5**3, 0)
    assert found['backbone.patch_embed.projection.weight'] == (0.01 * 0.5**3, 0.05)
    assert found['backbone.blocks.0.attn.qkv.weight'] == (0.01 * 0.5**2, 0.05)
    assert found['backbone.blocks.1.norm1.weight'] == (0.01 * 0.5, 0)
    assert found['backbone.fc_norm.weight'] == (0.01, 0)
    assert found['aux_heads.interaction_map.conv.weight'] == (0.01, 0.05)
    assert found['aux_heads.ego_score.fc.bias'] == (0.01, 0)


def test_reductions_of_maps():
    """Swin: the reduction after a block; UniFormer: the one before it."""
    found = settings(wrapper(build(CASES['Swin'].ours())).optimizer)
    assert found['backbone.layers.0.downsample.reduction.weight'][0] == 0.01 * 0.5**5  # block 1
    assert found['backbone.layers.2.blocks.1.attn.qkv.weight'][0] == 0.01 * 0.5**2  # block 4
    found = settings(wrapper(build(CASES['UniFormer'].ours())).optimizer)
    assert found['backbone.patch_embed1.proj.weight'][0] == 0.01 * 0.5**5
    assert found['backbone.patch_embed2.proj.weight'][0] == 0.01 * 0.5**3  # with block 2


@pytest.mark.parametrize('name', ['VideoMAEv2', 'MViT without class token'])
def test_rates_of_the_hosts_constructor(name):
    """Where it knows the backbone; its weight decay lacks the position embeddings."""
    model = build(CASES[name].ours())
    ours = settings(wrapper(model).optimizer)
    host = settings(
        wrapper(
            model,
            constructor='LearningRateDecayOptimizerConstructor',
            paramwise_cfg=dict(decay_rate=0.5, num_layers=DEPTHS[name], decay_type='layer_wise'),
        ).optimizer
    )
    assert {n: rate for n, (rate, _) in ours.items()} == pytest.approx(
        {n: rate for n, (rate, _) in host.items()}
    )


def test_frozen_parameters_and_distributed_models():
    model = build(CASES['VideoMAE'].ours())
    model.backbone.patch_embed.requires_grad_(False)

    class Wrapped(nn.Module):  # as MMDistributedDataParallel names it
        def __init__(self):
            super().__init__()
            self.module = model

    found = settings(wrapper(Wrapped()).optimizer)
    assert 'backbone.patch_embed.projection.weight' not in found
    assert found['backbone.blocks.1.attn.qkv.weight'] == (0.005, 0.05)


def test_an_optimizer_goes_on_where_it_was():
    """State and rates of each parameter come back by its place in the groups."""
    model = build(CASES['VideoMAE'].ours())
    first = wrapper(model)
    for i, p in enumerate(model.parameters()):
        p.grad = torch.full_like(p, i + 1.0)
    first.optimizer.step()
    first.optimizer.param_groups[0]['lr'] *= 0.1
    state = copy.deepcopy(first.state_dict())
    twin = build(CASES['VideoMAE'].ours())
    second = wrapper(twin)
    second.load_state_dict(state)
    assert settings(second.optimizer) == settings(first.optimizer)
    names = dict(twin.named_parameters())
    for name, p in model.named_parameters():
        ours, theirs = (o.optimizer.state[q] for o, q in ((first, p), (second, names[name])))
        assert torch.equal(ours['exp_avg'], theirs['exp_avg']), name


@pytest.mark.parametrize(
    'case, changes, said',
    [
        ('SlowOnly', {}, 'the layers of ResNet3dSlowOnly are not known; known are those of Vision'),
        (
            'VideoMAE',
            dict(paramwise_cfg=dict(decay_rate=0.5, num_layers=12)),
            'num_layers is 12, but VisionTransformer has 2 blocks; set num_layers to that',
        ),
        ('VideoMAE', dict(paramwise_cfg=dict(custom_keys={})), 'paramwise_cfg takes decay_rate'),
        (
            'VideoMAE',
            dict(paramwise_cfg=dict(decay_rate=0.5, decay_type='stage_wise')),
            "decay_type='layer_wise', got",
        ),
    ],
)
def test_refusals(case, changes, said):
    with pytest.raises(ValueError, match=f'EgoExoLayerDecay: .*{said}'):
        wrapper(build(CASES[case].ours()), **changes)
    assert OPTIM_WRAPPER_CONSTRUCTORS.get('EgoExoLayerDecay')
