"""Student of the hand-object detector (Interaction-Map)."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.model.weight_init import kaiming_init, normal_init
from torch import Tensor, nn

from .base import AuxiliaryHead, Feats, pathway_channels


@MODELS.register_module()
class InteractionMapHead(AuxiliaryHead):
    """1x3x3 convolution, ReLU and 1x1x1 convolution on the last feature map: one channel for hands, one for objects.

    Args:
        in_channels: Channels of the map, or of those of each pathway. None: the recognizer tells.
        mid_channels: channels between the convolutions.
        pathway: which map of a multi-pathway backbone; 0 is the slow pathway. A single map is taken as it is.
        target: field of the data sample with the (2, T, H, W) map (channel 0 hand, 1 object).
        loss_hand, loss_object: configs of the two losses, logged as ``loss_hand`` and ``loss_held_object``.
        init_std: standard deviation of the last layer's initial weights.
    """

    def __init__(
        self,
        *,
        in_channels: int | Sequence[int] | None = None,
        mid_channels: int = 512,
        pathway: int = 0,
        target: str = 'interaction_map',
        loss_hand: ConfigType = dict(type='InteractionMapLoss'),
        loss_object: ConfigType = dict(type='InteractionMapLoss'),
        init_std: float = 0.01,
        init_cfg: ConfigType | None = None,
    ) -> None:
        super().__init__(target=target, init_cfg=init_cfg)
        self.pathway = pathway
        self.init_std = init_std
        channels = pathway_channels(in_channels)
        in_channels = channels[pathway if len(channels) > 1 else 0]
        self.conv = nn.Conv3d(in_channels, mid_channels, (1, 3, 3), padding=(0, 1, 1))
        self.relu = nn.ReLU(inplace=True)
        self.conv_map = nn.Conv3d(mid_channels, 2, 1)
        self.loss_hand = MODELS.build(loss_hand)
        self.loss_object = MODELS.build(loss_object)

    def init_weights(self) -> None:
        """He initialisation of the first, small normal weights of the last convolution."""
        kaiming_init(self.conv)
        normal_init(self.conv_map, std=self.init_std)

    def forward(self, feats: Feats) -> Tensor:
        """Maps before the sigmoid.

        Args:
            feats: (N, D, T, H, W), or one such map per pathway.

        Returns:
            (N, 2, T, H, W), channel 0 hand and 1 object.
        """
        x = feats if isinstance(feats, Tensor) else feats[self.pathway]
        return self.conv_map(self.relu(self.conv(x)))

    def losses(self, pred: Tensor, target: Tensor, num_clips: int) -> dict[str, Tensor]:
        """Weighted losses of hand and object maps (M, 2, T, H, W)."""
        (hand, held), (hand_target, held_target) = pred.unbind(1), target.unbind(1)
        return dict(
            loss_hand=self.loss_hand(hand, hand_target, avg_factor=num_clips),
            loss_held_object=self.loss_object(held, held_target, avg_factor=num_clips),
        )

    def misfit(self, pred: Tensor, target: Tensor) -> str:
        """Other numbers of frames or cells."""
        return (
            f'the backbone makes maps of {tuple(pred.shape[1:])} and the targets are '
            f'{tuple(target.shape[1:])} (2, T, H, W); set time_stride and cell_size of LoadTargets '
            "to the backbone's strides, or neither of them beside CheckTargetsHook, which tells them"
        )
