"""Resizing only the part of a frame that the crop keeps.

Shape legend: ``H x W`` pixels of a frame, ``h x w`` of the resized frame, ``S`` side of the crop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from mmaction.datasets.transforms import RandomCrop, RandomRescale
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

_NEAR = 0.02  # of a source pixel: what counts as falling on a whole one


@TRANSFORMS.register_module()
class RandomRescaleCrop(BaseTransform):
    """``RandomRescale`` and then ``RandomCrop``, in one step that resizes the crop alone.

    The same random draws, the same crop, the same keys and keypoints: MMAction2's own two transforms keep the books. The
    pixels are those of the two up to the rounding of a sampling position (under 1/50 of a source pixel).

    Args:
        scale_range: shortest and longest short side of the resized frame, ends included.
        size: side of the square crop.
        interpolation: of ``RandomRescale``; only ``'bilinear'``.

    Raises:
        ValueError: for another interpolation.
    """

    def __init__(
        self, scale_range: tuple[int, int], size: int, interpolation: str = 'bilinear'
    ) -> None:
        if interpolation != 'bilinear':
            raise ValueError(
                f"RandomRescaleCrop: interpolation must be 'bilinear', got {interpolation!r}; use "
                'RandomRescale and RandomCrop for others'
            )
        self.rescale = RandomRescale(tuple(scale_range))
        self.crop = RandomCrop(size)

    def transform(self, results: dict) -> dict:
        """Leaves ``imgs`` as the host does, a list of T arrays (S, S, 3)."""
        frames = results.pop('imgs')
        results = self.rescale.transform(results)
        resized = results['img_shape']
        results = self.crop.transform(results)
        results['imgs'] = crop_of_resized(frames, resized, results['crop_bbox'])
        return results


def crop_of_resized(
    frames: Sequence[np.ndarray], resized: tuple[int, int], crop: np.ndarray
) -> list[np.ndarray]:
    """What ``cv2.resize`` followed by a crop gives, without resizing the rest.

    ``cv2.resize`` can start at whole source pixels only. So the part to resize starts a little before the crop,
    where a pixel of the resized frame falls on a whole source pixel, or within 1/50 of one.

    Args:
        frames: T arrays (H, W, 3).
        resized: ``(h, w)`` of the whole frame after resizing.
        crop: ``x1, y1, x2, y2`` within the resized frame.

    Returns:
        T arrays (y2 - y1, x2 - x1, 3), none of which shares memory with ``frames``.
    """
    (height, width), (h, w) = frames[0].shape[:2], resized
    x1, y1, x2, y2 = (int(side) for side in crop)
    columns, left = _part(x1, x2, width, w)
    rows, top = _part(y1, y2, height, h)
    out = []
    for frame in frames:
        part = frame[rows, columns]
        if (h, w) != (height, width):
            part = cv2.resize(
                part, None, fx=w / width, fy=h / height, interpolation=cv2.INTER_LINEAR
            )
        else:
            part = part.copy()
        out.append(part[top : top + y2 - y1, left : left + x2 - x1])
    return out


def _part(start: int, stop: int, source: int, resized: int) -> tuple[slice, int]:
    """Source pixels to resize for the pixels ``[start, stop)`` of one side, and how many resized pixels lie before them."""
    step = source / resized
    # enlarged pixels begin before the source pixel they fall on, so some must lie between the cut and the crop
    early = np.arange(max(start - max(math.ceil(0.5 / step - 0.5), 0), 0), -1, -1)
    first = int(
        early[np.argmax(np.abs(early * step - np.rint(early * step)) < _NEAR)]
    )  # true at 0 at the latest
    begin = round(first * step)
    # one more source pixel on the far side, which the last resized pixel may interpolate to
    return slice(begin, min(math.ceil(begin + (stop - first) * step) + 1, source)), start - first
