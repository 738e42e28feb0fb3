"""Linear probes of a frozen backbone, as one test run over training and held-out segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmaction.registry import METRICS, MODELS
from mmaction.utils import SampleList
from mmengine.evaluator import BaseMetric
from torch import Tensor

from egoexo_mm.models.backbone_presets import feature_tap
from egoexo_mm.models.distillation_maths import pool_features
from egoexo_mm.models.feature_taps import TapReader
from egoexo_mm.models.recognizer import EgoExoRecognizer

from ..linear_probes import area_under_curve, classify, explained, ridge

_TAP = 'probe'


@MODELS.register_module(force=True)
class FeatureRecognizer(EgoExoRecognizer):
    """``EgoExoRecognizer`` that predicts features: the map that heads learn from, and its average.

    It loads the checkpoints of the recognizers with the same backbone.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs)
        self.tap = feature_tap(self.backbone)
        self.taps = TapReader({_TAP: self.tap})

    def predict(self, inputs: Tensor, data_samples: SampleList, **kwargs) -> SampleList:
        """Set ``feature_map`` (D, T, H, W), ``feature`` (C,) and ``map_frames`` (T,) of samples.

        The map is that of the first pathway, and ``map_frames`` the frames of the clip that it
        shows. The feature is what the class head sees.

        Args:
            inputs: (N, 1, 3, T, H, W) one normalised view a sample.
            data_samples: N samples.
            **kwargs: Not used.
        """
        with self._reading(inputs):
            feats, _ = self.extract_feat(inputs, stage='backbone')
            maps = self.taps.maps(_TAP, feats)
        maps = maps[0] if isinstance(maps, tuple) else maps
        frames = self.tap.geometry().frames(inputs.shape[3])
        for sample, feature_map, feature in zip(data_samples, maps, pool_features(feats)):
            sample.set_field(feature_map, 'feature_map')
            sample.set_field(feature, 'feature')
            sample.set_field(frames, 'map_frames')
        return data_samples


@METRICS.register_module(force=True)
class LinearProbeMetric(BaseMetric):
    """What is linearly readable from frozen features of first-person segments.

    Ridge regressions (:mod:`study.linear_probes`) are fitted on the segments of the training
    participants and measured on the rest:

    - ``hand_r2``: place of the palm that acts, at each frame of the feature map where it is in
      the picture, from the whole map of that frame; share of variance explained, in percent.
    - ``contact_auc``: whether the acting hand is on the thing, at each frame, from the average of
      the map; area under the ROC curve, in percent.
    - ``side_top1``: whether left, right or both hands act, from the map averaged over time.
    - ``object_top1``: noun of the thing that is acted on, from the feature of the class head;
      ``object_two_top1`` of the segments with another thing in sight alone.

    Samples need ``feature``, ``feature_map`` and ``map_frames`` (of :class:`FeatureRecognizer`),
    ``gt_label`` and the meta keys ``narration_id``, ``frame_inds``, ``start_index`` and
    ``segment_start``.

    Args:
        records: File of ``tools/miniworld.py --records``.
        train_participants: Beginning of the ids of the segments to fit on.
        window: Left, upper, right and lower edge of what the network sees, in fractions of the
            frame: hands elsewhere are left out.
        **kwargs: Of ``BaseMetric``.

    Raises:
        ValueError: All segments are training segments, or none is.
    """

    default_prefix = 'probe'

    def __init__(
        self,
        *,
        records: str,
        train_participants: str = 'P1',
        window: Sequence[float] = (0.154, 0.038, 0.846, 0.962),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.records = records
        self.train_participants = train_participants
        self.window = window

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Keep the features of a batch."""
        for sample in data_samples:
            frames = np.asarray(sample['frame_inds']).ravel()[sample['map_frames'].cpu().numpy()]
            frames = frames - sample['start_index'] - sample['segment_start']
            self.results.append(
                dict(
                    name=sample['narration_id'],
                    frames=frames,
                    noun=int(sample['gt_label'][1]),
                    feature=sample['feature'].float().cpu().numpy(),
                    feature_map=sample['feature_map'].float().cpu().numpy(),
                )
            )

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Fit on the training segments, measure on the others."""
        columns = {name: np.array([row[name] for row in results]) for name in results[0]}
        train = np.char.startswith(columns['name'], self.train_participants)
        if train.all() or not train.any():
            raise ValueError(
                f'{train.sum()} of {len(train)} segments begin with {self.train_participants!r}; '
                'probes need segments to fit on and others to measure on'
            )
        with np.load(self.records) as file:
            places = {name: row for row, name in enumerate(file['name'])}
            rows = np.array([places[name] for name in columns['name']])
            records = {name: file[name][rows] for name in ('acting', 'hand', 'contact', 'others')}
        maps = columns['feature_map']  # (N, D, T, H, W)
        return dict(
            **self._by_frame(maps, columns['frames'], records, train),
            **_by_segment(maps, columns, records, train),
        )

    def _by_frame(
        self, maps: np.ndarray, frames: np.ndarray, records: dict, train: np.ndarray
    ) -> dict[str, float]:
        by_frame = np.moveaxis(maps, 2, 1)  # (N, T, D, H, W)
        segments = np.arange(len(maps))[:, None]
        hand, contact = (records[name][segments, frames] for name in ('hand', 'contact'))
        seen = ((hand >= self.window[:2]) & (hand <= self.window[2:])).all(-1)
        fit, test = (seen & part[:, None] for part in (train, ~train))
        whole = by_frame.reshape(*by_frame.shape[:2], -1)
        averages, grip = by_frame.mean((3, 4)), contact.ravel()
        train = np.repeat(train, contact.shape[1])
        rows = averages.reshape(len(grip), -1)
        gripped = ridge(rows[train], grip[train, None], rows[~train])
        return dict(
            hand_r2=explained(hand[test], ridge(whole[fit], hand[fit], whole[test])),
            contact_auc=area_under_curve(gripped[:, 0], grip[~train]),
        )


def _by_segment(
    maps: np.ndarray, columns: dict, records: dict, train: np.ndarray
) -> dict[str, float]:
    side, noun = records['acting'], columns['noun']
    rows, feature = maps.mean(2).reshape(len(maps), -1), columns['feature']
    sides = classify(rows[train], side[train], rows[~train], 3)
    named = classify(feature[train], noun[train], feature[~train], noun.max() + 1) == noun[~train]
    return dict(
        side_top1=float(100 * np.mean(sides == side[~train])),
        object_top1=float(100 * named.mean()),
        object_two_top1=float(100 * named[records['others'][~train] > 0].mean()),
    )
