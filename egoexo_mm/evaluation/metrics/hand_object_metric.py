"""The six average precisions of a hand-object detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from egoexo_mm.evaluation.measures.hand_object_ap import Detections, Truth, hand_object_aps
from egoexo_mm.evaluation.predictions import columns, to_numpy
from egoexo_mm.interaction_maps import HAND_LABEL, OBJECT_LABEL

_PREDICTED = ('bboxes', 'scores', 'labels', 'contact_state', 'offset', 'side')


@METRICS.register_module()
class HandObjectMetric(BaseMetric):
    """Hand, Obj, H+Side, H+State, H+O and All, in percent as in the tables of Shan et al.

    :func:`egoexo_mm.evaluation.measures.hand_object_aps` defines them. A data sample has

    - ``pred_instances`` in pixels of the image file: ``bboxes`` (N, 4), ``scores`` (N,), ``labels``
      (N,; 0 target object, 1 hand), ``contact_state`` (N,; 0 to 4), ``offset`` (N, 3; magnitude in
      pixels / 1000 and a direction of length 0.1) and ``side`` (N,; 0 left, 1 right), the last
      three of any value for objects;
    - ``instances``, the annotation of ``HandObjectDataset``, which the test pipeline names in the
      ``meta_keys`` of ``PackDetInputs``.

    The authors keep detections with scores over 0.1, at most 100 an image. The detector does this.

    In a config of mmdet's scope the type is ``'mmaction.HandObjectMetric'``, or
    ``'HandObjectMetric'`` once ``egoexo_mm.datasets.hand_object_dataset`` is imported.

    Args:
        text_rounding: round as the authors' evaluation, to compare with published figures.
        **kwargs: of ``BaseMetric``.
    """

    default_prefix = 'hand_object'

    def __init__(self, *, text_rounding: bool = False, **kwargs) -> None:
        super().__init__(**kwargs)
        self.text_rounding = text_rounding

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep rows and annotations of a batch."""
        for sample in data_samples:
            name = str(sample.get('img_id', 'a sample'))
            self.results.append((_detections(sample, name), _truth(sample, name)))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The six APs; NaN for those whose class has no box.

        Raises:
            ValueError: nothing to score, or no box is annotated.
        """
        # gathered from the ranks, named tuples are plain ones
        images = [(Detections(*found), Truth(*truth)) for found, truth in zip(*columns(results))]
        values = hand_object_aps(images, text_rounding=self.text_rounding)
        if np.isnan(list(values.values())).all():
            raise ValueError(
                f'AP is undefined: the {len(results)} images have no annotated box that is not '
                'difficult; check the annotation folder and the image list'
            )
        return {name: 100.0 * value for name, value in values.items()}


def _detections(sample: Mapping[str, Any], name: str) -> Detections:
    """Rows of a sample, by class.

    Raises:
        ValueError: a field lacks, lengths differ, or a value is not finite.
    """
    found = sample.get('pred_instances') or {}
    lacking = [field for field in _PREDICTED if field not in found]
    if lacking:
        raise ValueError(
            f'{name}: pred_instances lacks {", ".join(lacking)}; the metric needs a hand-object '
            'detector'
        )
    fields = {field: to_numpy(found[field]) for field in _PREDICTED}
    lengths = {field: len(value) for field, value in fields.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f'{name}: the fields of pred_instances differ in length: {lengths}')
    widths = dict(bboxes=4, scores=1, contact_state=1, offset=3, side=1)
    count = len(fields['labels'])
    if any(fields[field].size != count * width for field, width in widths.items()):
        raise ValueError(
            f'{name}: expected boxes of 4 numbers, offsets of 3 and one number else, got '
            f'{[fields[field].shape for field in widths]}'
        )
    rows = np.column_stack(
        [fields[field].reshape(count, width) for field, width in widths.items()]
    ).astype(np.float32)
    if not np.isfinite(rows).all():
        raise ValueError(
            f'{name}: a detection is NaN or infinite, so the model diverged or the dump is damaged'
        )
    return Detections(
        hands=rows[fields['labels'] == HAND_LABEL], objects=rows[fields['labels'] == OBJECT_LABEL]
    )


def _truth(sample: Mapping[str, Any], name: str) -> Truth:
    """Annotation of a sample.

    Raises:
        ValueError: it was not passed on.
    """
    if sample.get('instances') is None:
        raise ValueError(
            f"{name}: no annotation to score against; add 'instances' to the meta_keys of "
            'PackDetInputs, and test with HandObjectDataset'
        )
    items = sample['instances']
    absent = [np.nan] * 4
    objects = [absent if item['object_bbox'] is None else item['object_bbox'] for item in items]
    return Truth(
        boxes=np.array([item['bbox'] for item in items], np.float64).reshape(-1, 4),
        labels=np.array([item['bbox_label'] for item in items], int),
        difficult=np.array([item['difficult'] for item in items], bool),
        states=np.array([item['contact_state'] for item in items], int),
        sides=np.array([item['side'] for item in items], int),
        object_boxes=np.array(objects, np.float64).reshape(-1, 4),
    )
