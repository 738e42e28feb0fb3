"""Class head with the reference's test protocol."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.models.heads import BaseHead
from mmaction.registry import MODELS
from mmaction.utils import SampleList
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from egoexo_mm.models.functional import pool_features
from egoexo_mm.models.views import (
    check_view_options,
    ensemble_views,
    pool_positions,
    position_scores,
)

from .class_loss import class_losses


@MODELS.register_module()
class ViewEnsembleHead(BaseHead):
    """Dropout and one linear layer for any backbone, scored position by position and view by view in testing.

    Names and shapes are those of MMAction2's ``SlowFastHead`` and ``I3DHead``. In testing the training's pooling window
    slides over the larger map, every position is classified and activated, and the mean over positions is the score of a
    view; a video's score is the mean or the maximum over its views.

    Args:
        num_classes: ``C``.
        in_channels: channels of the pooled feature, 2304 for SlowFast-R50 (fast and slow), 2048 for Slow.
        activation: ``'softmax'``, ``'sigmoid'``, or None for raw scores.
        ensemble: over views, ``'mean'`` or ``'max'``.
        pool_size: cells of the window's side: training crop / 32. None pools the whole map.
        dropout_ratio: dropout of the pooled feature in training.
        init_std: standard deviation of the initial weights.
        **kwargs: of ``BaseHead``. With ``multi_class=True`` labels are multi-hot vectors, for which ``loss_cls`` is to be
            ``BCELossWithLogits``.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        in_channels: int,
        activation: str | None = 'softmax',
        ensemble: str = 'mean',
        pool_size: int | None = 7,
        dropout_ratio: float = 0.5,
        init_std: float = 0.01,
        **kwargs,
    ) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        check_view_options(activation, ensemble)
        self.activation = activation
        self.ensemble = ensemble
        self.pool_size = pool_size
        self.init_std = init_std
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc_cls = nn.Linear(in_channels, num_classes)

    def init_weights(self) -> None:
        """Normal weights, zero bias."""
        normal_init(self.fc_cls, std=self.init_std)

    def forward(self, feats: Tensor | Sequence[Tensor], **kwargs) -> Tensor:
        """Scores before the activation, from the global average.

        Args:
            feats: (N, D, T, H, W) or the (slow, fast) pair of a SlowFast backbone.

        Returns:
            (N, C).
        """
        return self.fc_cls(self.dropout(pool_features(feats)))

    def loss_by_feat(self, cls_scores: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Loss of (N, C) scores, and accuracies where labels are class ids.

        Args:
            cls_scores: (N, C) logits.
            data_samples: N samples whose ``gt_label`` is (1,), or (C,) if multi-hot or soft.

        Raises:
            ValueError: if labels are missing, -1 or of another shape.
        """
        return class_losses(self, cls_scores, data_samples)

    def view_scores(self, feats: Tensor | Sequence[Tensor]) -> Tensor:
        """Activated scores of every view, mean over positions.

        Args:
            feats: features of any number of views.

        Returns:
            (NV, C).
        """
        return position_scores(
            self.fc_cls(self.dropout(pool_positions(feats, self.pool_size))), self.activation
        )

    def predict_views(self, scores: Tensor, data_samples: SampleList) -> SampleList:
        """Set ``pred_score`` (C,) and ``pred_label`` (1,) of every sample from its views' scores (NV, C)."""
        for sample, score in zip(
            data_samples, ensemble_views(scores, len(data_samples), self.ensemble)
        ):
            sample.set_pred_score(score)
            sample.set_pred_label(score.argmax(0, keepdim=True))
        return data_samples

    def predict(
        self, feats: Tensor | Sequence[Tensor], data_samples: SampleList, **kwargs
    ) -> SampleList:
        """Predictions from the features of all views at once."""
        return self.predict_views(self.view_scores(feats), data_samples)
