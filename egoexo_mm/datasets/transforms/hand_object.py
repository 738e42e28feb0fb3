"""Hands in mmdet's pipelines: what ``HandObjectDataset`` has beside their boxes.

Importing this needs mmdet; a detector's config names it in ``custom_imports``.

A results dict has, for G boxes, ``gt_contact_states`` (G,), ``gt_sides`` (G,) and ``gt_offsets``
(G, 3; magnitude in pixels of the image *file* / 1000 and a direction of length 0.1, whatever size
the image is given).
"""

from __future__ import annotations

import numpy as np
from mmdet.datasets.transforms import LoadAnnotations, PackDetInputs, RandomFlip
from mmdet.registry import TRANSFORMS

from egoexo_mm.interaction_maps import HAND_LABEL

_FIELDS = dict(gt_contact_states='contact_state', gt_sides='side', gt_offsets='offset')
_MIRRORS = dict(horizontal=(-1, 1), vertical=(1, -1), diagonal=(-1, -1))  # signs of dx, dy


@TRANSFORMS.register_module()
class LoadHandObjectAnnotations(LoadAnnotations):
    """mmdet's ``LoadAnnotations`` plus contact states, sides and offsets.

    A box of one pixel, which starts where it ends, gets a second pixel, since most of mmdet's parts
    take the logarithm of ``x2 - x1``.
    """

    def transform(self, results: dict) -> dict:
        """Read the ``instances`` of ``HandObjectDataset``."""
        results = super().transform(results)
        corners = results['gt_bboxes'].tensor
        corners[:, 2:] = corners[:, 2:].maximum(corners[:, :2] + 1)
        for key, name in _FIELDS.items():
            rows = [instance[name] for instance in results['instances']]
            kind, shape = (np.float32, (-1, 3)) if name == 'offset' else (np.int64, -1)
            results[key] = np.array(rows, kind).reshape(shape)
        return results


@TRANSFORMS.register_module()
class HandObjectFlip(RandomFlip):
    """mmdet's ``RandomFlip`` for hands.

    The mirror image of a left hand is a right hand, and offsets point the other way. Boxes include
    their last pixel, so pixel x of W becomes pixel W - 1 - x.
    """

    def _flip(self, results: dict) -> None:
        super()._flip(results)
        signs = _MIRRORS[results['flip_direction']]
        # mmdet takes x to W - x, since its boxes end before their last pixel. So boxes move back by
        # a pixel of the file, which is scale_factor wide.
        pixel = np.broadcast_to(results.get('scale_factor', 1.0), 2)
        results['gt_bboxes'].translate_(
            [float(-size) if sign < 0 else 0.0 for size, sign in zip(pixel, signs)]
        )
        results['gt_offsets'] = results['gt_offsets'] * np.float32([1, *signs])
        if signs[0] * signs[1] < 0:  # mirrored twice is rotated: no hand changes its side
            sides = results['gt_sides']
            results['gt_sides'] = np.where(
                results['gt_bboxes_labels'] == HAND_LABEL, 1 - sides, sides
            )


@TRANSFORMS.register_module()
class PackHandObjectInputs(PackDetInputs):
    """mmdet's ``PackDetInputs``, with ``contact_state``, ``side`` and ``offset`` of the hands.

    Where the metric follows, ``meta_keys`` must name ``instances`` (mmdet's default does for
    testing).
    """

    mapping_table = PackDetInputs.mapping_table | _FIELDS

    def transform(self, results: dict) -> dict:
        """Pack.

        Raises:
            ValueError: A transform dropped or added boxes without their hands' fields.
        """
        counts = {key: len(results[key]) for key in ('gt_bboxes', *_FIELDS) if key in results}
        if len(set(counts.values())) > 1:
            raise ValueError(
                f'{results.get("img_path", "an image")}: the pipeline changed the number of '
                f'boxes but not of what is said about them ({counts}); leave out transforms that '
                'drop, crop or mix boxes'
            )
        return super().transform(results)
