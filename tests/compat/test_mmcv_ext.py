"""The stand-in for ``mmcv._ext`` behind mmcv's own functions."""

import importlib
import sys
from types import SimpleNamespace

import pytest
import torch

from egoexo_mm import compat
from egoexo_mm.compat import mmcv_ext, ops, torch_ops
from egoexo_mm.compat.standin import is_standin

standin_only = pytest.mark.skipif(
    mmcv_ext.compiled_ops_exist(), reason='this mmcv has its compiled ops: no stand-in'
)


@pytest.fixture(autouse=True)
def _applied():
    compat.apply()


@standin_only
def test_mmcv_sees_its_ops():
    from mmcv.utils import ext_loader

    assert ext_loader.check_ops_exist()
    assert is_standin(importlib.import_module('mmcv._ext'))


@standin_only
def test_mmcv_nms():
    from mmcv.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0], [50.0, 50.0, 60.0, 60.0]])
    dets, kept = nms(boxes, torch.tensor([0.5, 0.9, 0.7]), 0.3)
    assert kept.tolist() == [1, 2]
    assert torch.equal(
        dets, torch.tensor([[5.0, 0.0, 15.0, 10.0, 0.9], [50.0, 50.0, 60.0, 60.0, 0.7]])
    )


@standin_only
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
def test_mmcv_roi_align_gradcheck(sampling_ratio, aligned):
    from mmcv.ops import roi_align

    features = torch.randn(2, 2, 5, 6, dtype=torch.float64, requires_grad=True)
    rois = torch.tensor(
        [
            [0.0, 1.0, 1.0, 9.0, 8.0],
            [1.0, -4.0, -3.0, 5.0, 6.0],
            [1.0, 3.0, 3.0, 3.5, 3.5],
            [0.0, 40.0, 40.0, 50.0, 50.0],
        ],
        dtype=torch.float64,
    )
    assert torch.autograd.gradcheck(
        lambda x: roi_align(x, rois, (2, 3), 0.5, sampling_ratio, 'avg', aligned), (features,)
    )


@standin_only
def test_max_pooling_is_refused():
    from mmcv.ops import roi_align

    with pytest.raises(NotImplementedError, match="pool_mode='max' needs mmcv's compiled ops"):
        roi_align(torch.ones(1, 1, 4, 4), torch.zeros(1, 5), (2, 2), 1.0, 0, 'max', True)


@standin_only
def test_other_ops_name_themselves_and_the_remedy():
    ext = importlib.import_module('mmcv._ext')
    with pytest.raises(NotImplementedError, match=r"op 'softnms' needs compiled.*mmcv==2\.1\.0"):
        ext.softnms(torch.zeros(1, 4))
    with pytest.raises(AttributeError, match='__path__'):
        _ = ext.__path__
    assert 'no compiled ops' in ext.get_compiler_version()  # environment reports call it


def test_inert_with_compiled_ops(monkeypatch):
    monkeypatch.setattr(mmcv_ext, 'compiled_ops_exist', lambda: True)
    monkeypatch.setattr(mmcv_ext, 'provide', lambda *args: pytest.fail('a stand-in was installed'))
    assert mmcv_ext.apply() == compat.Workaround(mmcv_ext.NAME, False, 'mmcv has its compiled ops')


def test_compiled_module_on_disk_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(mmcv_ext, 'package_dir', lambda name: tmp_path)
    assert not mmcv_ext.compiled_ops_exist()
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (tmp_path / f'_ext{suffix}').touch()
    assert mmcv_ext.compiled_ops_exist()


def test_torchvision_gets_its_own_conventions(monkeypatch):
    """The adapter's calls, against functions with torchvision's documented signatures."""

    def tv_nms(boxes, scores, iou_threshold):
        return torch_ops.nms(boxes, scores, iou_threshold)

    def tv_roi_align(
        input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False
    ):
        assert boxes.dtype == input.dtype
        return torch_ops.roi_align(
            input, boxes, output_size, spatial_scale, sampling_ratio, aligned
        )

    def tv_backward(
        grad,
        rois,
        spatial_scale,
        pooled_height,
        pooled_width,
        batch_size,
        channels,
        height,
        width,
        sampling_ratio,
        aligned,
    ):
        assert grad.shape[2:] == (pooled_height, pooled_width)
        return torch_ops.roi_align_grad(
            grad,
            rois,
            (batch_size, channels, height, width),
            spatial_scale,
            sampling_ratio,
            aligned,
        )

    torchvision = SimpleNamespace(nms=tv_nms, roi_align=tv_roi_align)
    monkeypatch.setattr(ops, 'torchvision_ops', lambda: torchvision)
    monkeypatch.setattr(
        torch.ops, 'torchvision', SimpleNamespace(_roi_align_backward=tv_backward), raising=False
    )
    check_against_torch_ops()


@pytest.mark.skipif(ops.torchvision_ops() is None, reason='torchvision does not run here')
def test_torchvision_itself():
    check_against_torch_ops()


def check_against_torch_ops():
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(60, 2, generator=generator) * 30
    boxes = torch.cat([corner, corner + torch.rand(60, 2, generator=generator) * 20], 1)
    scores = torch.rand(60, generator=generator)
    for offset in (0, 1):
        assert torch.equal(
            ops.nms(boxes, scores, 0.3, offset), torch_ops.nms(boxes, scores, 0.3, offset)
        )

    features = torch.randn(1, 3, 12, 10, generator=generator)
    rois = torch.cat([torch.zeros(60, 1), boxes], 1)
    none = torch.zeros(0)
    for aligned in (True, False):
        settings = dict(
            aligned_height=3,
            aligned_width=2,
            spatial_scale=0.25,
            sampling_ratio=0,
            pool_mode=1,
            aligned=aligned,
        )
        pooled = torch.zeros(60, 3, 3, 2)
        ops.roi_align_forward(features, rois, pooled, none, none, **settings)
        expected = torch_ops.roi_align(features, rois, (3, 2), 0.25, 0, aligned)
        assert torch.allclose(pooled, expected, atol=1e-5)
        grad = torch.zeros_like(features)
        ops.roi_align_backward(pooled, rois, none, none, grad, **settings)
        expected = torch_ops.roi_align_grad(pooled, rois, features.shape, 0.25, 0, aligned)
        assert torch.allclose(grad, expected, atol=1e-4)


def test_torchvision_that_raises_on_import_is_passed_over(monkeypatch, tmp_path):
    package = tmp_path / 'torchvision'
    package.mkdir()
    (package / '__init__.py').write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    for name in [name for name in sys.modules if name.split('.')[0] == 'torchvision']:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert ops.torchvision_ops.__wrapped__() is None
