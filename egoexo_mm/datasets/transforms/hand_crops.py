"""Crops around hands that a teacher found.

Shape legend: ``n`` hand boxes on the frames of a sample.
"""

from __future__ import annotations

import math

import numpy as np
from mmaction.registry import TRANSFORMS

from egoexo_mm.checks import check_share
from egoexo_mm.interaction_maps import HAND
from egoexo_mm.targets import open_stores

from .crops import RandomRescaleCrop
from .geometry import frame_geometry
from .load_targets import stored_boxes, video_of


@TRANSFORMS.register_module()
class HandFocusedCrop(RandomRescaleCrop):
    """``RandomRescaleCrop`` whose crop has a stored hand in it.

    One hand box is drawn from those on the frames of the sample, and one crop from those that
    contain it (from those inside it where the box is larger). The crop is the same on all frames,
    so a hand that moves far may leave it on other frames. A sample without hands, without a store,
    or whose video the store lacks gets the crop of ``RandomRescaleCrop``. Boxes and maps follow, as
    they follow any crop. Put it where ``RandomRescaleCrop`` is: before ``Flip``, and without
    ``TrackGeometry`` as the first geometric transform.

    Required keys: those of ``RandomRescaleCrop``, ``frame_inds``, ``start_index``, ``video_id`` or
    ``filename``; ``target_stores`` of the data set's option ``targets``, unless ``store`` is given.

    Args:
        scale_range: Shortest and longest short side of the resized frame, ends included.
        size: Side of the square crop.
        prob: Share of the samples with hands whose crop is chosen by a hand.
        store: Folder of a store with boxes. By default the ``interaction_map`` of the data set.
        **kwargs: Those of :class:`RandomRescaleCrop`.

    Raises:
        ValueError: For a ``prob`` that is not from 0 to 1.
        TargetStoreError: For a store that cannot be opened.
    """

    def __init__(
        self,
        scale_range: tuple[int, int],
        size: int,
        *,
        prob: float = 1.0,
        store: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(scale_range, size, **kwargs)
        check_share('HandFocusedCrop: prob', prob)
        self.prob = prob
        self.stores = open_stores(dict(interaction_map=store))

    def crop_frames(self, results: dict) -> dict:
        """Choose the crop."""
        hands = self._hands(results)
        if not len(hands) or np.random.rand() >= self.prob:
            return super().crop_frames(results)
        hand = hands[np.random.randint(len(hands))]
        height, width = results['img_shape']
        x = draw_start(hand[0], hand[2], width, self.crop.size)
        y = draw_start(hand[1], hand[3], height, self.crop.size)
        return self._crop_at(results, x, y)

    def _hands(self, results: dict) -> np.ndarray:
        """(n, 4) pixels ``x1, y1, x2, y2`` of the resized frame, n may be 0."""
        stores = self.stores or results.get('target_stores', {})
        store, video_id = stores.get('interaction_map'), video_of(results)
        if store is None or video_id not in store:
            return np.zeros((0, 4))
        frames = np.asarray(results['frame_inds']) - results['start_index']
        found = stored_boxes(store, video_id, frames, results)
        size = np.array(results['img_shape'][::-1], np.float64)
        scale, offset = size, np.zeros(2)
        if 'keypoint' in results:
            scale, offset = frame_geometry(results['keypoint'])
        corners = found.box[found.kind == HAND].reshape(-1, 2, 2) * scale + offset
        boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
        seen = (boxes[:, 2:] > 0).all(1) & (boxes[:, :2] < size).all(1)
        return np.clip(boxes[seen], 0, np.tile(size, 2))

    def _crop_at(self, results: dict, x: int, y: int) -> dict:
        """The keys that ``RandomCrop`` leaves for a crop that starts at ``x, y``."""
        (height, width), size = results['img_shape'], self.crop.size
        before = results.get('crop_quadruple', np.array([0, 0, 1, 1], np.float32))  # x, y, w, h
        part = np.array([x / width, y / height, size / width, size / height])
        results['crop_quadruple'] = np.concatenate(
            [before[:2] + part[:2] * before[2:], part[2:] * before[2:]]
        ).astype(np.float32)
        results['crop_bbox'] = np.array([x, y, x + size, y + size])
        results['img_shape'] = (size, size)
        if 'keypoint' in results:
            results['keypoint'] = self.crop._crop_kps(results['keypoint'], results['crop_bbox'])
        if 'gt_bboxes' in results:
            results = self.crop._all_box_crop(results, results['crop_bbox'])
        return results


def draw_start(low: float, high: float, side: int, size: int) -> int:
    """Where a crop of ``size`` begins that contains ``low`` to ``high``, or lies in it.

    Args:
        low: First pixel of the hand along one side of the frame.
        high: End of the hand, ``low`` or more.
        side: Pixels of that side, ``size`` or more.
        size: Pixels of the crop.
    """
    first, last = sorted((high - size, low))
    first = min(max(math.ceil(first), 0), side - size)
    last = min(max(math.floor(last), first), side - size)
    return int(np.random.randint(first, last + 1))
