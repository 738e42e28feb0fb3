import math

import numpy as np
import pytest
import torch

from egoexo_mm.interaction_maps import boxes_to_maps, place_boxes, slow_frame_index
from egoexo_mm.models.distillation_maths import pool_features, soft_target_divergence


def test_slow_frames():
    assert slow_frame_index(32, 8).tolist() == [
        0,
        4,
        8,
        13,
        17,
        22,
        26,
        31,
    ]  # the reference's, last frame included
    assert slow_frame_index(32, 8, 'stride').tolist() == [
        0,
        4,
        8,
        12,
        16,
        20,
        24,
        28,
    ]  # MMAction2's
    assert slow_frame_index(8, 8).tolist() == list(range(8))
    assert slow_frame_index(5, 1).tolist() == [0]


@pytest.mark.parametrize(
    'args, message',
    [
        ((8, 9), 'between 1 and 8 slow frames, got 9'),
        ((8, 0), 'got 0'),
        ((8, 2, 'mean'), "'linspace' or 'stride', got 'mean'"),
    ],
)
def test_slow_frames_refused(args, message):
    with pytest.raises(ValueError, match=message):
        slow_frame_index(*args)


def test_pooled_features_are_fast_then_slow():
    slow, fast = (
        torch.full((2, 3, 4, 2, 2), 5.0),
        torch.arange(8.0).view(1, 1, 8, 1, 1).expand(2, 1, 8, 2, 2),
    )
    assert pool_features((slow, fast)).tolist() == [[3.5, 5, 5, 5]] * 2  # 3.5 is the mean of 0..7
    assert pool_features(torch.ones(2, 6)).shape == (2, 6)


def test_divergence_by_hand():
    # KL((1/2, 1/2) || (9/10, 1/10)) = 1/2 ln(5/9) + 1/2 ln 5
    student, teacher = torch.tensor([[9.0, 1.0]]).log(), torch.zeros(1, 2)
    expected = (math.log(5 / 9) + math.log(5)) / 2
    assert soft_target_divergence(student, teacher).item() == pytest.approx(expected, rel=1e-6)
    # at T = 2 the student is (3/4, 1/4), as sqrt(9) : sqrt(1), and the result is scaled by T^2
    softened = 4 * (math.log(2 / 3) + math.log(2)) / 2
    assert soft_target_divergence(student, teacher, temperature=2).item() == pytest.approx(
        softened, rel=1e-6
    )


def test_divergence_of_probabilities():
    logits, teacher = torch.randn(4, 7), torch.randn(4, 7)
    for temperature in (1.0, 3.0):
        torch.testing.assert_close(
            soft_target_divergence(logits, teacher.softmax(1), temperature, 'probabilities'),
            soft_target_divergence(logits, teacher, temperature),
            rtol=1e-5,
            atol=1e-6,
        )
    one_hot = torch.tensor([[0.0, 1.0]])
    assert soft_target_divergence(
        torch.zeros(1, 2), one_hot, 1.0, 'probabilities'
    ).item() == pytest.approx(math.log(2))


def painted(box, score, kind, slot, num_frames, grid):
    """The definition: box by box, cell by cell."""
    maps = np.zeros((2, num_frames, *grid), np.float32)
    for b, s, k, t in zip(box, score, kind, slot):
        x1, y1, x2, y2 = (
            int(min(max(np.floor(v * n), 0), n - 1)) for v, n in zip(b, (grid[1], grid[0]) * 2)
        )
        for y in range(y1, y2 + 1):
            for x in range(x1, x2 + 1):
                maps[k, t, y, x] = max(maps[k, t, y, x], s)
    return maps


def test_maps_by_hand():
    box = np.array([[0.3, 0, 0.55, 0.2], [0.5, 0, 1, 1]], np.float32)
    maps = boxes_to_maps(
        box,
        np.array([0.5, 0.9], np.float32),
        np.array([0, 0]),
        np.array([1, 1]),
        num_frames=2,
        grid=(4, 4),
    )
    # 0.3 * 4 = 1.2 -> 1 and 0.55 * 4 = 2.2 -> 2: columns 1 and 2 of row 0; the second box fills
    # columns 2 and 3
    assert maps[0, 1].tolist() == pytest.approx(
        np.array([[0, 0.5, 0.9, 0.9], [0, 0, 0.9, 0.9], [0, 0, 0.9, 0.9], [0, 0, 0.9, 0.9]])
    )
    assert not maps[1].any() and not maps[0, 0].any()
    hard = boxes_to_maps(
        box,
        np.array([0.5, 0.9]),
        np.array([0, 1]),
        np.array([0, 0]),
        num_frames=1,
        grid=(4, 4),
        soft=False,
    )
    assert set(hard.ravel()) == {0, 1} and hard[0].sum() == 2 and hard[1].sum() == 8


@pytest.mark.parametrize('grid', [(7, 7), (8, 8), (5, 9)])
def test_maps_equal_the_definition(grid):
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 1, (300, 2, 2)).astype(np.float32)
    box = np.concatenate([corner.min(1), corner.max(1)], axis=1)
    box[:20, 2:] = box[:20, :2]  # no area
    box[20:40] = np.round(box[20:40] * 7) / 7  # on cell borders
    score, kind, slot = (
        rng.uniform(0, 1, 300).astype(np.float32),
        rng.integers(0, 2, 300),
        rng.integers(0, 8, 300),
    )
    found = boxes_to_maps(box, score, kind, slot, num_frames=8, grid=grid)
    np.testing.assert_array_equal(found, painted(box, score, kind, slot, 8, grid))


def test_no_boxes():
    maps = boxes_to_maps(
        np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), np.zeros(0, int), num_frames=3, grid=(2, 2)
    )
    assert maps.shape == (2, 3, 2, 2) and not maps.any()


def test_boxes_in_a_flipped_crop():
    # the crop is the right half of the frame, flipped: u -> 2 - 2 u
    box = np.array([[0.6, 0, 0.75, 1], [0, 0, 0.4, 1], [0.4, 0, 0.6, 1]])
    scale, offset = np.array([-2.0, 1]), np.array([2.0, 0])
    placed, kept = place_boxes(box, scale, offset)
    assert kept.tolist() == [0, 2]
    np.testing.assert_allclose(placed, [[0.5, 0, 0.8, 1], [0.8, 0, 1, 1]], rtol=1e-6)
    placed, kept = place_boxes(box, scale, offset, 'border')
    assert kept.tolist() == [0, 1, 2]
    np.testing.assert_allclose(placed[1], [1, 0, 1, 1])  # the reference's border pixels
    with pytest.raises(ValueError, match="'drop' or 'border'"):
        place_boxes(box, scale, offset, 'keep')
