"""The stand-in's arithmetic against numbers derived by hand and loops from the definitions."""

import math

import pytest
import torch

from egoexo_mm.compat import torch_ops


def slow_iou(a, b, offset):
    """IoU of two boxes whose sides are ``x2 - x1 + offset`` long."""
    w = min(a[2], b[2]) - max(a[0], b[0]) + offset
    h = min(a[3], b[3]) - max(a[1], b[1]) + offset
    inter = max(w, 0) * max(h, 0)
    union = sum((c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)) - inter
    return inter / union if union else 0.0


def slow_nms(boxes, scores, threshold, offset):
    """Take the best box left, drop what overlaps it, repeat."""
    left = sorted(range(len(scores)), key=lambda i: -scores[i])
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if slow_iou(boxes[best], boxes[i], offset) <= threshold]
    return kept


def slow_sample(plane, y, x):
    """Bilinear value of a (H, W) list at (y, x): zero beyond one cell outside, clamped before."""
    h, w = len(plane), len(plane[0])
    if not (-1 <= y <= h and -1 <= x <= w):
        return 0.0
    y, x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
    y0, x0 = int(y), int(x)
    y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
    fy, fx = y - y0, x - x0
    return (
        (1 - fy) * (1 - fx) * plane[y0][x0]
        + (1 - fy) * fx * plane[y0][x1]
        + fy * (1 - fx) * plane[y1][x0]
        + fy * fx * plane[y1][x1]
    )


def slow_roi_align(features, rois, size, scale, sampling_ratio, aligned):
    """RoIAlign as nested loops over RoIs, channels, bins and samples."""
    shift = 0.5 if aligned else 0.0
    out = torch.zeros(len(rois), features.shape[1], *size, dtype=features.dtype)
    for r, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        x1, y1, x2, y2 = (v * scale - shift for v in (x1, y1, x2, y2))
        w, h = (x2 - x1, y2 - y1) if aligned else (max(x2 - x1, 1), max(y2 - y1, 1))
        gy = sampling_ratio or math.ceil(h / size[0])
        gx = sampling_ratio or math.ceil(w / size[1])
        for c in range(features.shape[1]):
            plane = features[int(image), c].tolist()
            for i in range(size[0]):
                for j in range(size[1]):
                    total = sum(
                        slow_sample(
                            plane,
                            y1 + (i + (a + 0.5) / gy) * h / size[0],
                            x1 + (j + (b + 0.5) / gx) * w / size[1],
                        )
                        for a in range(gy)
                        for b in range(gx)
                    )
                    out[r, c, i, j] = total / max(gy * gx, 1)
    return out


def random_rois(count, height, width, scale, generator):
    """RoIs of every size, many of them partly or wholly outside a map of height x width cells."""
    corner = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 1.6 - 0.3
    side = torch.rand(count, 2, generator=generator, dtype=torch.float64) ** 2
    extent = torch.tensor([width, height], dtype=torch.float64) / scale
    image = torch.randint(0, 2, (count, 1), generator=generator).double()
    return torch.cat([image, corner * extent, (corner + side) * extent], 1)


def test_nms_hand_derived():
    # 10 x 10 boxes shifted by 5: inter 50, union 150, IoU 1/3. The third one touches nothing.
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0], [50.0, 50.0, 60.0, 60.0]])
    scores = torch.tensor([0.5, 0.9, 0.7])
    assert torch_ops.nms(boxes, scores, 0.3).tolist() == [1, 2]
    assert torch_ops.nms(boxes, scores, 0.34).tolist() == [1, 2, 0]


def test_nms_keeps_at_exactly_the_threshold():
    # inter 50, union 100: IoU is 0.5 exactly, and only more than the threshold suppresses.
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [0.0, 0.0, 10.0, 5.0]])
    scores = torch.tensor([0.9, 0.8])
    assert torch_ops.nms(boxes, scores, 0.5).tolist() == [0, 1]
    assert torch_ops.nms(boxes, scores, 0.499).tolist() == [0]


def test_nms_offset_counts_the_last_pixel():
    # Sides 2 and 1 apart: IoU 0 without the offset; with it 3 x 3 boxes share a column of 3: 3/15.
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [2.0, 0.0, 4.0, 2.0]])
    scores = torch.tensor([0.9, 0.8])
    assert torch_ops.nms(boxes, scores, 0.19, offset=0).tolist() == [0, 1]
    assert torch_ops.nms(boxes, scores, 0.19, offset=1).tolist() == [0]
    assert torch_ops.nms(boxes, scores, 0.21, offset=1).tolist() == [0, 1]


def test_nms_suppressed_box_does_not_suppress():
    # A chain: 0 drops 1; 1 would drop 2, but it is gone.
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [4.0, 0.0, 14.0, 10.0], [8.0, 0.0, 18.0, 10.0]])
    assert torch_ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


@pytest.mark.parametrize('count', [0, 1])
def test_nms_of_few(count):
    kept = torch_ops.nms(torch.zeros(count, 4), torch.zeros(count), 0.5)
    assert kept.dtype == torch.int64
    assert kept.tolist() == list(range(count))


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.7])
@pytest.mark.parametrize('count', [40, 300])  # 300 is more than one block of rows
def test_nms_against_loop(count, threshold, offset):
    generator = torch.Generator().manual_seed(count)
    corner = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 20
    side = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 20 + 20
    boxes = torch.cat([corner, corner + side], 1)
    scores = torch.rand(count, generator=generator, dtype=torch.float64)
    expected = slow_nms(boxes.tolist(), scores.tolist(), threshold, offset)
    assert len(expected) < count
    assert torch_ops.nms(boxes, scores, threshold, offset).tolist() == expected


def test_roi_align_hand_derived():
    # On the ramp F[y, x] = 10 y + x a bilinear sample is exact, so a bin is the ramp at its centre.
    # Aligned RoI (1, 1, 3, 3): shifted to (0.5, 0.5), bins of 1 cell, centres at 1 and 2.
    ramp = (10 * torch.arange(5.0)[:, None] + torch.arange(5.0)).expand(1, 1, 5, 5)
    roi = torch.tensor([[0.0, 1.0, 1.0, 3.0, 3.0]])
    for sampling_ratio in (0, 1, 2):
        aligned = torch_ops.roi_align(ramp, roi, (2, 2), 1.0, sampling_ratio, True)
        assert torch.allclose(aligned, torch.tensor([[[[11.0, 12.0], [21.0, 22.0]]]]), atol=1e-5)
        # Not aligned: no shift, centres at 1.5 and 2.5.
        legacy = torch_ops.roi_align(ramp, roi, (2, 2), 1.0, sampling_ratio, False)
        assert torch.allclose(legacy, torch.tensor([[[[16.5, 17.5], [26.5, 27.5]]]]), atol=1e-5)


def test_roi_align_minimum_side_only_when_not_aligned():
    # A RoI of no size at (2, 2): not aligned it becomes 1 x 1 with its centre at 2.5 -> 27.5;
    # aligned with an adaptive grid it has ceil(0) samples, hence 0; with a fixed grid 1.5 -> 16.5.
    ramp = (10 * torch.arange(5.0)[:, None] + torch.arange(5.0)).expand(1, 1, 5, 5)
    point = torch.tensor([[0.0, 2.0, 2.0, 2.0, 2.0]])
    assert torch_ops.roi_align(ramp, point, (1, 1), 1.0, 0, False).item() == pytest.approx(27.5)
    assert torch_ops.roi_align(ramp, point, (1, 1), 1.0, 0, True).item() == 0
    assert torch_ops.roi_align(ramp, point, (1, 1), 1.0, 1, True).item() == pytest.approx(16.5)


def test_roi_align_border_rules():
    # One sample each on a 4-wide map of ones times its column: at x = -1 (clamped to column 0),
    # beyond it (zero), at x = 4 (clamped to column 3) and beyond it (zero). Rows sit at y = 1.
    columns = (torch.arange(4.0) + 1).expand(1, 1, 4, 4)
    centres = torch.tensor([-1.0, -1.01, 4.0, 4.01])
    rois = torch.stack(
        [
            torch.zeros(4),
            centres - 0.5,
            torch.full((4,), 0.5),
            centres + 0.5,
            torch.full((4,), 1.5),
        ],
        1,
    )
    pooled = torch_ops.roi_align(columns, rois, (1, 1), 1.0, 1, False).flatten()
    assert pooled.tolist() == [1.0, 0.0, 4.0, 0.0]


@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
@pytest.mark.parametrize('scale', [1.0, 0.25])
def test_roi_align_against_loop(scale, sampling_ratio, aligned):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 2, 7, 9, generator=generator, dtype=torch.float64)
    rois = random_rois(25, 7, 9, scale, generator)
    expected = slow_roi_align(features, rois, (3, 2), scale, sampling_ratio, aligned)
    found = torch_ops.roi_align(features, rois, (3, 2), scale, sampling_ratio, aligned)
    assert expected.abs().max() > 0.5
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize('height, width', [(1, 1), (1, 4), (4, 1)])
def test_roi_align_on_maps_of_one_cell(height, width):
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, 1, height, width, generator=generator, dtype=torch.float64)
    rois = random_rois(10, height, width, 1.0, generator)
    expected = slow_roi_align(features, rois, (2, 2), 1.0, 2, False)
    found = torch_ops.roi_align(features, rois, (2, 2), 1.0, 2, False)
    assert torch.allclose(found, expected, rtol=0, atol=1e-12)


def test_roi_align_without_rois():
    pooled = torch_ops.roi_align(torch.ones(1, 3, 4, 4), torch.zeros(0, 5), (7, 7), 1.0, 0, True)
    assert pooled.shape == (0, 3, 7, 7)
    grad = torch_ops.roi_align_grad(pooled, torch.zeros(0, 5), (1, 3, 4, 4), 1.0, 0, True)
    assert torch.equal(grad, torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize(
    'dtype, tolerance', [(torch.float32, 1e-5), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)]
)
def test_roi_align_in_lower_precision(dtype, tolerance):
    generator = torch.Generator().manual_seed(2)
    features = torch.rand(2, 3, 6, 6, generator=generator).to(dtype)
    rois = random_rois(20, 6, 6, 1.0, generator).float()
    pooled = torch_ops.roi_align(features, rois, (2, 2), 1.0, 2, True)
    expected = torch_ops.roi_align(features.double(), rois.double(), (2, 2), 1.0, 2, True)
    assert pooled.dtype == dtype
    assert torch.allclose(pooled.double(), expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize('aligned', [True, False])
def test_roi_align_grad_is_the_transpose(aligned):
    # <M f, g> = <f, M' g> for a linear map, here with repeated cells and two images.
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(2, 3, 5, 6, generator=generator, dtype=torch.float64)
    rois = random_rois(12, 5, 6, 0.5, generator)
    grad = torch.randn(12, 3, 2, 3, generator=generator, dtype=torch.float64)
    forward = (torch_ops.roi_align(features, rois, (2, 3), 0.5, 0, aligned) * grad).sum()
    back = torch_ops.roi_align_grad(grad, rois, (2, 3, 5, 6), 0.5, 0, aligned)
    assert forward.item() == pytest.approx((features * back).sum().item(), abs=1e-10)
