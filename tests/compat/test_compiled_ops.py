"""The stand-in equals mmcv's compiled ops; runs only where full mmcv is installed."""

import pytest
import torch

from egoexo_mm.compat import torch_ops
from egoexo_mm.compat.mmcv_ext import compiled_ops_exist

pytestmark = pytest.mark.skipif(
    not compiled_ops_exist(), reason='needs full mmcv with compiled ops (this is mmcv-lite)'
)


def random_rois(count, height, width, scale, generator, dtype):
    corner = torch.rand(count, 2, generator=generator, dtype=dtype) * 1.4 - 0.2
    side = torch.rand(count, 2, generator=generator, dtype=dtype) ** 2
    side[:5] = 0
    extent = torch.tensor([width, height], dtype=dtype) / scale
    image = torch.randint(0, 2, (count, 1), generator=generator).to(dtype)
    return torch.cat([image, corner * extent, (corner + side) * extent], 1)


@pytest.mark.parametrize('dtype, tolerance', [(torch.float64, 1e-12), (torch.float32, 5e-5)])
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
@pytest.mark.parametrize('scale', [1.0, 0.25, 1 / 16])
def test_roi_align(scale, sampling_ratio, aligned, dtype, tolerance):
    from mmcv.ops import roi_align

    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 38, 51, generator=generator, dtype=dtype, requires_grad=True)
    rois = random_rois(100, 38, 51, scale, generator, dtype)
    compiled = roi_align(features, rois, (7, 5), scale, sampling_ratio, 'avg', aligned)
    grad = torch.randn(compiled.shape, generator=generator, dtype=dtype)
    (compiled_grad,) = torch.autograd.grad(compiled, features, grad)

    ours = torch_ops.roi_align(features.detach(), rois, (7, 5), scale, sampling_ratio, aligned)
    ours_grad = torch_ops.roi_align_grad(grad, rois, features.shape, scale, sampling_ratio, aligned)
    assert torch.allclose(ours, compiled, rtol=0, atol=tolerance)
    assert torch.allclose(ours_grad, compiled_grad, rtol=0, atol=tolerance)


@pytest.mark.parametrize('count', [1, 50, 1000])
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.3, 0.5, 0.7])
def test_nms(threshold, offset, count):
    from mmcv.ops import nms

    generator = torch.Generator().manual_seed(count)
    corner = torch.rand(count, 2, generator=generator) * 100
    boxes = torch.cat([corner, corner + torch.rand(count, 2, generator=generator) * 40], 1)
    for candidates in (boxes, boxes.round()):  # whole pixels: IoUs that hit the threshold exactly
        scores = torch.rand(count, generator=generator)
        _, kept = nms(candidates, scores, threshold, offset)
        assert torch.equal(torch_ops.nms(candidates, scores, threshold, offset), kept)
