"""Student of a teacher that scores whole clips (Ego-Score, Object-Score)."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from mmengine.model import BaseModule
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from egoexo_mm.models.functional import pool_features

from .targets import gather_targets


@MODELS.register_module()
class ScoreDistillHead(BaseModule):
    """Linear layer on the globally pooled feature, trained with soft targets.

    Args:
        target: field of the data sample that holds the (C,) teacher scores, e.g. ``ego_score``.
        num_classes: ``C``, 2 for Ego-Score (column 1 is ego), 1000 for Object-Score.
        in_channels: channels of the pooled feature, 2304 for SlowFast-R50 (fast and slow).
        loss: config of the loss, which also says the temperature and what kind of scores the targets are.
        loss_name: key of the loss in the log; ``loss_ego`` for ``ego_score`` by default.
        dropout_ratio: dropout of the pooled feature. The reference pre-trains with 0.
        init_std: standard deviation of the initial weights.
    """

    def __init__(
        self,
        *,
        target: str,
        num_classes: int,
        in_channels: int,
        loss: ConfigType = dict(type='SoftTargetLoss'),
        loss_name: str | None = None,
        dropout_ratio: float = 0.0,
        init_std: float = 0.01,
        init_cfg: ConfigType | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.target = target
        self.num_classes = num_classes
        self.loss_name = loss_name or 'loss_' + target.removesuffix('_score')
        self.init_std = init_std
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc = nn.Linear(in_channels, num_classes)
        self.loss_fn = MODELS.build(loss)

    def init_weights(self) -> None:
        """Normal weights, zero bias."""
        normal_init(self.fc, std=self.init_std)

    def forward(self, feats: Tensor | Sequence[Tensor]) -> Tensor:
        """Scores before the softmax.

        Args:
            feats: (N, D, T, H, W) or the (slow, fast) pair of a SlowFast backbone.

        Returns:
            (N, C).
        """
        return self.fc(self.dropout(pool_features(feats)))

    def loss(self, feats: Tensor | Sequence[Tensor], data_samples: SampleList) -> dict[str, Tensor]:
        """Weighted distillation loss, mean over all N clips; a clip without a target adds zero.

        Raises:
            ValueError: if targets have another length than ``num_classes``.
        """
        logits, target = gather_targets(data_samples, self.target, self(feats))
        if target is not None and target.shape != logits.shape:
            raise ValueError(
                f'{self.target}: expected ({self.num_classes},) scores for each of {len(logits)} clips, got '
                f'{tuple(target.shape[1:])} for {len(target)}; num_classes of the head and the target store '
                'must agree'
            )
        return {self.loss_name: self.loss_fn(logits, target, avg_factor=len(data_samples))}
