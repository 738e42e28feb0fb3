"""The rule that says which objects are held."""

import numpy as np
import pytest

from egoexo_mm.models.teachers.touch import NOT_HELD, touching

# 20 wide and 40 high. Grown by a quarter: x from 35 to 65, y from 30 to 90.
HAND = [40, 40, 60, 80]


@pytest.mark.parametrize(
    'thing, held',
    [
        ([45, 50, 55, 60], True),  # inside the hand
        ([0, 0, 200, 200], True),  # around it
        ([10, 50, 50, 60], True),  # overlaps
        ([62, 50, 90, 60], True),  # overlaps the grown hand alone
        ([65, 50, 90, 60], True),  # x 65: shares its border
        ([65.1, 50, 90, 60], False),
        ([10, 50, 34.9, 60], False),
        ([45, 90, 55, 99], True),  # y 90: shares its border
        ([45, 90.1, 55, 99], False),
        ([45, 0, 55, 29.9], False),
        ([65, 90, 99, 99], True),  # at its corner
        ([66, 20, 99, 99], False),  # beside it
    ],
)
def test_one_hand(thing, held):
    assert touching(np.array([HAND], float), np.array([thing], float), 0.25).tolist() == [held]


def test_reach():
    """The gap is 6, of a width of 20: a reach of 0.3."""
    thing = np.array([[66.0, 50, 70, 60]])
    hand = np.array([HAND], float)
    assert touching(hand, thing, 0.3).all() and not touching(hand, thing, 0.29).any()
    assert not touching(hand, thing, 0).any()


def test_any_hand_will_do():
    hands = np.array([HAND, [140, 40, 160, 80]], float)
    things = np.array([[100, 50, 110, 60], [161, 50, 170, 60], [30, 50, 41, 60]], float)
    assert touching(hands, things, 0.25).tolist() == [False, True, True]


def test_no_hand_or_no_thing():
    none = np.zeros((0, 4))
    assert touching(none, np.array([HAND], float), 0.25).tolist() == [False]
    assert touching(np.array([HAND], float), none, 0.25).shape == (0,)


def test_excluded_names_are_coco_s():
    metainfo = pytest.importorskip('mmdet.datasets').CocoDataset.METAINFO
    assert set(NOT_HELD) <= set(metainfo['classes'])
