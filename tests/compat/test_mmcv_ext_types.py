"""Compiled ops of mmcv in types that they refuse."""

import pytest
import torch

from egoexo_mm.compat import mmcv_ext
from egoexo_mm.compat.mmcv_ext_types import in_float32


def strict_double(source, output, factor=2):
    """Fills ``output`` as mmcv's ops do, in float32 alone."""
    for tensor in (source, output):
        if tensor.dtype is not torch.float32:
            raise RuntimeError(f'expected scalar type Float but found {tensor.dtype}')
    output.copy_(source * factor)
    return source > 1


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64, torch.float32])
def test_arguments_are_converted_and_outputs_written_back(dtype):
    source, output = torch.tensor([1.0, 3], dtype=dtype), torch.zeros(2, dtype=dtype)
    assert in_float32(strict_double)(source, output, factor=4).tolist() == [False, True]
    assert output.dtype is dtype and output.tolist() == [4, 12]
    assert source.tolist() == [1, 3]


@pytest.mark.skipif(not mmcv_ext.compiled_ops_exist(), reason='mmcv has no compiled ops')
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
def test_the_compiled_ops_take_other_types(dtype):
    from mmcv.ops import nms, roi_align

    import egoexo_mm  # noqa: F401

    boxes = torch.tensor([[0, 0, 4, 4], [0, 0, 4, 5], [8, 8, 9, 9]], dtype=dtype)
    kept = nms(boxes, torch.tensor([0.5, 1, 0.25], dtype=dtype), 0.5)[1]
    assert kept.tolist() == [1, 2]
    features = torch.arange(64.0).view(1, 1, 8, 8)
    rois = torch.tensor([[0.0, 1, 1, 5, 5]])
    found = roi_align(features.to(dtype), rois.to(dtype), 2)
    torch.testing.assert_close(found.float(), roi_align(features, rois, 2), rtol=1e-2, atol=0)
