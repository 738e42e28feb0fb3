"""100DOH for mmdet. Detector configs import this module (``custom_imports``); ``import egoexo_mm`` does not, since it needs
mmdet."""

from __future__ import annotations

import os.path as osp

import numpy as np
from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS, METRICS
from PIL import Image

from egoexo_mm.evaluation import HandObjectMetric
from egoexo_mm.interaction_maps import DETECTOR_CLASSES

from .annotations.hand_object_xml import HandObjectRecord, read_hand_object_xml, read_stems

METRICS.register_module(
    module=HandObjectMetric, force=True
)  # so that a config of mmdet's scope needs no prefix


@DATASETS.register_module()
class HandObjectDataset(BaseDetDataset):
    """Images with hands and the objects they touch, annotated as in 100DOH; see :mod:`egoexo_mm.datasets.annotations.hand_object_xml`.

    An item of ``instances`` has ``bbox`` (pixels from 0, ends inside), ``bbox_label`` (0 target object, 1 hand),
    ``ignore_flag`` (0: the authors train on difficult boxes too), ``difficult``, ``contact_state`` (0 to 4), ``side``
    (0 left, 1 right), ``offset`` (magnitude in pixels of the image file / 1000 and a direction of length 0.1, zeros where
    unknown) and ``object_bbox`` (None where a hand touches nothing).

    When training, boxes go that are below ``filter_cfg['min_box_size']`` on both sides once the image's short side is
    ``filter_cfg['short_side']``, then all but the first ``filter_cfg['max_boxes']`` (the authors keep random ones, drawn
    anew each time), and with ``filter_cfg['filter_empty_gt']`` images without a box. The defaults are the authors'.

    Args:
        ann_file: list of file stems, such as ``ImageSets/Main/trainval.txt``.
        data_prefix: ``img``, the folder of images, and ``ann``, that of XML files.
        img_suffix: of image files.
        filter_cfg: overrides of what is said above.
        **kwargs: of ``BaseDetDataset``.

    Raises:
        ValueError: in one sentence, for a bad list or annotation file, an unknown option, or an image that cannot be read
            although its annotation does not say its size.
    """

    METAINFO = {'classes': DETECTOR_CLASSES, 'palette': [(255, 190, 0), (0, 120, 255)]}
    FILTERS = dict(min_box_size=10, short_side=600, max_boxes=20, filter_empty_gt=True)

    def __init__(
        self,
        ann_file: str,
        *,
        data_prefix: dict = dict(img='JPEGImages', ann='Annotations'),
        img_suffix: str = '.jpg',
        filter_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        unknown = set(filter_cfg or {}) - set(self.FILTERS)
        if unknown:
            raise ValueError(
                f'HandObjectDataset: filter_cfg has no {", ".join(sorted(unknown))}; it has '
                f'{", ".join(self.FILTERS)}'
            )
        if not {'img', 'ann'} <= set(data_prefix):
            raise ValueError(
                "HandObjectDataset: set data_prefix=dict(img='FOLDER', ann='FOLDER'), got "
                f'{dict(data_prefix)}'
            )
        self.img_suffix = img_suffix
        super().__init__(
            ann_file=ann_file,
            data_prefix=data_prefix,
            filter_cfg={**self.FILTERS, **(filter_cfg or {})},
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """One row an image."""
        return [
            self._row(read_hand_object_xml(osp.join(self.data_prefix['ann'], f'{stem}.xml')), stem)
            for stem in read_stems(self.ann_file)
        ]

    def filter_data(self) -> list[dict]:
        """Rows and boxes to train on; all when testing.

        Raises:
            ValueError: nothing is left.
        """
        if self.test_mode:
            return self.data_list
        rows = [dict(row, instances=self._usable(row)) for row in self.data_list]
        if self.filter_cfg['filter_empty_gt']:
            rows = [row for row in rows if row['instances']]
        if not rows:
            raise ValueError(
                f'{self.ann_file}: none of the {len(self.data_list)} images has a box to train on; check the '
                'annotations and filter_cfg'
            )
        return rows

    def _usable(self, row: dict) -> list[dict]:
        scale = self.filter_cfg['short_side'] / min(row['width'], row['height'])
        least = self.filter_cfg['min_box_size']
        items = [
            dict(
                item, bbox=[max(corner, 0.0) for corner in item['bbox']]
            )  # some files count from 0
            for item in row['instances']
        ]
        kept = [
            item
            for item in items
            if scale * max(np.subtract(item['bbox'][2:], item['bbox'][:2])) >= least
        ]
        return kept[: self.filter_cfg['max_boxes']]

    def _row(self, record: HandObjectRecord, stem: str) -> dict:
        img_path = osp.join(self.data_prefix['img'], stem + self.img_suffix)
        width, height = record.size or _image_size(img_path)
        return dict(
            img_path=img_path, img_id=stem, width=width, height=height, instances=_instances(record)
        )


def offsets(record: HandObjectRecord) -> np.ndarray:
    """(G, 3) what the offset head learns: magnitude / 1000, and the direction at length 0.1 whatever length it was written
    with; zeros where a file has no direction or no positive magnitude."""
    lengths = np.linalg.norm(record.directions, axis=1, keepdims=True)
    known = (lengths > 0) & (record.magnitudes[:, None] > 0)
    directions = 0.1 * record.directions / np.where(known, lengths, 1.0)
    return np.where(known, np.column_stack([record.magnitudes * 0.001, directions]), 0.0)


def _instances(record: HandObjectRecord) -> list[dict]:
    return [
        dict(
            bbox=box,
            bbox_label=label,
            ignore_flag=0,
            difficult=difficult,
            contact_state=state,
            side=side,
            offset=offset,
            object_bbox=None if np.isnan(held).any() else held,
        )
        for box, label, difficult, state, side, offset, held in zip(
            record.boxes.tolist(),
            record.labels.tolist(),
            record.difficult.tolist(),
            record.states.tolist(),
            record.sides.tolist(),
            offsets(record).tolist(),
            record.object_boxes.tolist(),
        )
    ]


def _image_size(path: str) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise ValueError(
            f'{path}: cannot be read as an image ({error}), and its annotation does not say its size; get it '
            'again or remove it from the list'
        ) from None
