"""Contact state, offset to the touched object, and side of hands."""
from __future__ import annotations

from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from .functional import scaled_offset


@MODELS.register_module()
class HandObjectHead(BaseModule):
    """The three hand layers of Shan et al. (https://arxiv.org/abs/2006.06669) on RoI features. Inference only: no losses.

    Args:
        in_channels: Of the RoI features.
        contact_channels: Hidden units of the contact layer.
        dropout: In the contact layer.
    """

    def __init__(self, *, in_channels: int = 2048, contact_channels: int = 32, dropout: float = 0.5,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.contact = nn.Sequential(nn.Linear(in_channels, contact_channels), nn.ReLU(), nn.Dropout(dropout),
                                     nn.Linear(contact_channels, 5))
        self.offset = nn.Linear(in_channels, 3)
        self.side = nn.Linear(in_channels, 1)

    def forward(self, plain: Tensor, padded: Tensor) -> dict[str, Tensor]:
        """Score R RoIs.

        Args:
            plain: (R, C, h, w) features of the RoIs.
            padded: (R, C, h, w) features of the enlarged RoIs, which show what a hand touches.

        Returns:
            ``contact`` (R, 5) logits of none, self, other person, portable object, stationary object; ``offset`` (R, 3)
            magnitude in thousands of pixels and direction of length 0.1; ``side`` (R,) logit of being a right hand.
        """
        around = padded.mean((2, 3))
        return dict(contact=self.contact(around), offset=scaled_offset(self.offset(around)),
                    side=self.side(plain.mean((2, 3))).squeeze(1))
