"""ResNet whose stem pools without padding, as in the first PyTorch Faster R-CNN."""

from __future__ import annotations

from typing import Any

from mmdet.models.backbones import ResNet
from mmdet.registry import MODELS
from torch import nn


@MODELS.register_module()
class CeilPoolResNet(ResNet):
    """mmdet's ``ResNet`` (same arguments and names) with an unpadded, ceil-mode stem pool.

    Released weights saw a 3x3 pool of stride 2 with padding 0 and ``ceil_mode``. Against mmdet's
    padding of 1 every window is shifted by one pixel, and the map is one cell smaller where the
    stem's output has an odd side.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=0, ceil_mode=True)
