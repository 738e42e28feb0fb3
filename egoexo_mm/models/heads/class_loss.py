"""Loss and accuracies of a class head, on the device throughout.

Shape legend: ``N`` samples, ``C`` classes.
"""

from __future__ import annotations

import torch
from mmaction.models.heads import BaseHead
from mmaction.utils import SampleList
from torch import Tensor, nn

from egoexo_mm.models.labelled_samples import check_labelled
from egoexo_mm.models.view_scoring import top_k_accuracy


def class_head_loss(
    head: nn.Module, feats: Tensor | tuple[Tensor, ...], data_samples: SampleList, **kwargs
) -> dict:
    """``head.loss``; for MMAction2's own heads with the same numbers, but without reading anything back.

    ``BaseHead`` copies scores and labels to numpy in every step to count hits. That makes the host wait for the device, and
    fails under bfloat16, which numpy does not have.
    """
    if type(head).loss is not BaseHead.loss or type(head).loss_by_feat is not BaseHead.loss_by_feat:
        return head.loss(feats, data_samples, **kwargs)
    return class_losses(head, head(feats, **kwargs), data_samples)


def class_losses(head: BaseHead, cls_scores: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
    """Loss of (N, C) scores, and accuracies where labels are class ids.

    Args:
        head: for its options: ``num_classes``, ``multi_class``, ``topk``, ``label_smooth_eps`` and ``loss_cls``.
        cls_scores: (N, C) logits.
        data_samples: N samples whose ``gt_label`` is (1,), or (C,) if multi-hot or soft.

    Raises:
        ValueError: if labels are missing, -1 or of another shape.
    """
    check_labelled(data_samples)
    soft = head.multi_class or data_samples[0].gt_label.shape != (
        1,
    )  # blended labels of one class are soft too
    expected = (head.num_classes,) if soft else (1,)
    for sample in data_samples:
        if sample.gt_label.shape != expected:
            raise ValueError(
                f'expected labels of shape {expected} (num_classes={head.num_classes}, '
                f'multi_class={head.multi_class}), got {tuple(sample.gt_label.shape)}; set num_classes to '
                "the data set's, and multi_class=True for multi-hot labels only"
            )
    label = torch.stack([sample.gt_label for sample in data_samples]).to(cls_scores.device)
    if soft:
        return _named(head.loss_cls(cls_scores, _smooth(head, label.to(cls_scores.dtype))))
    label = label[:, 0]
    accuracies = {f'top{k}_acc': top_k_accuracy(cls_scores, label, k) for k in head.topk}
    if head.label_smooth_eps:
        label = _smooth(head, nn.functional.one_hot(label, head.num_classes).to(cls_scores.dtype))
    return accuracies | _named(head.loss_cls(cls_scores, label))


def _smooth(head: BaseHead, label: Tensor) -> Tensor:
    return (1 - head.label_smooth_eps) * label + head.label_smooth_eps / head.num_classes


def _named(loss: Tensor | dict[str, Tensor]) -> dict[str, Tensor]:
    return loss if isinstance(loss, dict) else dict(loss_cls=loss)
