"""Following boxes through the host's own geometric transforms."""

from __future__ import annotations

import math

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

# Two points in units of the frame. Irrational, so that no crop moves one to exactly 0: the host's
# Flip takes a coordinate of 0 for a missing keypoint and leaves it there.
_PROBE = np.array([[1 / math.pi, 1 / math.e], [2 / math.pi, 2 / math.e]])


@TRANSFORMS.register_module()
class TrackGeometry(BaseTransform):
    """Send two known points through the transforms that follow, as keypoints.

    The geometric transforms of MMAction2 (``Resize``, ``RandomRescale``, ``RandomCrop``,
    ``RandomResizedCrop``, ``CenterCrop``, ``Flip``, in any order) move keypoints with the pixels.
    So ``LoadTargets`` can read off where the source frame went and carry boxes there. Put it right
    after decoding. Transforms with ``lazy=True`` refuse keypoints with an error. Wrappers of other
    libraries that warp frames (RandAugment) are not followed; ``CheckTargetsHook`` refuses them.

    Required keys: ``img_shape``. Added keys: ``keypoint`` (removed again by ``LoadTargets``).

    Raises:
        KeyError: Frames have not been decoded yet.
        ValueError: The sample has keypoints of its own, or has been cropped or flipped.
    """

    def transform(self, results: dict) -> dict:
        """Add the probe, (1, 1, 2, 2) pixels ``x, y``."""
        if 'img_shape' not in results:
            raise KeyError(
                'TrackGeometry needs img_shape: put it after the decoding transform of the pipeline'
            )
        if 'keypoint' in results:
            raise ValueError(
                'TrackGeometry: the sample already has keypoints, which it would overwrite'
            )
        if 'crop_bbox' in results or results.get('flip'):
            raise ValueError(
                'TrackGeometry: the frames have been cropped or flipped already, which boxes would '
                'not follow; put it right after the decoding transform'
            )
        height, width = results['img_shape']
        results['keypoint'] = (_PROBE * [width, height])[None, None]
        return results


def frame_geometry(keypoint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Map from the source frame, in units of its size, to pixels of the frame as it is now.

    Args:
        keypoint: The probe of ``TrackGeometry``, (1, 1, 2, 2).

    Returns:
        scale (2,) and offset (2,), ``x, y``.
    """
    first, second = keypoint[0, 0]
    scale = (second - first) / (_PROBE[1] - _PROBE[0])
    return scale, first - scale * _PROBE[0]


def view_geometry(results: dict) -> tuple[np.ndarray, np.ndarray]:
    """Map from the source frame to each crop, both in units of their own size.

    Takes the probe of ``TrackGeometry`` out of ``results``.

    Returns:
        scale (2,) and offset (V, 2), ``x, y``: a source point ``u`` lies at ``scale * u + offset``
        of the crop. ``V`` is 1, or the number of crops of ``ThreeCrop``.

    Raises:
        KeyError: ``TrackGeometry`` is missing from the pipeline.
        NotImplementedError: For ``TenCrop``, which flips half of its crops.
    """
    if 'keypoint' not in results:
        raise KeyError(
            'LoadTargets cannot follow boxes: add dict(type="TrackGeometry") right after the '
            'decoding transform'
        )
    scale, offset = frame_geometry(results.pop('keypoint'))
    offset = offset[None]
    corners = np.asarray(results.get('crop_bbox', ()))
    if corners.ndim == 2:  # one row a frame: a multi-crop transform, which moves no keypoints
        frames_per_crop = len(results['frame_inds'])
        if len(corners) != 3 * frames_per_crop:
            raise NotImplementedError('LoadTargets follows ThreeCrop and single crops, not TenCrop')
        offset = offset - corners[::frames_per_crop, :2]
    size = np.array(results['img_shape'][::-1], np.float64)
    return scale / size, offset / size
