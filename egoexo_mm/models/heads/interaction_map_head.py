"""Student of the hand-object detector (Interaction-Map)."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from mmengine.model import BaseModule
from mmengine.model.weight_init import kaiming_init, normal_init
from torch import Tensor, nn

from .targets import gather_targets


@MODELS.register_module()
class InteractionMapHead(BaseModule):
    """1x3x3 convolution, ReLU and 1x1x1 convolution on the last feature map: one channel for hands, one for objects.

    Args:
        in_channels: channels of the map, 2048 for the slow pathway of SlowFast-R50.
        mid_channels: channels between the convolutions.
        pathway: which map of a multi-pathway backbone; 0 is the slow pathway. A single map is taken as it is.
        target: field of the data sample with the (2, T, H, W) map (channel 0 hand, 1 object).
        loss_hand, loss_object: configs of the two losses, logged as ``loss_hand`` and ``loss_held_object``.
        init_std: standard deviation of the last layer's initial weights.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        mid_channels: int = 512,
        pathway: int = 0,
        target: str = 'interaction_map',
        loss_hand: ConfigType = dict(type='InteractionMapLoss'),
        loss_object: ConfigType = dict(type='InteractionMapLoss'),
        init_std: float = 0.01,
        init_cfg: ConfigType | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.pathway = pathway
        self.target = target
        self.init_std = init_std
        self.conv = nn.Conv3d(in_channels, mid_channels, (1, 3, 3), padding=(0, 1, 1))
        self.relu = nn.ReLU(inplace=True)
        self.conv_map = nn.Conv3d(mid_channels, 2, 1)
        self.loss_hand = MODELS.build(loss_hand)
        self.loss_object = MODELS.build(loss_object)

    def init_weights(self) -> None:
        """He initialisation of the first, small normal weights of the last convolution."""
        kaiming_init(self.conv)
        normal_init(self.conv_map, std=self.init_std)

    def forward(self, feats: Tensor | Sequence[Tensor]) -> Tensor:
        """Maps before the sigmoid.

        Args:
            feats: (N, D, T, H, W), or one such map per pathway.

        Returns:
            (N, 2, T, H, W), channel 0 hand and 1 object.
        """
        x = feats if isinstance(feats, Tensor) else feats[self.pathway]
        return self.conv_map(self.relu(self.conv(x)))

    def loss(self, feats: Tensor | Sequence[Tensor], data_samples: SampleList) -> dict[str, Tensor]:
        """Weighted losses of hand and object map, mean over all N clips; a clip without a target adds zero.

        Raises:
            ValueError: if the target maps have another number of frames or cells than the backbone's last map.
        """
        logits, target = gather_targets(data_samples, self.target, self(feats))
        if target is None:
            target = logits
        elif target.shape != logits.shape:
            raise ValueError(
                f'{self.target}: the backbone makes maps of {tuple(logits.shape[1:])} and the targets are '
                f'{tuple(target.shape[1:])} (2, T, H, W); set time_stride and cell_size of LoadTargets to '
                "the backbone's strides"
            )
        (hand, held), (hand_target, held_target) = logits.unbind(1), target.unbind(1)
        return dict(
            loss_hand=self.loss_hand(hand, hand_target, avg_factor=len(data_samples)),
            loss_held_object=self.loss_object(held, held_target, avg_factor=len(data_samples)),
        )
