import cv2
import numpy as np
import pytest
import torch

from egoexo_mm.models.teachers.opencv_resize import scale_frames, scaled_size


@pytest.mark.parametrize(
    'size, scale',
    [
        ((24, 32), 2.5),
        ((256, 340), 600 / 256),
        ((108, 192), 100 / 192),
        ((31, 29), 60 / 29),
        ((20, 20), 1.0),
    ],
)
@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
def test_equals_opencv(size, scale, dtype):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3))
    expected = cv2.resize(
        image.astype(np.float32), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR
    )
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].to(dtype)
    found = scale_frames(pixels, scale)
    assert found.dtype == torch.float32 and tuple(found.shape[-2:]) == expected.shape[
        :2
    ] == scaled_size(*size, scale)
    np.testing.assert_allclose(
        found[0].permute(1, 2, 0), expected, atol=1e-4, rtol=0
    )  # 5e-5 measured


def test_half_pixels_round_to_even():
    assert scaled_size(5, 7, 0.5) == (2, 4)  # 2.5 and 3.5
