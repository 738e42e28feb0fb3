"""Crops of the reference's training and testing.

Shape legend: ``N`` clips of ``T`` frames, ``H x W`` pixels of a frame, ``h x w`` of the resized
frame, ``S`` side of the crop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from mmaction.datasets.transforms import RandomCrop, RandomRescale
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from egoexo_mm.checks import check_choice

_NEAR = 0.02  # of a source pixel: what counts as falling on a whole one


@TRANSFORMS.register_module()
class RandomRescaleCrop(BaseTransform):
    """``RandomRescale`` and then ``RandomCrop``, in one step that resizes the crop alone.

    The random draws, the crop, the keys and the keypoints are those of MMAction2's two transforms,
    which it calls without pixels. The pixels are theirs up to the rounding of a sampling position
    (under 1/50 of a source pixel).

    Args:
        scale_range: Shortest and longest short side of the resized frame, ends included.
        size: Side of the square crop.
        interpolation: That of ``RandomRescale``; only ``'bilinear'``.

    Raises:
        ValueError: For another interpolation.
    """

    def __init__(
        self, scale_range: tuple[int, int], size: int, interpolation: str = 'bilinear'
    ) -> None:
        check_choice(
            'RandomRescaleCrop: interpolation',
            interpolation,
            ['bilinear'],
            remedy='use RandomRescale and RandomCrop for others',
        )
        self.rescale = RandomRescale(tuple(scale_range))
        self.crop = RandomCrop(size)

    def transform(self, results: dict) -> dict:
        """Leave ``imgs`` as the host does, a list of N*T arrays (S, S, 3)."""
        frames = results.pop('imgs')
        results = self.rescale.transform(results)
        resized = results['img_shape']
        results = self.crop_frames(results)
        results['imgs'] = crop_of_resized(frames, resized, results['crop_bbox'])
        return results

    def crop_frames(self, results: dict) -> dict:
        """Choose the crop and set the keys of ``RandomCrop``; there are no pixels yet."""
        return self.crop.transform(results)


@TRANSFORMS.register_module()
class UniformThreeCrop(BaseTransform):
    """Three square crops along the longer side: left, centre, right or top, centre, bottom.

    As in the reference, the centre starts at ``ceil((side - size) / 2)`` and the last crop ends at
    the border. (The host's ``ThreeCrop`` orders left, right, centre, rounds down, and may miss the
    last column.) ``LoadTargets`` follows it.

    Required keys: ``imgs``, whose short side is ``crop_size``. Changed keys: ``imgs`` (all frames
    of the first crop, then of the second, then of the third), ``img_shape``. Added key:
    ``crop_bbox`` (3 * N * T, 4) pixels ``x1, y1, x2, y2``.

    Args:
        crop_size: Side of the crops in pixels.

    Raises:
        ValueError: The frames' short side differs from ``crop_size``, or the pipeline is lazy.
    """

    def __init__(self, crop_size: int) -> None:
        self.crop_size = crop_size

    def transform(self, results: dict) -> dict:
        """Crop every frame three times."""
        size, imgs = self.crop_size, results['imgs']
        height, width = imgs[0].shape[:2]
        if min(height, width) != size or 'lazy' in results:
            raise ValueError(
                f'UniformThreeCrop: expected frames with a short side of {size}, resized without '
                f'lazy=True, got {width} x {height}; put dict(type="Resize", scale=(-1, {size})) '
                'before it'
            )
        room = max(height, width) - size
        steps = [0, math.ceil(room / 2), room]
        corners = [(x, 0) for x in steps] if width >= height else [(0, y) for y in steps]
        results['imgs'] = [img[y : y + size, x : x + size] for x, y in corners for img in imgs]
        boxes = [[x, y, x + size, y + size] for x, y in corners]
        results['crop_bbox'] = np.repeat(boxes, len(imgs), axis=0)
        results['img_shape'] = (size, size)
        return results


def crop_of_resized(
    frames: Sequence[np.ndarray], resized: tuple[int, int], crop: np.ndarray
) -> list[np.ndarray]:
    """What ``cv2.resize`` followed by a crop gives, without resizing the rest.

    ``cv2.resize`` can start at whole source pixels only. So the part to resize starts a little
    before the crop, where a pixel of the resized frame falls on a whole source pixel, or within
    1/50 of one.

    Args:
        frames: T arrays (H, W, 3).
        resized: ``(h, w)`` of the full frame after resizing.
        crop: ``x1, y1, x2, y2`` within the resized frame.

    Returns:
        T arrays (y2 - y1, x2 - x1, 3), none of which shares memory with ``frames``.
    """
    (height, width), (h, w) = frames[0].shape[:2], resized
    x1, y1, x2, y2 = (int(side) for side in crop)
    columns, left = _part(x1, x2, width, w)
    rows, top = _part(y1, y2, height, h)
    scale, out = dict(fx=w / width, fy=h / height), []
    for frame in frames:
        part = frame[rows, columns]
        if (h, w) != (height, width):
            part = cv2.resize(part, None, interpolation=cv2.INTER_LINEAR, **scale)
        else:
            part = part.copy()
        out.append(part[top : top + y2 - y1, left : left + x2 - x1])
    return out


def _part(start: int, stop: int, source: int, resized: int) -> tuple[slice, int]:
    """What to resize for the pixels ``[start, stop)`` of one side.

    Returns:
        The source pixels, and how many resized pixels lie before ``start``.
    """
    step = source / resized
    # enlarged pixels begin before the source pixel they fall on, so some must lie between the cut
    # and the crop
    early = np.arange(max(start - max(math.ceil(0.5 / step - 0.5), 0), 0), -1, -1)
    near = np.abs(early * step - np.rint(early * step)) < _NEAR  # true at 0 at the latest
    first = int(early[np.argmax(near)])
    begin = round(first * step)
    # one more source pixel on the far side, which the last resized pixel may interpolate to
    return slice(begin, min(math.ceil(begin + (stop - first) * step) + 1, source)), start - first
