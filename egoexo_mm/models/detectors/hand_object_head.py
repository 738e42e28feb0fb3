"""Contact state, offset to the touched object, and side of hands.

Shape legend: R RoIs.
"""

from __future__ import annotations

from mmdet.registry import MODELS
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from torch import Tensor, nn

from egoexo_mm.interaction_maps import CONTACTS, HAND_LABEL

from .hand_object_maths import scaled_offset


@MODELS.register_module()
class HandObjectHead(BaseModule):
    """The three hand layers of Shan et al. (https://arxiv.org/abs/2006.06669) on RoI features.

    Args:
        in_channels: Of the RoI features.
        contact_channels: Hidden units of the contact layer.
        dropout: In the contact layer.
        loss_contact: mmdet loss of the contact state; the weights are those of the reference.
        loss_offset: mmdet loss of magnitude and direction.
        loss_side: mmdet loss of one logit.
    """

    def __init__(
        self,
        *,
        in_channels: int = 2048,
        contact_channels: int = 32,
        dropout: float = 0.5,
        loss_contact: dict = dict(type='mmdet.CrossEntropyLoss', loss_weight=0.1),
        loss_offset: dict = dict(type='mmdet.MSELoss', loss_weight=0.1),
        loss_side: dict = dict(type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=0.1),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.contact = nn.Sequential(
            nn.Linear(in_channels, contact_channels),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(contact_channels, len(CONTACTS)),
        )
        self.offset = nn.Linear(in_channels, 3)
        self.side = nn.Linear(in_channels, 1)
        self.loss_contact = MODELS.build(loss_contact)
        self.loss_offset = MODELS.build(loss_offset)
        self.loss_side = MODELS.build(loss_side)

    def forward(self, plain: Tensor, padded: Tensor) -> dict[str, Tensor]:
        """Score R RoIs.

        Args:
            plain: (R, C, h, w) features of the RoIs.
            padded: (R, C, h, w) features of the enlarged RoIs, which show what a hand touches.

        Returns:
            ``contact`` (R, 5) logits, see ``CONTACTS``; ``offset`` (R, 3) magnitude in thousands of
            pixels and direction of length 0.1; ``side`` (R,) logit of being a right hand.
        """
        around = padded.mean((2, 3))
        return dict(
            contact=self.contact(around),
            offset=scaled_offset(self.offset(around)),
            side=self.side(plain.mean((2, 3))).squeeze(1),
        )

    def loss(self, outputs: dict[str, Tensor], targets: InstanceData) -> dict[str, Tensor]:
        """Mean losses over the RoIs that they apply to; zero with a zero gradient for no RoI.

        Contact state and side are learned on hands. The offset is learned on hands that touch
        something at a known place: annotations without a direction have a magnitude of 0.

        Args:
            outputs: Of :meth:`forward`.
            targets: Annotations at each RoI: ``labels`` (R,), ``contact_state`` (R,), ``offset``
                (R, 3) in pixels of the original image / 1000 and at length 0.1, ``side`` (R,).
        """
        hand = (targets.labels == HAND_LABEL).float()
        touching = hand * (targets.contact_state > 0) * (targets.offset[:, 0] > 0)
        hands, touches = hand.sum().clamp(min=1), touching.sum().clamp(min=1)
        return dict(
            loss_contact=self.loss_contact(
                outputs['contact'], targets.contact_state, weight=hand, avg_factor=hands
            ),
            loss_offset=self.loss_offset(
                outputs['offset'],
                targets.offset,
                weight=touching[:, None],
                avg_factor=touches * targets.offset.shape[1],
            ),
            loss_side=self.loss_side(outputs['side'], targets.side, weight=hand, avg_factor=hands),
        )
