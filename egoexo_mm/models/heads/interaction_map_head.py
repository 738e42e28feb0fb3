"""Student of the hand-object detector (Interaction-Map), or of maps of any kinds of boxes.

Shape legend: ``K`` kinds, by default hand and object.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.model.weight_init import kaiming_init, normal_init
from torch import Tensor, nn

from egoexo_mm.interaction_maps import KINDS
from egoexo_mm.models.blending import Blend

from .base import AuxiliaryHead, Feats, pathway_channels

_LOSS = dict(type='InteractionMapLoss')


@MODELS.register_module()
class InteractionMapHead(AuxiliaryHead):
    """Convolutions 1x3x3 and 1x1x1 on the last feature map, with a channel for each kind.

    By default these are hands and the objects they touch.

    Args:
        in_channels: Channels of the map, or of those of each pathway. None: the recognizer tells.
        mid_channels: Channels between the convolutions.
        pathway: Which map of a multi-pathway backbone; 0 is the slow pathway. A single map is taken
            as it is.
        target: Field of the data sample with the (K, T, H, W) map.
        kinds: Names of the channels, those of the target store in its order.
        losses: Name of a kind -> config of its loss, logged as ``loss_<kind>``; by default an
            ``InteractionMapLoss``. For hands and objects there are the following arguments.
        loss_hand: Config of the loss of hands, logged as ``loss_hand``.
        loss_held_object: Config of the loss of the objects they touch, logged as
            ``loss_held_object``.
        loss_object: Former name of ``loss_held_object``; what it sets counts, with a warning.
        init_std: Standard deviation of the last layer's initial weights.
        init_cfg: Of ``BaseModule``.
    """

    def __init__(
        self,
        *,
        in_channels: int | Sequence[int] | None = None,
        mid_channels: int = 512,
        pathway: int = 0,
        target: str = 'interaction_map',
        kinds: Sequence[str] = KINDS,
        losses: dict[str, ConfigType] | None = None,
        loss_hand: ConfigType = dict(type='InteractionMapLoss'),
        loss_held_object: ConfigType = dict(type='InteractionMapLoss'),
        loss_object: ConfigType | None = None,
        init_std: float = 0.01,
        init_cfg: ConfigType | None = None,
    ) -> None:
        super().__init__(target=target, init_cfg=init_cfg)
        if loss_object is not None:
            warnings.warn(
                'InteractionMapHead: loss_object is now loss_held_object; rename it in the config',
                FutureWarning,
            )
            # A config that inherits ours may state only what differs under the former name.
            loss_held_object = {**loss_held_object, **loss_object}
        if unknown := set(losses or {}) - set(kinds):
            raise ValueError(
                f'InteractionMapHead: losses names {", ".join(sorted(unknown))}, but kinds are '
                f'{", ".join(kinds)}; name the same kinds in both'
            )
        self.kinds = tuple(kinds)
        self.pathway = pathway
        self.init_std = init_std
        channels = pathway_channels(in_channels)
        in_channels = channels[pathway if len(channels) > 1 else 0]
        self.conv = nn.Conv3d(in_channels, mid_channels, (1, 3, 3), padding=(0, 1, 1))
        self.relu = nn.ReLU(inplace=True)
        self.conv_map = nn.Conv3d(mid_channels, len(self.kinds), 1)
        configs = {'hand': loss_hand, 'object': loss_held_object, **(losses or {})}
        for kind in self.kinds:
            setattr(self, map_loss_name(kind), MODELS.build(configs.get(kind, _LOSS)))

    def init_weights(self) -> None:
        """He initialisation of the first convolution, small normal weights of the last."""
        kaiming_init(self.conv)
        normal_init(self.conv_map, std=self.init_std)

    def forward(self, feats: Feats) -> Tensor:
        """Maps before the sigmoid.

        Args:
            feats: (N, D, T, H, W), or one such map per pathway.

        Returns:
            (N, K, T, H, W), by default the channels ``HAND`` and ``OBJECT``.
        """
        x = feats if isinstance(feats, Tensor) else feats[self.pathway]
        return self.conv_map(self.relu(self.conv(x)))

    def losses(self, pred: Tensor, target: Tensor, num_clips: int) -> dict[str, Tensor]:
        """Weighted losses of the maps (M, K, T, H, W), each kind under its name."""
        names = map(map_loss_name, self.kinds)
        return {
            name: getattr(self, name)(pred[:, i], target[:, i], avg_factor=num_clips)
            for i, name in enumerate(names)
        }

    def blend(self, target: Tensor, partner: Tensor, blend: Blend) -> Tensor:
        """Maps (M, K, T, H, W) of blended clips.

        A cell holds the mean of both maps, weighed by the share of its pixels that each clip has.
        The cross entropy is linear in its target, so this equals the weighed sum of both losses.
        """
        height, width = target.shape[-2:]
        return blend.mix(target, partner, blend.own_share((height, width)))

    def misfit(self, pred: Tensor, target: Tensor) -> str:
        """Other numbers of kinds, frames or cells."""
        if pred.shape[1] != target.shape[1]:
            return (
                f'the head has {pred.shape[1]} kinds ({", ".join(self.kinds)}) and the targets '
                f'have {target.shape[1]}; set kinds of the head to those of the target store'
            )
        return (
            f'the backbone makes maps of {tuple(pred.shape[1:])} and the targets are '
            f'{tuple(target.shape[1:])} ({len(self.kinds)}, T, H, W); set time_stride and '
            "cell_size of LoadTargets to the backbone's strides, or leave them out where "
            'CheckTargetsHook tells them'
        )


def map_loss_name(kind: str) -> str:
    """Name of the loss of a kind in the log; objects are those that hands hold."""
    return 'loss_held_object' if kind == 'object' else f'loss_{kind}'
