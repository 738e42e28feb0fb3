"""Student of a teacher that gives an embedding (DINO, CLIP, EgoVLP features)."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.model.weight_init import kaiming_init
from torch import Tensor, nn

from egoexo_mm.models.blending import Blend
from egoexo_mm.models.distillation_maths import pool_features

from .base import AuxiliaryHead, Feats, pathway_channels


@MODELS.register_module()
class EmbeddingDistillHead(AuxiliaryHead):
    """One or two linear layers from the globally pooled feature to the teacher's embedding.

    Args:
        target: Field of the data sample that holds the (E,) embedding, the name of its signal.
        width: ``E``.
        mid_channels: Channels between two layers with a ReLU; None: one layer.
        in_channels: Channels of the pooled feature, or those of each pathway. None: the recognizer
            tells.
        loss: Config of the loss: ``CosineLoss`` or ``SmoothL1EmbeddingLoss``.
        loss_name: Key of the loss in the log, by default ``loss_<target>``.
        init_cfg: Of ``BaseModule``.
    """

    def __init__(
        self,
        *,
        target: str,
        width: int,
        mid_channels: int | None = None,
        in_channels: int | Sequence[int] | None = None,
        loss: ConfigType = dict(type='CosineLoss'),
        loss_name: str | None = None,
        init_cfg: ConfigType | None = None,
    ) -> None:
        super().__init__(target=target, init_cfg=init_cfg)
        self.width = width
        self.loss_name = loss_name or f'loss_{target}'
        channels = sum(pathway_channels(in_channels))
        layers = [nn.Linear(mid_channels or channels, width)]
        if mid_channels:
            layers = [nn.Linear(channels, mid_channels), nn.ReLU(inplace=True), *layers]
        self.project = nn.Sequential(*layers)
        self.loss_fn = MODELS.build(loss)

    def init_weights(self) -> None:
        """Weights that keep the scale of features, zero bias."""
        for layer in self.project:
            if isinstance(layer, nn.Linear):
                kaiming_init(layer, mode='fan_in', nonlinearity='linear')

    def forward(self, feats: Feats) -> Tensor:
        """Embeddings.

        Args:
            feats: (N, D, T, H, W) or the (slow, fast) pair of a SlowFast backbone.

        Returns:
            (N, E).
        """
        return self.project(pool_features(feats))

    def losses(self, pred: Tensor, target: Tensor, num_clips: int) -> dict[str, Tensor]:
        """Weighted distillation loss of (M, E) embeddings."""
        return {self.loss_name: self.loss_fn(pred, target, avg_factor=num_clips)}

    def blend(self, target: Tensor, partner: Tensor, blend: Blend) -> Tensor:
        """Targets (M, E) of blended clips, as the loss mixes them."""
        return self.loss_fn.blend(target, partner, blend.own)

    def misfit(self, pred: Tensor, target: Tensor) -> str:
        """Another width."""
        return (
            f'expected an embedding of ({self.width},) numbers for each of {len(pred)} clips, got '
            f'{tuple(target.shape[1:])} for {len(target)}; width of the head and num_scores of the '
            'target store must agree'
        )
