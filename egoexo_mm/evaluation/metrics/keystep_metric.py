"""Keystep recognition of Ego-Exo4D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from egoexo_mm.evaluation.class_lists import read_class_names
from egoexo_mm.evaluation.class_report import write_class_files
from egoexo_mm.evaluation.measures.verb_noun import top_classes
from egoexo_mm.evaluation.predictions import (
    check_finite,
    check_unique,
    columns,
    labelled_rows,
    sample_id,
    to_numpy,
    write_predictions,
)


@METRICS.register_module()
class KeystepMetric(BaseMetric):
    """Top-k accuracy of single-label segments in percent, the unit of the keystep benchmark.

    Segments labelled -1 (the unannotated test set) are left out. MMAction2's ``AccMetric`` gives
    0 to 1 and does not leave them out.

    Args:
        topk: depths.
        report_dir: folder for ``keystep_classes.csv`` (id, name, count, top-1) and
            ``keystep_confusion.png``.
        class_names: list of names or ``label_mapping.csv``, for the reports.
        predictions_file: json file to write, ``{segment id: {label, score}}`` with the best class.
        **kwargs: of ``BaseMetric``.
    """

    default_prefix = 'keystep'

    def __init__(
        self,
        *,
        topk: Sequence[int] = (1, 5),
        report_dir: str | None = None,
        class_names: Sequence[str] | str | None = None,
        predictions_file: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.topk = tuple(sorted({1, *topk}))
        self.report_dir = report_dir
        self.class_names = read_class_names(class_names)
        self.predictions_file = predictions_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores, labels and ids of a batch."""
        for sample in data_samples:
            label = to_numpy(sample['gt_label']).reshape(-1)
            if len(label) != 1:
                raise ValueError(
                    f'{sample_id(sample) or "a sample"}: expected one class id in gt_label, got '
                    f'{len(label)}'
                )
            self.results.append((sample_id(sample), label, to_numpy(sample['pred_score'])))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """``top{k}`` in percent.

        Raises:
            ValueError: nothing to score, a segment comes twice, scores are not finite, or a label
                is out of range.
        """
        ids, labels, scores = columns(results)
        check_unique(ids)
        labels, scores = np.stack(labels), np.stack(scores)
        check_finite(scores, ids, 'class')
        labelled = labelled_rows(ids, labels, dict(classes=scores.shape[1]))
        if self.predictions_file:
            best = dict(label=scores.argmax(axis=1), score=scores.max(axis=1))
            write_predictions(self.predictions_file, ids, **best)
        if not labelled.any():
            return {}
        labels, scores = labels[labelled, 0], scores[labelled]
        if self.report_dir:
            write_class_files(self.report_dir, 'keystep', labels, scores, self.class_names)
        right = top_classes(scores, max(self.topk)) == labels[:, None]
        return {f'top{k}': float(100.0 * right[:, :k].any(axis=1).mean()) for k in self.topk}
