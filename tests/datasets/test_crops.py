"""Resizing the crop alone gives what resizing the frame and cropping it gives."""

import numpy as np
import pytest
from mmaction.datasets.transforms import Flip, RandomCrop, RandomRescale

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms import RandomRescaleCrop, TrackGeometry
from egoexo_mm.datasets.transforms.crops import _part


def scene(height, width, frames=3):
    """Waves with a few hard edges, as pictures have."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 7 + t) * np.cos(y / 5 - t) for t in range(frames)])
    image = np.repeat(waves[..., None] * 100 + 128, 3, axis=3).astype(np.uint8)
    image[:, height // 4 : height // 2, width // 3 : width // 2] = [250, 5, 60]
    return list(image)


def run(steps, frames, seed):
    np.random.seed(seed)
    results = dict(
        imgs=[frame.copy() for frame in frames], img_shape=frames[0].shape[:2], modality='RGB'
    )
    for step in [TrackGeometry(), *steps, Flip()]:
        results = step(results)
    return results


@pytest.mark.parametrize('size', [(256, 340), (240, 427), (360, 270), (288, 512)])
@pytest.mark.parametrize('seed', range(6))
def test_equals_the_two_host_transforms(size, seed):
    frames = scene(*size)
    stock = run([RandomRescale((256, 320)), RandomCrop(224)], frames, seed)
    ours = run([RandomRescaleCrop((256, 320), 224)], frames, seed)
    assert ours.keys() == stock.keys()
    for key in stock.keys() - {'imgs'}:
        np.testing.assert_array_equal(ours[key], stock[key], err_msg=key)
    assert isinstance(ours['imgs'], list)  # as the host leaves it
    pixels = np.stack(ours['imgs'])
    assert pixels.shape == (3, 224, 224, 3) and pixels.dtype == np.uint8
    off = np.abs(pixels.astype(int) - np.stack(stock['imgs']))
    assert (
        off.max() <= 255 / 40 and off.mean() < 0.3
    )  # an edge of 255 levels moves by at most 1/50 pixel, and rounding
    moved = np.abs(np.roll(pixels, 1, axis=2).astype(int) - np.stack(stock['imgs']))
    assert moved.mean() > 20 * off.mean()  # a whole pixel would be seen


@pytest.mark.parametrize(
    'short_side', [64, 128]
)  # no resizing, and twice the size: every second pixel is aligned
def test_exact_where_pixels_align(short_side):
    frames = scene(64, 80)
    stock = run([RandomRescale((short_side, short_side + 1)), RandomCrop(48)], frames, 0)
    ours = run([RandomRescaleCrop((short_side, short_side + 1), 48)], frames, 0)
    assert ours['short_edge'] == stock['short_edge'] == short_side
    np.testing.assert_array_equal(ours['imgs'], stock['imgs'])


def test_part_covers_the_crop():
    rng = np.random.default_rng(0)
    for _ in range(500):
        source, resized = (int(n) for n in rng.integers(100, 900, 2))
        start = int(rng.integers(0, resized))
        stop = int(rng.integers(start, resized)) + 1
        pixels, before = _part(start, stop, source, resized)
        first, step = start - before, source / resized
        assert abs(first * step - pixels.start) < 0.02 and before >= 0
        assert (
            pixels.start == 0 or (start + 0.5) * step - 0.5 >= pixels.start - 0.02
        )  # what the first one interpolates
        assert (
            pixels.stop == source or pixels.stop >= (stop - 0.5) * step + 0.5
        )  # the last one interpolates to this
        assert round((pixels.stop - pixels.start) / step) >= stop - first


def test_source_frames_are_left_alone():
    frames = scene(64, 80)
    results = dict(imgs=[frame.copy() for frame in frames], img_shape=(64, 80), modality='RGB')
    crops = RandomRescaleCrop((64, 65), 48)(results)['imgs']
    for crop in crops:
        crop[:] = 0
    np.testing.assert_array_equal(frames, scene(64, 80))


def test_only_bilinear():
    with pytest.raises(
        ValueError,
        match="^RandomRescaleCrop: interpolation must be 'bilinear', got 'nearest'; use Random",
    ):
        RandomRescaleCrop((256, 320), 224, interpolation='nearest')
