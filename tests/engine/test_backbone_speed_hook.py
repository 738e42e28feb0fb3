"""The switches change how the backbone computes, not what."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from egoexo_mm.engine import BackboneSpeedHook


def step(model, clip):
    out = model.backbone(clip)
    out.square().mean().backward()
    return out, *(parameter.grad for parameter in model.backbone.parameters())


@pytest.mark.parametrize(
    'options', [dict(channels_last=True), dict(compile=dict(backend='eager')), {}]
)
def test_same_numbers_and_names(options):
    torch.manual_seed(0)
    plain = nn.ModuleDict(
        dict(
            backbone=nn.Sequential(
                nn.Conv3d(3, 8, (1, 7, 7), stride=(1, 2, 2)),
                nn.BatchNorm3d(8),
                nn.ReLU(),
                nn.Conv3d(8, 4, 3, padding=1),
            )
        )
    )
    quick = copy.deepcopy(plain)
    model = SimpleNamespace(backbone=quick['backbone'])
    BackboneSpeedHook(**options).before_run(SimpleNamespace(model=model))
    assert list(quick.state_dict()) == list(plain.state_dict())
    clip = torch.randn(2, 3, 4, 32, 32)
    found = step(model, clip)
    reference = step(SimpleNamespace(backbone=plain['backbone']), clip)
    assert len(found) == len(reference)
    for ours, expected in zip(found, reference):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)
    weight = model.backbone[0].weight
    assert weight.is_contiguous(memory_format=torch.channels_last_3d) == (
        'channels_last' in options
    )
    assert model.backbone(clip).is_contiguous(memory_format=torch.channels_last_3d) == (
        'channels_last' in options
    )
    assert (model.backbone._compiled_call_impl is not None) == ('compile' in options)
    plain.load_state_dict(quick.state_dict())


def test_2d_convolutions():
    """Of 2D recognizers, and of networks that cut frames into patches."""
    backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv3d(3, 8, 3))
    model = SimpleNamespace(backbone=backbone)
    BackboneSpeedHook(channels_last=True).before_run(SimpleNamespace(model=model))
    assert backbone[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert backbone[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
