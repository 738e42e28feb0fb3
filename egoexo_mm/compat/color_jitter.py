"""mmaction2's ``ColorJitter`` under numpy 2.

Broken: ``ColorJitter.adjust_hue`` adds a Python int, negative half of the time, to uint8 hues.
numpy 2 raises ``OverflowError`` where numpy < 2 went on in int16. (Sums above 255 wrap in both.)
Workaround: the method is replaced by the same arithmetic in int16.
Inactive: with numpy < 2, and where ``adjust_hue`` takes a negative factor without an error.
Delete: once the oldest mmaction2 that we support does.
"""

from __future__ import annotations

from typing import Any

from .workaround import Workaround

NAME = "mmaction2's ColorJitter under numpy 2"


def apply() -> Workaround:
    """Replace ``adjust_hue`` where it fails; it is tried on one pixel."""
    import numpy as np

    if int(np.__version__.split('.')[0]) < 2:
        return Workaround(NAME, False, f'numpy {np.__version__} adds a negative number to uint8')
    from mmaction.datasets.transforms.processing import ColorJitter

    try:
        ColorJitter.adjust_hue(np.zeros((1, 1, 3), np.float32), -0.1)
    except OverflowError:
        ColorJitter.adjust_hue = staticmethod(adjust_hue)
        return Workaround(
            NAME, True, f'numpy {np.__version__} overflows in adjust_hue; it adds in int16'
        )
    return Workaround(NAME, False, 'adjust_hue takes a negative factor')


def adjust_hue(img: Any, factor: float) -> Any:
    """Shift the hue of an RGB image by ``factor`` * 255 steps of OpenCV's 180.

    Args:
        img: (H, W, 3), any numeric type, values clipped to [0, 255].
        factor: Shift, in [-0.5, 0.5].

    Returns:
        (H, W, 3) float32.
    """
    import cv2
    import numpy as np

    hsv = cv2.cvtColor(np.clip(img, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + int(factor * 255)) % 180
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
