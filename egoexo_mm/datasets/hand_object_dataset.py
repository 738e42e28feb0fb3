"""100DOH for mmdet.

Detector configs import this module (``custom_imports``). ``import egoexo_mm`` does not, since it
needs mmdet.
"""

from __future__ import annotations

import os.path as osp

import numpy as np
from mmdet.datasets import BaseDetDataset
from mmdet.registry import DATASETS, METRICS
from PIL import Image

from egoexo_mm.evaluation import HandObjectMetric
from egoexo_mm.interaction_maps import DETECTOR_CLASSES

from .annotations.hand_object_xml import HandObjectRecord, read_hand_object_xml, read_stems

# so that a config in mmdet's scope needs no prefix
METRICS.register_module(module=HandObjectMetric, force=True)


@DATASETS.register_module()
class HandObjectDataset(BaseDetDataset):
    """Images with hands and the objects they touch, annotated as in 100DOH.

    See :mod:`egoexo_mm.datasets.annotations.hand_object_xml` for the files. An item of
    ``instances`` has ``bbox`` (pixels from 0, ends inside), ``bbox_label`` (0 target object, 1
    hand), ``ignore_flag`` (0: the authors train on difficult boxes too), ``difficult``,
    ``contact_state`` (0 to 4), ``side`` (0 left, 1 right), ``offset`` (magnitude in pixels of the
    image file / 1000 and a direction of length 0.1, zeros where unknown) and ``object_bbox`` (None
    where a hand touches nothing).

    In training, boxes are dropped whose sides are both below ``filter_cfg['min_box_size']`` once
    the image's short side is ``filter_cfg['short_side']``. Of the rest the first
    ``filter_cfg['max_boxes']`` are kept (the authors draw random ones each time). With
    ``filter_cfg['filter_empty_gt']`` images without a box are dropped. The defaults are the
    authors'.

    Args:
        ann_file: List of file stems, such as ``ImageSets/Main/trainval.txt``.
        data_prefix: ``img``, the folder of images, and ``ann``, that of XML files.
        img_suffix: Ending of image files.
        filter_cfg: Overrides of the settings above.
        **kwargs: Those of ``BaseDetDataset``.

    Raises:
        ValueError: For a bad list or annotation file, an unknown option, or an image that cannot be
            read although its annotation does not give its size.
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
            ValueError: Nothing is left.
        """
        if self.test_mode:
            return self.data_list
        rows = [dict(row, instances=self._usable(row)) for row in self.data_list]
        if self.filter_cfg['filter_empty_gt']:
            rows = [row for row in rows if row['instances']]
        if not rows:
            raise ValueError(
                f'{self.ann_file}: none of the {len(self.data_list)} images has a box to train on; '
                'check the annotations and filter_cfg'
            )
        return rows

    def _usable(self, row: dict) -> list[dict]:
        scale = self.filter_cfg['short_side'] / min(row['width'], row['height'])
        kept = []
        for item in row['instances']:
            x1, y1, x2, y2 = box = [
                max(corner, 0.0) for corner in item['bbox']
            ]  # some count from 0
            if scale * max(x2 - x1, y2 - y1) >= self.filter_cfg['min_box_size']:
                kept.append(dict(item, bbox=box))
        return kept[: self.filter_cfg['max_boxes']]

    def _row(self, record: HandObjectRecord, stem: str) -> dict:
        img_path = osp.join(self.data_prefix['img'], stem + self.img_suffix)
        width, height = record.size or _image_size(img_path)
        return dict(
            img_path=img_path, img_id=stem, width=width, height=height, instances=_instances(record)
        )


def offsets(record: HandObjectRecord) -> np.ndarray:
    """What the offset head learns: magnitude / 1000, and the direction at length 0.1.

    Returns:
        (G, 3), zeros where a file has no direction or no positive magnitude.
    """
    lengths = np.linalg.norm(record.directions, axis=1, keepdims=True)
    known = (lengths > 0) & (record.magnitudes[:, None] > 0)
    directions = 0.1 * record.directions / np.where(known, lengths, 1.0)
    return np.where(known, np.column_stack([record.magnitudes * 0.001, directions]), 0.0)


def _instances(record: HandObjectRecord) -> list[dict]:
    columns = dict(
        bbox=record.boxes,
        bbox_label=record.labels,
        difficult=record.difficult,
        contact_state=record.states,
        side=record.sides,
        offset=offsets(record),
        object_bbox=record.object_boxes,
    )
    rows = zip(*(column.tolist() for column in columns.values()))
    items = [dict(zip(columns, row), ignore_flag=0) for row in rows]
    for item in items:
        if np.isnan(item['object_bbox']).any():
            item['object_bbox'] = None
    return items


def _image_size(path: str) -> tuple[int, int]:
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise ValueError(
            f'{path}: cannot be read as an image ({error}), and its annotation does not say its '
            'size; get it again or remove it from the list'
        ) from None
