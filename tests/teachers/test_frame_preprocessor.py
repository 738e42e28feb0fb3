"""Resizing, cropping and normalising against values by hand, MMAction2's transforms and OpenCV."""

import cv2
import numpy as np
import pytest
import torch
from mmaction.datasets.transforms import CenterCrop, Resize

import egoexo_mm  # noqa: F401
from egoexo_mm.models.teachers.frame_preprocessor import _STARTS, FramePreprocessor, evenly_spaced

PLAIN = dict(mean=[0] * 3, std=[1] * 3, antialias=False)
ROWS = torch.tensor([[0.0, 10, 20, 30], [40, 50, 60, 71]]).expand(1, 3, 2, 4)


def waves(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8 with detail of several sizes."""
    y, x = np.mgrid[:height, :width]
    planes = [
        np.sin(x / a) + np.cos(y / b) + np.sin((x + y) / c)
        for a, b, c in ((2, 9, 31), (7, 3, 5), (40, 25, 2))
    ]
    return (np.stack(planes, -1) * 42 + 128).astype(np.uint8)


def batch(*frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def test_values():
    """Means of 2 x 2 pixels are 25 and 45.25, rounded to 45; a spare pixel is on the right."""
    options = dict(size=1, resize=1, antialias=False, mean=[5, 5, 5], std=[10, 10, 20])
    assert FramePreprocessor(**options)(ROWS).tolist() == [[[[2.0]], [[2.0]], [[1.0]]]]
    assert FramePreprocessor(**options, start='up')(ROWS).tolist() == [[[[4.0]], [[4.0]], [[2.0]]]]
    assert FramePreprocessor(**options)(ROWS.to(torch.uint8)).dtype == torch.float32


def test_geometries():
    """Squashed to a pixel: mean of the four in the middle. Cropped first: half the side, 1."""
    options = dict(size=1, **PLAIN)
    middle = FramePreprocessor(resize=1, geometry='squash', **options)(ROWS)
    assert middle[0, 0].item() == (10 + 20 + 50 + 60) / 4
    assert (
        FramePreprocessor(resize=2, geometry='crop_first', **options)(ROWS)[0, 0].item() == 20
    )  # row 0, column 2 (of 1.5)


@pytest.mark.parametrize(
    'rule, expected', [('down', (2, 2, 121)), ('even', (2, 2, 121)), ('up', (3, 2, 122))]
)
def test_starts(rule, expected):
    """Of 5, 4 and 242.875 spare pixels; mmpretrain's share of the short side is a fraction."""
    assert (
        tuple(_STARTS[rule](length, side) for length, side in ((9, 4), (8, 4), (480, 237.125)))
        == expected
    )


def test_channels():
    pixels = torch.tensor([10.0, 20, 30]).reshape(1, 3, 1, 1)
    options = dict(size=1, resize=1, antialias=False, mean=[1, 2, 3], std=[1, 2, 1])
    assert FramePreprocessor(**options)(pixels).flatten().tolist() == [9, 9, 27]
    assert FramePreprocessor(**options, bgr=True)(pixels).flatten().tolist() == [29, 9, 7]


def test_bicubic_stays_in_range():
    pixels = torch.zeros(1, 3, 8, 8)
    pixels[..., 4:] = 255
    found = FramePreprocessor(size=32, resize=32, interpolation='bicubic', **PLAIN)(pixels)
    assert found.min() == 0 and found.max() == 255 and (found == found.round()).all()


@pytest.mark.parametrize(
    'height, width', [(270, 480), (144, 176), (361, 641), (480, 271), (255, 303), (256, 256)]
)
def test_equal_to_the_hosts_transforms(height, width):
    """Within a grey level, 0.2 on average, of Resize and CenterCrop; antialiased it is not."""
    frame = waves(height, width)
    results = dict(imgs=[frame], img_shape=(height, width), modality='RGB', num_clips=1, clip_len=1)
    for step in (Resize(scale=(-1, 256)), CenterCrop(224)):
        results = step(results)
    expected = batch(results['imgs'][0]).float()
    options = dict(PLAIN, size=224, resize=256, start='down', long_side='nearest')
    gap = (FramePreprocessor(**options)(batch(frame)) - expected).abs()
    assert gap.max() <= 1 and gap.mean() < 0.2
    if min(height, width) > 300:
        assert (
            FramePreprocessor(**dict(options, antialias=True))(batch(frame)) - expected
        ).abs().max() > 3


def test_a_batch_is_its_frames():
    frames = batch(waves(60, 80), 255 - waves(60, 80))
    prepare = FramePreprocessor(
        size=32, resize=40, interpolation='bicubic', **dict(PLAIN, antialias=True)
    )
    assert torch.equal(prepare(frames), torch.cat([prepare(frames[:1]), prepare(frames[1:])]))
    half = prepare(frames.to(torch.float16))
    assert torch.equal(half, prepare(frames))


def test_the_given_pixels_stay():
    frames = torch.full((1, 3, 4, 4), 0.4)
    FramePreprocessor(size=4, resize=4, **PLAIN)(frames)
    FramePreprocessor(size=2, resize=2, **PLAIN)(frames)
    assert (frames == 0.4).all()


def test_no_state():
    assert not FramePreprocessor(size=2, resize=2, **PLAIN).state_dict()


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(size=224, resize=200), 'frames resized to 200 pixels have no crop of 224'),
        (
            dict(size=2, resize=2, interpolation='lanczos'),
            "expected one of 'bilinear', 'bicubic', got 'lanczos'",
        ),
        (
            dict(size=2, resize=2, geometry='border'),
            "expected one of 'short', 'squash', 'crop_first', got 'border'",
        ),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        FramePreprocessor(**PLAIN, **options)


@pytest.mark.parametrize(
    'num_frames, count, expected',
    [
        (32, 32, list(range(32))),
        (32, 4, [0, 10, 20, 31]),
        (5, 3, [0, 2, 4]),
        (2, 5, [0, 0, 0, 0, 1]),
        (1, 3, [0, 0, 0]),
        (8, 1, [3]),
        (1, 1, [0]),
    ],
)
def test_evenly_spaced(num_frames, count, expected):
    assert evenly_spaced(num_frames, count).tolist() == expected


def test_crop_first_is_opencvs_bicubic():
    """The rule of the EfficientNets, computed with OpenCV."""
    frame = waves(272, 641)
    side = int(224 / 256 * 272)
    top, left = (272 - side + 1) // 2, (641 - side + 1) // 2
    expected = cv2.resize(
        frame[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_CUBIC
    )
    prepare = FramePreprocessor(
        size=224, resize=256, geometry='crop_first', interpolation='bicubic', start='up', **PLAIN
    )
    gap = (prepare(batch(frame)) - batch(expected)).abs()
    assert gap.max() <= 1 and gap.mean() < 0.01
