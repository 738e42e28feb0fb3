"""Accuracy of nouns by what else is in sight."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric


@METRICS.register_module(force=True)
class ThingsInSightMetric(BaseMetric):
    """Top-1 of nouns where another thing is in sight (``noun_two``) and where none (``noun_one``).

    Where another thing of the eight kinds is in sight, a network has to know which of the two is
    acted on, that is, where the hands are. ``num_two`` is the number of such segments.

    Args:
        records: File of ``tools/miniworld.py --records``.
        **kwargs: Of ``BaseMetric``.
    """

    default_prefix = 'sight'

    def __init__(self, *, records: str, **kwargs) -> None:
        super().__init__(**kwargs)
        self.records = records

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep id and hit of every segment."""
        for sample in data_samples:
            hit = int(sample['pred_label'][1]) == int(sample['gt_label'][1])
            self.results.append((sample['narration_id'], hit))

    def compute_metrics(self, results: list[tuple[str, bool]]) -> dict[str, float]:
        """Accuracies in percent."""
        with np.load(self.records) as file:
            others = dict(zip(file['name'].tolist(), file['others'].tolist()))
        two = np.array([others[name] > 0 for name, _ in results])
        hits = np.array([hit for _, hit in results])
        return dict(
            noun_two=float(100 * hits[two].mean()),
            noun_one=float(100 * hits[~two].mean()),
            num_two=float(two.sum()),
        )
