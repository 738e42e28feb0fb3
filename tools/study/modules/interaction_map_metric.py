"""How well Interaction-Maps are predicted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.evaluation.measures import average_precision

_KINDS = ('hand', 'object')


@METRICS.register_module(force=True)
class InteractionMapMetric(BaseMetric):
    """Average precision of cells, ranked by predicted score.

    Every cell of every map of every clip is one decision. Beside each average precision in percent
    (``hand_ap``, ``object_ap``, ``mean_ap``) it gives those of two predictions that see no pixel.
    ``hand_constant`` is of the same score everywhere: the share of positive cells.
    ``hand_position`` is of the mean of these targets over clips and time, cell by cell. It knows
    the statistics of the held-out clips, which favours this baseline.

    Args:
        positive: a cell whose target reaches this is a positive.
        examples_file: ``.npz`` to write with ``frames`` (k, H, W, 3) uint8, ``target`` and
            ``predicted`` (k, 2, S, S) of the middle map of clips, evenly over the test set.
        num_examples: k.
        collect_device: of ``BaseMetric``.
        prefix: of ``BaseMetric``.

    Raises:
        ValueError: no clip has a target, or a predicted map has another shape than its target.
    """

    default_prefix = 'map'

    def __init__(
        self,
        *,
        positive: float = 0.5,
        examples_file: str | None = None,
        num_examples: int = 6,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device, prefix)
        self.positive = positive
        self.examples_file = examples_file
        self.num_examples = num_examples

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the maps of samples with a target, and the frame of the middle map."""
        for clip, sample in zip(data_batch['inputs'], data_samples):
            if 'interaction_map' not in sample:
                continue
            predicted, target = (
                torch.as_tensor(sample[name]).cpu().numpy()
                for name in ('pred_interaction_map', 'interaction_map')
            )
            if predicted.shape != target.shape:
                raise ValueError(
                    f'predicted maps are {predicted.shape} and targets {target.shape} '
                    '(2, T, H, W); set time_stride and cell_size of LoadTargets to the strides of '
                    'the backbone'
                )
            item = dict(predicted=predicted, target=target)
            if self.examples_file:
                item['frame'] = _middle_frame(clip, target.shape[1])
            self.results.append(item)

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Average precisions in percent."""
        if not results:
            raise ValueError(
                'no test clip has an interaction_map; give the data set '
                'targets=dict(interaction_map=STORE) and its pipeline TrackGeometry, LoadTargets '
                'and the algorithm key interaction_map'
            )
        predicted, target = (
            np.stack([item[name] for item in results]) for name in ('predicted', 'target')
        )
        if self.examples_file:
            self._write_examples(self.examples_file, results)
        found = {}
        for channel, kind in enumerate(_KINDS):
            scores, labels = predicted[:, channel], target[:, channel] >= self.positive
            position = np.broadcast_to(labels.mean((0, 1)), labels.shape)
            rankings = dict(ap=scores, constant=np.zeros(labels.shape), position=position)
            for name, ranking in rankings.items():
                found[f'{kind}_{name}'] = 100 * average_precision(ranking.ravel(), labels.ravel())
        for name in ('ap', 'constant', 'position'):
            found[f'mean_{name}'] = float(np.mean([found[f'{kind}_{name}'] for kind in _KINDS]))
        return found

    def _write_examples(self, target: str, results: list[dict]) -> None:
        count = min(self.num_examples, len(results))
        chosen = [results[i] for i in np.linspace(0, len(results) - 1, count).astype(int)]
        middle = chosen[0]['target'].shape[1] // 2
        maps = {
            name: np.stack([item[name][:, middle] for item in chosen])
            for name in ('target', 'predicted')
        }
        frames = np.stack([item['frame'] for item in chosen])
        with whole_file(target) as path, open(path, 'wb') as file:
            np.savez(file, frames=frames, **maps)


def _middle_frame(clip: torch.Tensor, num_maps: int) -> np.ndarray:
    """The frame (H, W, 3) of the middle map, of a clip (1, 3, T, H, W) of RGB frames."""
    frame = clip[0, :, clip.shape[2] * (num_maps // 2) // num_maps]
    return frame.permute(1, 2, 0).cpu().numpy().astype(np.uint8)
