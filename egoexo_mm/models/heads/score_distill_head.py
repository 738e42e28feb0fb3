"""Student of a teacher that scores clips (Ego-Score, Object-Score)."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from egoexo_mm.models.blending import Blend
from egoexo_mm.models.distillation_maths import pool_features

from .base import AuxiliaryHead, Feats, pathway_channels


@MODELS.register_module()
class ScoreDistillHead(AuxiliaryHead):
    """Linear layer on the globally pooled feature, trained with soft targets.

    Args:
        target: Field of the data sample that holds the (C,) teacher scores, e.g. ``ego_score``.
        num_classes: ``C``, 2 for Ego-Score (column 1 is ego), 1000 for Object-Score over ImageNet,
            else the number of names in the teacher's vocabulary.
        in_channels: Channels of the pooled feature, or those of each pathway. None: the recognizer
            tells.
        loss: Config of the loss, which also says the temperature and what kind of scores the
            targets are.
        loss_name: Key of the loss in the log. By default it is made from ``target``: ``loss_ego``
            for ``ego_score``, ``loss_object`` for ``object_score``.
        dropout_ratio: Dropout of the pooled feature. The reference pre-trains with 0.
        init_std: Standard deviation of the initial weights.
        init_cfg: Of ``BaseModule``.
    """

    def __init__(
        self,
        *,
        target: str,
        num_classes: int,
        in_channels: int | Sequence[int] | None = None,
        loss: ConfigType = dict(type='SoftTargetLoss'),
        loss_name: str | None = None,
        dropout_ratio: float = 0.0,
        init_std: float = 0.01,
        init_cfg: ConfigType | None = None,
    ) -> None:
        super().__init__(target=target, init_cfg=init_cfg)
        self.num_classes = num_classes
        self.loss_name = loss_name or 'loss_' + target.removesuffix('_score')
        self.init_std = init_std
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc = nn.Linear(sum(pathway_channels(in_channels)), num_classes)
        self.loss_fn = MODELS.build(loss)

    def init_weights(self) -> None:
        """Normal weights, zero bias."""
        normal_init(self.fc, std=self.init_std)

    def forward(self, feats: Feats) -> Tensor:
        """Scores before the softmax.

        Args:
            feats: (N, D, T, H, W) or the (slow, fast) pair of a SlowFast backbone.

        Returns:
            (N, C).
        """
        return self.fc(self.dropout(pool_features(feats)))

    def losses(self, pred: Tensor, target: Tensor, num_clips: int) -> dict[str, Tensor]:
        """Weighted distillation loss of (M, C) scores."""
        return {self.loss_name: self.loss_fn(pred, target, avg_factor=num_clips)}

    def blend(self, target: Tensor, partner: Tensor, blend: Blend) -> Tensor:
        """Targets (M, C) of blended clips, as the loss mixes them."""
        return self.loss_fn.blend(target, partner, blend.own)

    def misfit(self, pred: Tensor, target: Tensor) -> str:
        """Other numbers of classes."""
        found = tuple(target.shape[1:])
        return (
            f'expected ({self.num_classes},) scores for each of {len(pred)} clips, got {found} for '
            f'{len(target)}; num_classes of the head and the target store must agree: set '
            f'num_classes={target[0].numel()} of the head, or take the targets of another teacher'
        )
