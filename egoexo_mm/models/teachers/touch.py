"""Which objects count as held, by boxes alone.

Shape legend: ``H`` hands, ``O`` objects.
"""

from __future__ import annotations

import numpy as np

# Classes of COCO that a hand rests on or passes in front of far more often than it holds them.
NOT_HELD = ('person', 'bench', 'chair', 'couch', 'bed', 'dining table', 'toilet')


def touching(hands: np.ndarray, objects: np.ndarray, reach: float) -> np.ndarray:
    """Whether each object touches an enlarged hand.

    A hand's box grows on each side by ``reach`` of its width, above and below by ``reach`` of its
    height. Boxes that share a border touch.

    Args:
        hands: (H, 4) ``x1, y1, x2, y2``.
        objects: (O, 4), in the same units.
        reach: Share of the hand's size.

    Returns:
        (O,) bool.
    """
    grown = reach * (hands[:, 2:] - hands[:, :2])
    low, high = hands[:, None, :2] - grown[:, None], hands[:, None, 2:] + grown[:, None]
    meets = (objects[None, :, :2] <= high) & (objects[None, :, 2:] >= low)  # (H, O, 2)
    return meets.all(2).any(0)
