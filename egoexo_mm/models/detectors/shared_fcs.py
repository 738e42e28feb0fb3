"""Fully connected layers that the box head and the hand layers share."""

from __future__ import annotations

from collections.abc import Sequence

from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn


@MODELS.register_module()
class SharedFCs(BaseModule):
    """The hidden layers of mmdet's ``Shared2FCBBoxHead`` as a shared head for FPN features.

    The hand layers see their outputs too. In the C4 detector ResNet's last stage has this place. A
    mean of FPN features alone would not say where in its box a thumb is.

    Args:
        in_channels: Of the RoI features.
        roi_feat_size: Their side in cells.
        channels: Units of each layer.
        init_cfg: Of ``BaseModule``.
    """

    def __init__(
        self,
        *,
        in_channels: int = 256,
        roi_feat_size: int = 7,
        channels: Sequence[int] = (1024, 1024),
        init_cfg: dict | None = dict(type='Xavier', layer='Linear', distribution='uniform'),
    ) -> None:
        super().__init__(init_cfg)
        sizes = [in_channels * roi_feat_size**2, *channels]
        self.layers = nn.Sequential(nn.Flatten())
        for size, following in zip(sizes, sizes[1:]):
            self.layers.extend([nn.Linear(size, following), nn.ReLU(inplace=True)])

    def forward(self, feats: Tensor) -> Tensor:
        """(R, C, h, w) RoI features to (R, channels[-1], 1, 1)."""
        return self.layers(feats)[..., None, None]
