"""Keystep recognition of Ego-Exo4D."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from egoexo_mm.evaluation.class_lists import read_class_names
from egoexo_mm.evaluation.class_report import (
    class_accuracy,
    confusion_matrix,
    plot_confusion,
    write_class_report,
)
from egoexo_mm.evaluation.measures.verb_noun import top_classes
from egoexo_mm.evaluation.predictions import (
    check_finite,
    check_unique,
    sample_id,
    to_numpy,
    write_predictions,
)


@METRICS.register_module()
class KeystepMetric(BaseMetric):
    """Top-k accuracy of single-label segments in percent, the unit of the keystep benchmark (``AccMetric`` gives 0 to 1).

    Segments labelled -1 (the unannotated test set) are left out.

    Args:
        topk: depths.
        report_dir: folder for ``keystep_classes.csv`` (id, name, count, top-1) and ``keystep_confusion.png``.
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
        self.class_names = read_class_names(class_names) if class_names is not None else None
        self.predictions_file = predictions_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores, labels and ids of a batch."""
        for sample in data_samples:
            label = to_numpy(sample['gt_label']).reshape(-1)
            if len(label) != 1:
                raise ValueError(
                    f'{sample_id(sample) or "a sample"}: expected one class id in gt_label, got {len(label)}'
                )
            self.results.append((sample_id(sample), int(label[0]), to_numpy(sample['pred_score'])))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """``top{k}`` in percent.

        Raises:
            ValueError: nothing to score, a segment comes twice, scores are not finite, or a label is out of range.
        """
        if not results:
            raise ValueError('no results to score; the test set is empty')
        ids, labels, scores = zip(*results)
        check_unique(ids)
        labels, scores = np.array(labels), np.stack(scores)
        check_finite(scores, ids, 'class')
        num_classes = scores.shape[1]
        wrong = (labels < -1) | (labels >= num_classes)
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f'{ids[row] or f"sample {row}"}: label {labels[row]} does not fit a head with {num_classes} '
                'classes'
            )
        if self.predictions_file:
            best = zip(ids, scores.argmax(axis=1).tolist(), scores.max(axis=1).tolist())
            write_predictions(
                self.predictions_file,
                {
                    name or str(row): dict(label=label, score=score)
                    for row, (name, label, score) in enumerate(best)
                },
            )
        labelled = labels >= 0
        if not labelled.all():
            print_log(
                f'{int((~labelled).sum())} of {len(labelled)} segments have no label and are not scored',
                'current',
            )
        return self._score(labels[labelled], scores[labelled]) if labelled.any() else {}

    def _score(self, labels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
        right = top_classes(scores, max(self.topk)) == labels[:, None]
        if self.report_dir:
            num_classes = scores.shape[1]
            counts, accuracy = class_accuracy(labels, right[:, 0], num_classes)
            write_class_report(
                Path(self.report_dir, 'keystep_classes.csv'),
                counts,
                dict(top1=accuracy),
                self.class_names,
            )
            matrix = confusion_matrix(labels, scores.argmax(axis=1), num_classes)
            plot_confusion(
                Path(self.report_dir, 'keystep_confusion.png'),
                matrix,
                self.class_names,
                f'keysteps, {len(labels)} segments',
            )
        return {f'top{k}': float(100.0 * right[:, :k].any(axis=1).mean()) for k in self.topk}
