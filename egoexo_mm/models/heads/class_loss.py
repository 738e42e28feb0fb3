"""Loss and accuracies of a class head, on the device throughout.

Shape legend: ``N`` samples, ``C`` classes.
"""

from __future__ import annotations

from typing import Any

import torch
from mmaction.models.heads import BaseHead
from mmaction.utils import SampleList
from torch import Tensor, nn

from egoexo_mm.models.labelled_samples import check_labelled
from egoexo_mm.models.view_scoring import top_k_accuracy

from .base import Feats


def class_head_loss(
    head: Any, feats: Feats, data_samples: SampleList, **kwargs: Any
) -> dict[str, Tensor]:
    """``head.loss``; of MMAction2's own heads the same numbers, without reading anything back.

    ``BaseHead`` copies scores and labels to numpy in every step to count hits. That makes the host
    wait for the device, and fails under bfloat16, which numpy does not have.
    """
    stock = isinstance(head, BaseHead) and type(head).loss is BaseHead.loss
    if stock and type(head).loss_by_feat is BaseHead.loss_by_feat:
        return class_losses(head, head(feats, **kwargs), data_samples)
    return head.loss(feats, data_samples, **kwargs)


def class_losses(head: BaseHead, cls_scores: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
    """Loss of (N, C) scores, and accuracies where labels are class ids.

    Args:
        head: For its options ``num_classes``, ``multi_class``, ``topk``, ``label_smooth_eps`` and
            ``loss_cls``.
        cls_scores: (N, C) logits.
        data_samples: N samples whose ``gt_label`` is (1,), or (C,) if multi-hot or soft.

    Raises:
        ValueError: If labels are missing, -1 or of another shape.
    """
    check_labelled(data_samples)
    labels = [sample.gt_label for sample in data_samples]
    soft = head.multi_class or labels[0].shape != (1,)  # blended labels of one class are soft too
    expected = (head.num_classes,) if soft else (1,)
    for label in labels:
        if label.shape != expected:
            raise ValueError(
                f'expected labels of shape {expected} (num_classes={head.num_classes}, '
                f'multi_class={head.multi_class}), got {tuple(label.shape)}; set num_classes to '
                "the data set's, and multi_class=True for multi-hot labels only"
            )
    target = torch.stack(labels).to(cls_scores.device)
    losses: dict[str, Tensor] = {}
    if not soft:
        target = target[:, 0]
        losses = {f'top{k}_acc': top_k_accuracy(cls_scores, target, k) for k in head.topk}
        if head.label_smooth_eps:
            target = nn.functional.one_hot(target, head.num_classes)
    if soft or head.label_smooth_eps:
        target = target.to(cls_scores.dtype)
        target = (1 - head.label_smooth_eps) * target + head.label_smooth_eps / head.num_classes
    loss = head.loss_cls(cls_scores, target)
    return losses | (loss if isinstance(loss, dict) else dict(loss_cls=loss))
