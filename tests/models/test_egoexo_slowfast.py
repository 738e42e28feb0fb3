import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from tests.tiny import CONFIG


def build(**options):
    cfg = Config.fromfile(CONFIG).model.backbone
    cfg.update(options)
    if cfg.type == 'ResNet3dSlowFast':
        cfg.pop('slow_sampling')
    torch.manual_seed(0)
    backbone = MODELS.build(cfg)
    backbone.init_weights()
    backbone.train(False)
    return backbone


@torch.no_grad()
def test_stride_is_the_hosts():
    clip = torch.randn(2, 3, 16, 64, 64)
    stock = build(type='ResNet3dSlowFast')
    ours = build(slow_sampling='stride')
    ours.load_state_dict(stock.state_dict(), strict=True)
    for found, expected in zip(ours(clip), stock(clip)):
        torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_linspace_sees_other_slow_frames():
    clip = torch.randn(1, 3, 16, 64, 64)
    linspace, stride = build(), build(slow_sampling='stride')
    stride.load_state_dict(linspace.state_dict())
    slow, fast = linspace(clip)
    assert slow.shape == (1, 128, 4, 2, 2) and fast.shape == (1, 16, 16, 2, 2)
    torch.testing.assert_close(
        stride(clip)[1], fast
    )  # the fast pathway hears nothing of the slow one
    assert not torch.allclose(stride(clip)[0], slow)
    same = clip[:, :, :1].expand(-1, -1, 16, -1, -1)  # a still: sampling does not matter
    torch.testing.assert_close(stride(same)[0], linspace(same)[0])


@torch.no_grad()
def test_without_lateral_connections():
    cfg = Config.fromfile(CONFIG).model.backbone
    slow = dict(cfg.slow_pathway, lateral=False)
    slow, fast = build(slow_pathway=slow)(torch.randn(1, 3, 16, 64, 64))
    assert slow.shape[1] == 128 and fast.shape[1] == 16


def test_bad_settings():
    with pytest.raises(ValueError, match="'linspace' or 'stride', got 'random'"):
        build(slow_sampling='random')
    with pytest.raises(
        ValueError, match='clips of 18 frames, expected a multiple of resample_rate 4'
    ):
        build()(torch.randn(1, 3, 18, 64, 64))
