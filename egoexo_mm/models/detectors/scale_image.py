"""Image scaling as the detector's weights saw it."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ScaleImage(BaseTransform):
    """Scale an image in float32 by one number for both axes, for inference only.

    Annotations are not scaled. mmdet's ``Resize`` rounds to grey levels and scales each axis to an
    integer target size; either can change the number of boxes.

    Args:
        short_side: To reach, in pixels.
        max_long_side: Never exceeded. None for no limit: the reference has 1000 in its demo and no
            limit in its evaluation.
    """

    def __init__(self, *, short_side: int = 600, max_long_side: int | None = 1000) -> None:
        self.short_side = short_side
        self.max_long_side = max_long_side

    def factor(self, height: int, width: int) -> float:
        """Network pixels per image pixel."""
        scale, longest = self.short_side / min(height, width), max(height, width)
        if self.max_long_side is not None and np.round(scale * longest) > self.max_long_side:
            scale = self.max_long_side / longest
        return scale

    def transform(self, results: dict) -> dict:
        """Replace ``img`` (H, W, 3); set ``img_shape``, ``scale_factor`` and ``keep_ratio``."""
        scale = self.factor(*results['img'].shape[:2])
        pixels = results['img'].astype(np.float32)
        results['img'] = cv2.resize(
            pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR
        )
        results['img_shape'] = results['img'].shape[:2]
        results['scale_factor'] = (scale, scale)
        results['keep_ratio'] = True
        return results
