"""Anchors of the original Faster R-CNN: whole pixels, rounded before they are scaled."""

from __future__ import annotations

import torch
from mmdet.models.task_modules import AnchorGenerator
from mmdet.registry import TASK_UTILS
from torch import Tensor


@TASK_UTILS.register_module()
class RoundedAnchorGenerator(AnchorGenerator):
    """mmdet's ``AnchorGenerator`` with the base anchors of py-faster-rcnn.

    The base box spans the pixels 0 to ``base_size - 1``, both included. Its area is kept for each
    ratio (height / width) with sides rounded to integers. These are then multiplied by the scales.
    Corners are centre +- (side - 1) / 2.
    """

    def gen_single_level_base_anchors(
        self,
        base_size: float,
        scales: Tensor,
        ratios: Tensor,
        center: tuple[float, float] | None = None,
    ) -> Tensor:
        """(ratios * scales, 4) anchors of the first cell, ratios outermost.

        Args:
            base_size: Side of the base box.
            scales: Of the anchors.
            ratios: Height / width of the anchors.
            center: By default that of the base box.
        """
        center = torch.tensor(center or ((base_size - 1) / 2,) * 2)
        width = (base_size**2 / ratios).sqrt().round()
        sides = torch.stack([width, (width * ratios).round()], dim=1)  # (ratios, 2)
        reach = ((sides[:, None] * scales[:, None] - 1) / 2).flatten(0, 1)
        return torch.cat([center - reach, center + reach], dim=1)
