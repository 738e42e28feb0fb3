"""Class head with the reference's test protocol."""

from __future__ import annotations

from typing import Any

from mmaction.models.heads import BaseHead
from mmaction.registry import MODELS
from mmaction.utils import SampleList
from torch import Tensor, nn

from egoexo_mm.models.distillation_maths import pool_features

from .base import Feats, ViewHead, join_frames
from .class_loss import class_losses


@MODELS.register_module()
class ViewEnsembleHead(ViewHead, BaseHead):
    """Dropout and one linear layer for any backbone.

    Names and shapes of its weights are those of MMAction2's ``SlowFastHead`` and ``I3DHead``.

    Args:
        num_classes: ``C``.
        in_channels: Channels of the pooled feature, 2304 for SlowFast-R50 (fast and slow), 2048 for
            Slow.
        **kwargs: Of :class:`ViewHead` (``activation``, ``ensemble``, ``pool_size``,
            ``dropout_ratio``, ``init_std``) and of ``BaseHead``. With ``multi_class=True`` labels
            are multi-hot vectors, for which ``loss_cls`` is to be ``BCELossWithLogits``.
    """

    def __init__(self, *, num_classes: int, in_channels: int, **kwargs: Any) -> None:
        super().__init__(num_classes=num_classes, in_channels=in_channels, **kwargs)
        self.fc_cls = nn.Linear(in_channels, num_classes)

    def forward(self, feats: Feats, num_segs: int = 1, **kwargs: Any) -> Tensor:
        """Scores before the activation, from the global average.

        Args:
            feats: (N, D, T, H, W), the (slow, fast) pair of a SlowFast backbone, or frames
                (N * T, D, H, W) of a 2D recognizer.
            num_segs: ``T`` of such frames.
            **kwargs: Not used.

        Returns:
            (N, C).
        """
        return self.fc_cls(self.dropout(pool_features(join_frames(feats, num_segs))))

    def loss_by_feat(self, cls_scores: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Loss of (N, C) scores, and accuracies where labels are class ids.

        Args:
            cls_scores: (N, C) logits.
            data_samples: N samples whose ``gt_label`` is (1,), or (C,) if multi-hot or soft.

        Raises:
            ValueError: If labels are missing, -1 or of another shape.
        """
        return class_losses(self, cls_scores, data_samples)

    def view_scores(self, feats: Feats, num_segs: int = 1, **kwargs: Any) -> Tensor:
        """Activated scores (NV, C) of every view, mean over positions."""
        return self._layer_scores(feats, num_segs, self.fc_cls)[0]

    def predict_views(self, scores: Tensor, data_samples: SampleList) -> SampleList:
        """Set ``pred_score`` (C,) and ``pred_label`` (1,) of every sample."""
        for sample, score in zip(data_samples, self._video_scores(scores, data_samples)):
            sample.set_pred_score(score)
            sample.set_pred_label(score.argmax(0, keepdim=True))
        return data_samples
