"""The geometry that targets and model share."""

import dataclasses

import pytest

from egoexo_mm import interaction_maps
from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.models import distillation_maths


def test_frames_and_grid():
    """8 of 32 frames: evenly spaced with the last, or every fourth; 65 pixels are 3 cells of 32."""
    geometry = MapGeometry()
    assert geometry.frames(32).tolist() == [0, 4, 8, 13, 17, 22, 26, 31]
    assert dataclasses.replace(geometry, frame_sampling='stride').frames(32).tolist() == list(
        range(0, 32, 4)
    )
    assert geometry.grid((64, 65)) == (2, 3)
    assert MapGeometry(time_stride=1).frames(3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(time_stride=0), 'must be 1 or more'),
        (dict(cell_size=0), 'must be 1 or more'),
        (dict(frame_sampling='mean'), "'linspace' or 'stride', got 'mean'"),
    ],
)
def test_wrong_settings(options, message):
    with pytest.raises(ValueError, match=message):
        MapGeometry(**options)


def test_a_clip_that_the_stride_does_not_divide():
    with pytest.raises(ValueError, match='time_stride 4 does not divide the clip length 30'):
        MapGeometry().frames(30)


@pytest.mark.parametrize('name', ['slow_frame_index', 'place_boxes', 'boxes_to_maps'])
def test_old_names_are_the_same_functions(name):
    assert getattr(distillation_maths, name) is getattr(interaction_maps, name)
