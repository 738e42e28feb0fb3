"""Scores of a test in an ``.npz`` file.

Unlike the pickle of ``DumpResults`` it cannot run code where it is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from egoexo_mm.atomic_files import whole_file

from ..predictions import to_numpy

_IDS = ('narration_id', 'segment_id', 'video_id', 'clip_uid', 'action_idx')


@METRICS.register_module()
class DumpScores(BaseMetric):
    """Writes ids, scores and labels of all samples.

    ``egoexo_mm.evaluation.dumps.read_dump`` reads them back. The file has one array per field, with
    N samples: ``narration_id`` and other ids (N,), ``pred_score`` (N, C) or one for each part
    (``pred_score.verb``), ``gt_label`` where all samples have as many labels.

    Args:
        out_file_path: ends in ``.npz``.

    Raises:
        ValueError: another ending.
    """

    def __init__(self, out_file_path: str, **kwargs: Any) -> None:
        if not out_file_path.endswith('.npz'):
            raise ValueError(f'{out_file_path}: the file of scores must end in .npz')
        super().__init__(**kwargs)
        self.out_file_path = out_file_path

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep ids, scores and labels."""
        for sample in data_samples:
            row = {name: np.asarray(sample[name]) for name in _IDS if sample.get(name) is not None}
            scores = sample['pred_score']
            parts = scores.items() if isinstance(scores, Mapping) else [(None, scores)]
            for part, score in parts:
                row[f'pred_score.{part}' if part else 'pred_score'] = to_numpy(score)
            if sample.get('gt_label') is not None:
                row['gt_label'] = to_numpy(sample['gt_label'])
            self.results.append(row)

    def compute_metrics(self, results: list[dict]) -> dict:
        """Write the file; fields that differ in shape between samples are left out, except scores.

        Raises:
            ValueError: samples have other numbers of scores.
        """
        columns = {}
        for name in results[0]:
            shapes = {row[name].shape if name in row else None for row in results}
            if len(shapes) == 1:
                columns[name] = np.stack([row[name] for row in results])
            elif name.startswith('pred_score'):
                raise ValueError(
                    f'{self.out_file_path}: {name} has the shapes {sorted(map(str, shapes))[:3]}; '
                    'expected as many scores for each sample'
                )
        with whole_file(self.out_file_path) as temporary, open(temporary, 'wb') as file:
            np.savez(file, **columns)
        return {}
