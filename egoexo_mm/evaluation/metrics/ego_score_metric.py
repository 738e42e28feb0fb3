"""Accuracy and calibration of an Ego-Score teacher."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.evaluation.measures import calibration
from egoexo_mm.evaluation.predictions import (
    check_finite,
    check_score_kind,
    check_unique,
    columns,
    sample_id,
    to_log,
    to_numpy,
)

REPORT = 'ego_score_reliability.csv'


@METRICS.register_module()
class EgoScoreMetric(BaseMetric):
    """Accuracy in telling first- from third-person videos, and calibration of the probability.

    Of ``pred_score`` (2,) and ``gt_label`` (1,), 0 third person and 1 first person:

    - ``accuracy``, and its parts ``accuracy_exo`` and ``accuracy_ego`` (of views that occur);
    - ``nll``, mean of -log p(true view), in nats;
    - ``ece``, expected calibration error of p(ego) against the share of ego videos, in bins of
      equal width over [0, 1];
    - with ``fit_temperature``: ``temperature``, ``nll_fitted``, ``ece_fitted``. It is fitted to the
      samples that are scored, so these two are a bound, not what another set will show.

    Args:
        num_bins: of the calibration error and of the report.
        fit_temperature: also fit a temperature.
        score_kind: what ``pred_score`` is: ``'probabilities'`` or ``'logits'``.
        report_dir: folder for ``ego_score_reliability.csv``: for each bin its edges, number of
            videos, mean p(ego), share of ego videos.
        **kwargs: of ``BaseMetric``.

    Raises:
        ValueError: for another ``score_kind``, or no bin.
    """

    default_prefix = 'ego_score'

    def __init__(
        self,
        *,
        num_bins: int = 15,
        fit_temperature: bool = False,
        score_kind: str = 'probabilities',
        report_dir: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        check_score_kind(score_kind)
        calibration.check_num_bins(num_bins)
        self.num_bins = num_bins
        self.fit_temperature = fit_temperature
        self.score_kind = score_kind
        self.report_dir = report_dir

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores, labels and video ids of a batch.

        Raises:
            ValueError: a sample has not two scores, or a label that is neither 0 nor 1.
        """
        for sample in data_samples:
            name = sample_id(sample)
            score, label = to_numpy(sample['pred_score']), to_numpy(sample['gt_label']).reshape(-1)
            if score.shape != (2,) or label.tolist() not in ([0], [1]):
                raise ValueError(
                    f'{name or "a sample"}: scores of shape {score.shape} and label '
                    f'{label.tolist()}; expected two scores and the label 0 (third person) or 1 '
                    '(first person), as a head with num_classes=2 and CharadesEgoViewDataset give '
                    'them'
                )
            self.results.append((name, score, int(label[0])))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """The figures above.

        Raises:
            ValueError: nothing to score, a video comes twice, or scores are not finite or no
                probabilities.
        """
        ids, *arrays = columns(results)
        check_unique(ids)
        scores, labels = map(np.stack, arrays)
        check_finite(scores, ids, 'view')
        hint = "set score_kind='logits' of EgoScoreMetric, or let the head score with a softmax"
        logits = to_log(scores, self.score_kind, hint)
        right = (logits[:, 1] > logits[:, 0]) == labels
        found = dict(accuracy=float(right.mean()))
        found.update(
            (f'accuracy_{view}', float(right[labels == label].mean()))
            for label, view in enumerate(('exo', 'ego'))
            if (labels == label).any()
        )
        table, measured = self._calibration(logits, labels)
        found.update(measured)
        if self.fit_temperature:
            temperature = calibration.fit_temperature(logits, labels)
            fitted = self._calibration(logits / temperature, labels)[1]
            found.update(
                {f'{key}_fitted': value for key, value in fitted.items()}, temperature=temperature
            )
        if self.report_dir:
            _write_reliability(Path(self.report_dir, REPORT), table)
        return found

    def _calibration(
        self, logits: np.ndarray, labels: np.ndarray
    ) -> tuple[calibration.Reliability, dict[str, float]]:
        ego = 1 / (1 + np.exp(np.clip(logits[:, 0] - logits[:, 1], -700, 700)))  # softmax of two
        table = calibration.reliability(ego, labels, self.num_bins)
        return table, dict(
            nll=calibration.negative_log_likelihood(logits, labels),
            ece=calibration.expected_calibration_error(table),
        )


def _write_reliability(path: Path, table: calibration.Reliability) -> None:
    """One row a bin; the means of empty bins stay empty."""
    with whole_file(path) as temporary, open(temporary, 'w', newline='', encoding='utf-8') as file:
        rows = csv.writer(file)
        rows.writerow(['from', 'to', 'videos', 'mean_p_ego', 'share_ego'])
        for low, high, count, *means in zip(
            table.edges, table.edges[1:], table.count, table.predicted, table.observed
        ):
            cells = [f'{mean:.6g}' if count else '' for mean in means]
            rows.writerow([f'{low:.4g}', f'{high:.4g}', count, *cells])
