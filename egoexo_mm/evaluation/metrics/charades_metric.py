"""mAP of Charades-Ego."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from egoexo_mm.evaluation.class_lists import read_class_names
from egoexo_mm.evaluation.class_report import write_class_report
from egoexo_mm.evaluation.measures.average_precision import (
    check_variant,
    class_average_precision,
    mean_of_classes,
)
from egoexo_mm.evaluation.predictions import check_finite, columns, sample_id, to_numpy


@METRICS.register_module()
class CharadesMetric(BaseMetric):
    """Mean average precision over the classes, in [0, 1].

    Compares ``pred_score`` (C,) with a multi-hot ``gt_label`` (C,). The head has combined the views
    before: the Ego-Exo code takes the maximum of the sigmoid scores.

    Args:
        variant: ``'reference'`` (the Ego-Exo code, equal to scikit-learn) or ``'official'`` (the
            Charades script, which ranks videos without labels last); see
            :func:`egoexo_mm.evaluation.measures.class_average_precision`.
        report_dir: folder for ``charades_classes.csv``: id, name, number of videos and AP of each
            class.
        class_names: list of names, or a file of them, for the report.
        **kwargs: of ``BaseMetric``.
    """

    default_prefix = 'charades'

    def __init__(
        self,
        *,
        variant: str = 'reference',
        report_dir: str | None = None,
        class_names: Sequence[str] | str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        check_variant(variant)
        self.variant = variant
        self.report_dir = report_dir
        self.class_names = read_class_names(class_names)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores, labels and video ids of a batch."""
        for sample in data_samples:
            self.results.append(
                (sample_id(sample), to_numpy(sample['pred_score']), to_numpy(sample['gt_label']))
            )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """``mAP`` of all videos.

        Raises:
            ValueError: nothing to score, numbers of classes differ, scores are not finite, or no
                label is positive.
        """
        ids, scores, labels = columns(results)
        for name, score, label in results:
            if not score.shape == label.shape == scores[0].shape:
                raise ValueError(
                    f'{name or "a sample"}: scores of shape {score.shape} and labels of shape '
                    f'{label.shape}; expected multi-hot labels with as many classes as the head, '
                    'the same for every sample'
                )
        scores, labels = np.stack(scores), np.stack(labels)
        check_finite(scores, ids, 'class')
        values = class_average_precision(scores, labels, variant=self.variant)
        mean = mean_of_classes(values)
        if self.report_dir:
            report = Path(self.report_dir, 'charades_classes.csv')
            write_class_report(report, labels.sum(axis=0), dict(ap=values), self.class_names)
        return dict(mAP=mean)
