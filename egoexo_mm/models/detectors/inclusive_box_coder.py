"""Box deltas of the original Faster R-CNN, where a box includes its last pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmdet.models.task_modules import LegacyDeltaXYWHBBoxCoder
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class InclusiveDeltaBoxCoder(LegacyDeltaXYWHBBoxCoder):
    """mmdet's legacy coder (a side is x2 - x1 + 1) with the decoding of Shan et al.'s code.

    Decoding sets the new corners to centre -+ side / 2 without subtracting the 1 again, so a zero
    delta moves x2 and y2 by one pixel. It does not bound the growth of a box. mmdet's legacy coder
    is half a pixel lower in all corners and bounds the growth.
    """

    def decode(
        self,
        bboxes: Tensor,
        pred_bboxes: Tensor,
        max_shape: Sequence[int] | None = None,
        wh_ratio_clip: float | None = None,
    ) -> Tensor:
        """Apply deltas to boxes.

        Args:
            bboxes: (N, 4) as x1, y1, x2, y2.
            pred_bboxes: (N, 4 K), for each of K classes dx, dy, dw, dh.
            max_shape: (height, width) of the image; corners are clipped to its pixels.
            wh_ratio_clip: Not used: growth is not bounded.

        Returns:
            (N, 4 K).
        """
        stds, means = pred_bboxes.new_tensor(self.stds), pred_bboxes.new_tensor(self.means)
        deltas = pred_bboxes.unflatten(1, (-1, 4)) * stds + means
        side = (bboxes[:, 2:] - bboxes[:, :2] + 1)[:, None]
        centre = bboxes[:, None, :2] + 0.5 * side
        new_centre = deltas[..., :2] * side + centre
        reach = 0.5 * (deltas[..., 2:].exp() * side)
        boxes = torch.cat([new_centre - reach, new_centre + reach], dim=-1)
        if max_shape is not None:
            height, width = max_shape[:2]
            last = boxes.new_tensor([width - 1, height - 1] * 2)
            boxes = boxes.clamp(min=0).minimum(last)
        return boxes.flatten(1)
