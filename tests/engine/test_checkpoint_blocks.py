"""Gradient checkpointing of transformers: the same gradients from fewer kept activations."""

import pytest
import torch

from egoexo_mm.engine.checkpoint_blocks_hook import checkpoint_modules
from tests.models.backbone_cases import CASES, build

NAMES = ['VideoMAE', 'TimeSformer', 'UniFormerV2', 'MViT', 'Swin', 'UniFormer']


def step(case, model):
    """Losses and gradients of a training step, and numbers that autograd kept for it."""
    kept = []

    def keep(x):
        kept.append(x.numel())
        return x

    model.train()
    model.zero_grad()
    torch.manual_seed(5)
    inputs, samples = case.inputs(), case.samples(model)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        losses = model.loss(inputs, samples)
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    return losses, {n: p.grad for n, p in model.named_parameters()}, sum(kept)


@pytest.mark.parametrize('name', NAMES)
def test_equal_gradients(name):
    case = CASES[name]
    torch.manual_seed(0)
    model = build(case.ours())
    before, plain, kept = step(case, model)
    names = set(model.state_dict())
    checkpoint_modules(model.backbone)
    after, recomputed, fewer = step(case, model)
    assert set(model.state_dict()) == names
    for key in before:
        torch.testing.assert_close(after[key], before[key])
    for key, grad in plain.items():
        torch.testing.assert_close(recomputed[key], grad, msg=key)
    assert fewer < 0.8 * kept  # heads and embeddings keep theirs


def test_dropout_is_drawn_once():
    """Blocks with dropout compute again what they computed."""
    case = CASES['VideoMAE']
    cfg = case.ours()
    cfg['backbone'].update(drop_rate=0.3, attn_drop_rate=0.3, drop_path_rate=0.3)
    model = build(cfg)
    _, plain, _ = step(case, model)
    checkpoint_modules(model.backbone)
    _, recomputed, _ = step(case, model)
    for key, grad in plain.items():
        torch.testing.assert_close(recomputed[key], grad)


@pytest.mark.parametrize('module', ['blocks.0', 'blocks.1.mlp', 'blocks.1.attn'])
def test_taps_at_a_block_and_inside_one(module):
    case = CASES['VideoMAE']
    model = build(case.ours(tap=dict(module=module)))
    before, plain, _ = step(case, model)
    checkpoint_modules(model.backbone)
    after, recomputed, _ = step(case, model)
    for key in before:
        torch.testing.assert_close(after[key], before[key])
    for key, grad in plain.items():
        torch.testing.assert_close(recomputed[key], grad)


def test_modules_by_name_and_refusals():
    model = build(CASES['SlowOnly'].ours())
    with pytest.raises(ValueError, match=r'layers of ResNet3dSlowOnly are not .*; set modules='):
        checkpoint_modules(model.backbone)
    with pytest.raises(ValueError, match="modules has 'layer9', which ResNet3dSlowOnly has not"):
        checkpoint_modules(model.backbone, ['layer9'])
    case = CASES['SlowOnly']
    _, plain, kept = step(case, model)
    checkpoint_modules(model.backbone, ['layer3', 'layer4'])
    checkpoint_modules(model.backbone, ['layer3'])  # twice is once
    _, recomputed, fewer = step(case, model)
    for key, grad in plain.items():
        torch.testing.assert_close(recomputed[key], grad, rtol=1e-4, atol=1e-5)
    assert fewer < kept


def test_testing_computes_once():
    model = build(CASES['VideoMAE'].ours())
    checkpoint_modules(model.backbone)
    calls = []
    model.backbone.blocks[0].attn.register_forward_hook(lambda *args: calls.append(1))
    model.eval()
    with torch.no_grad():
        model.extract_feat(CASES['VideoMAE'].inputs())
    assert len(calls) == 1
    model.train()
    sum(
        model.loss(CASES['VideoMAE'].inputs(), CASES['VideoMAE'].samples(model)).values()
    ).backward()
    assert len(calls) == 3  # once more in backward
