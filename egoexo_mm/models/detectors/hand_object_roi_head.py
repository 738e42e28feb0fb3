"""Second stage of the hand-object detector.

Shape legend: R RoIs of a batch, r RoIs of one image, K classes (0 touched object, 1 hand), D
detections.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from mmcv.ops import nms
from mmdet.models.roi_heads import StandardRoIHead
from mmdet.models.task_modules import SamplingResult
from mmdet.models.utils import unpack_gt_instances
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmdet.structures.bbox import bbox2roi
from mmdet.utils import ConfigType, InstanceList
from mmengine.structures import InstanceData
from torch import Tensor

from egoexo_mm.interaction_maps import HAND_LABEL, OBJECT_LABEL

from .hand_object_maths import enlarge_rois, link_hands_to_objects, pad_proposals

_HAND_TARGETS = ('contact_state', 'offset', 'side')


@MODELS.register_module()
class HandObjectRoIHead(StandardRoIHead):
    """mmdet's RoI head plus hand layers that see an enlarged RoI.

    ``test_cfg`` takes ``score_thr`` (one number, or one per class; scores must exceed it), ``nms``
    (run per class, in the pixels of the returned boxes), ``max_per_img`` (over all classes, -1 for
    no limit) and ``pad_proposals_to`` (see :func:`pad_proposals`; 0 adds none).

    Args:
        hand_head: Config of the :class:`HandObjectHead`.
        context: Growth of the enlarged RoI on each side, as a share of its width or height.
        swap_clip: See :func:`enlarge_rois`; True for weights of the reference.
        **kwargs: Of ``StandardRoIHead``.
    """

    def __init__(
        self, *, hand_head: ConfigType, context: float = 0.3, swap_clip: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.hand_head = MODELS.build(hand_head)
        self.context = context
        self.swap_clip = swap_clip

    def loss(
        self, x: tuple[Tensor], rpn_results_list: InstanceList, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """Losses of mmdet's box head, and of the hand layers on RoIs that match an annotated box.

        Raises:
            ValueError: If the annotated boxes lack fields that the hand layers learn.
        """
        annotated, ignored, metas = unpack_gt_instances(batch_data_samples)
        for found, meta in zip(annotated, metas):
            _check_targets(found, meta)
        sampled = [self._sample(*image) for image in zip(rpn_results_list, annotated, ignored)]
        outputs = self.bbox_loss(x, sampled)
        # The rows of an image are its positives and then its negatives. Hands learn from positives.
        device = x[0].device
        rows = [(len(result.priors), len(result.pos_priors)) for result in sampled]
        positive = torch.cat([torch.arange(all_, device=device) < few for all_, few in rows])
        rois = bbox2roi([result.pos_priors for result in sampled])
        hands = self._hand_forward(x, rois, outputs['bbox_feats'][positive], metas)
        targets = InstanceData.cat(
            [found[result.pos_assigned_gt_inds] for found, result in zip(annotated, sampled)]
        )
        return outputs['loss_bbox'] | self.hand_head.loss(hands, targets)

    def _sample(
        self, proposals: InstanceData, annotated: InstanceData, ignored: InstanceData | None
    ) -> SamplingResult:
        """The RoIs of an image to train on."""
        candidates = InstanceData(priors=proposals.bboxes)
        return self.bbox_sampler.sample(
            self.bbox_assigner.assign(candidates, annotated, ignored), candidates, annotated
        )

    def forward(
        self, x: tuple[Tensor], rpn_results_list: InstanceList, batch_data_samples: SampleList
    ) -> dict[str, Tensor]:
        """The raw outputs of :meth:`score_rois` for the proposals of a batch."""
        rois, _ = self._rois(rpn_results_list, self.test_cfg)
        return self.score_rois(x, rois, [sample.metainfo for sample in batch_data_samples])

    def score_rois(
        self, x: tuple[Tensor], rois: Tensor, batch_img_metas: list[dict]
    ) -> dict[str, Tensor]:
        """Run every layer on RoIs (R, 5).

        Returns:
            ``cls_score`` (R, K + 1) logits with the background last, ``bbox_pred`` (R, 4 K),
            ``bbox_feats`` and the outputs of :class:`HandObjectHead`.
        """
        outputs = self._bbox_forward(x, rois)
        return outputs | self._hand_forward(x, rois, outputs['bbox_feats'], batch_img_metas)

    def predict_bbox(
        self,
        x: tuple[Tensor],
        batch_img_metas: list[dict],
        rpn_results_list: InstanceList,
        rcnn_test_cfg: ConfigType,
        rescale: bool = False,
    ) -> InstanceList:
        """Detections of each image, best first.

        Returns:
            Per image ``bboxes`` (D, 4), ``scores`` (D,), ``labels`` (D,), ``contact_scores``
            (D, 5), ``contact_state`` (D,), ``offset`` (D, 3), ``side_scores`` (D,) of a right hand,
            ``side`` (D,) 0 left and 1 right, and ``object_index`` (D,), the row of the object that
            a hand touches or -1. The extra fields of objects mean nothing: they are not trained.
        """
        rois, counts = self._rois(rpn_results_list, rcnn_test_cfg)
        outputs = self._bbox_forward(x, rois)
        parts = zip(
            *(rows.split(counts) for rows in (rois, outputs['cls_score'], outputs['bbox_pred']))
        )
        results = [
            self._detect(*part, meta, rcnn_test_cfg, rescale)
            for part, meta in zip(parts, batch_img_metas)
        ]
        # The hand layers pool a second time, so they run on the few RoIs of hundreds that are left.
        starts = itertools.accumulate(counts, initial=0)
        kept = torch.cat([result.pop('roi') + start for result, start in zip(results, starts)])
        hands = self._hand_forward(x, rois[kept], outputs['bbox_feats'][kept], batch_img_metas)
        counts = [len(result) for result in results]
        parts = zip(*(hands[name].split(counts) for name in ('contact', 'offset', 'side')))
        for result, meta, part in zip(results, batch_img_metas, parts):
            scale = 1.0 if rescale else _box_scale(result.bboxes, meta)
            self._describe_hands(result, *part, scale=scale)
        return results

    def _rois(self, rpn_results_list: InstanceList, cfg: ConfigType) -> tuple[Tensor, list[int]]:
        """RoIs (R, 5) of the batch, and how many each image has."""
        count = cfg.get('pad_proposals_to', 0)
        boxes = [pad_proposals(result.bboxes, count) for result in rpn_results_list]
        return bbox2roi(boxes), [len(rows) for rows in boxes]

    def _hand_forward(
        self, x: tuple[Tensor], rois: Tensor, plain: Tensor, batch_img_metas: list[dict]
    ) -> dict[str, Tensor]:
        """Outputs of the hand head for RoIs (R, 5) with features ``plain`` (R, C, h, w)."""
        sizes = rois.new_tensor([meta['img_shape'][:2] for meta in batch_img_metas])
        wide = enlarge_rois(rois, sizes, self.context, self.swap_clip)
        padded = self.bbox_roi_extractor(x[: self.bbox_roi_extractor.num_inputs], wide)
        if self.with_shared_head:
            padded = self.shared_head(padded)
        return self.hand_head(plain, padded)

    def _detect(
        self,
        rois: Tensor,
        cls_score: Tensor,
        bbox_pred: Tensor,
        meta: dict,
        cfg: ConfigType,
        rescale: bool,
    ) -> InstanceData:
        """Boxes of one image from its RoIs (r, 5); ``roi`` says which RoI each is from."""
        coder, shape = self.bbox_head.bbox_coder, meta['img_shape']
        boxes = coder.decode(rois[:, 1:], bbox_pred, max_shape=shape).unflatten(1, (-1, 4))
        # Before suppression, since sides count their last pixel, so overlaps depend on the scale.
        if rescale:
            boxes = boxes / _box_scale(boxes, meta)  # (r, K, 4)
        scores = cls_score.softmax(1)[:, :-1]
        roi, label = self._suppress(boxes, scores, cfg)
        kept = dict(bboxes=boxes[roi, label], scores=scores[roi, label])
        return InstanceData(**kept, labels=label, roi=roi)

    @staticmethod
    def _suppress(boxes: Tensor, scores: Tensor, cfg: ConfigType) -> tuple[Tensor, Tensor]:
        """RoI and class (D,) of the detections that are left, best first."""
        thresholds = scores.new_tensor(cfg.score_thr).expand(scores.shape[1])
        options = {key: value for key, value in cfg.nms.items() if key != 'type'}
        rois, labels = [], []
        for label, threshold in enumerate(thresholds):
            roi = (scores[:, label] > threshold).nonzero().squeeze(1)
            if len(roi):
                of_class = boxes[roi, label].contiguous(), scores[roi, label].contiguous()
                roi = roi[nms(*of_class, **options)[1]]
            rois.append(roi)
            labels.append(torch.full_like(roi, label))
        roi, label = torch.cat(rois), torch.cat(labels)
        order = scores[roi, label].argsort(descending=True, stable=True)
        limit = cfg.get('max_per_img', -1)
        order = order[:limit] if limit > 0 else order
        return roi[order], label[order]

    @staticmethod
    def _describe_hands(
        found: InstanceData, contact: Tensor, offset: Tensor, side: Tensor, scale: Tensor | float
    ) -> None:
        """Add the fields of the hand layers to the detections of an image.

        Args:
            found: Detections, changed in place.
            contact: (D, 5) logits.
            offset: (D, 3).
            side: (D,) logits.
            scale: Pixels of ``found.bboxes`` per pixel of the original image.
        """
        found.contact_scores = contact.softmax(1)
        found.contact_state = contact.argmax(1)
        found.offset = offset
        found.side_scores = side.sigmoid()
        found.side = (found.side_scores > 0.5).long()
        found.object_index = torch.full_like(found.labels, -1)
        objects = (found.labels == OBJECT_LABEL).nonzero().squeeze(1)
        hands = (found.labels == HAND_LABEL).nonzero().squeeze(1)
        boxes, state = found.bboxes / scale, found.contact_state
        link = link_hands_to_objects(boxes[hands], state[hands], offset[hands], boxes[objects])
        found.object_index[hands[link >= 0]] = objects[link[link >= 0]]


def _box_scale(boxes: Tensor, meta: dict) -> Tensor:
    """(4,) network pixels per image pixel for x1, y1, x2, y2."""
    return boxes.new_tensor(meta['scale_factor']).repeat(2)


def _check_targets(annotated: InstanceData, meta: dict) -> None:
    lacking = [name for name in _HAND_TARGETS if name not in annotated]
    if lacking:
        raise ValueError(
            f'{meta.get("img_path", "an image")}: gt_instances lacks {", ".join(lacking)}; load '
            'annotations with LoadHandObjectAnnotations and pack them with PackHandObjectInputs'
        )
