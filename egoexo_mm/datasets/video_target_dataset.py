"""Video lists whose clips carry teacher targets."""

from __future__ import annotations

import os.path as osp
from typing import Any

from mmaction.datasets import VideoDataset
from mmaction.registry import DATASETS
from mmengine.fileio import get
from mmengine.logging import MMLogger

from egoexo_mm.targets import video_id_from_path
from egoexo_mm.targets.store.listed_videos import check_one_video_an_id
from egoexo_mm.untrusted import quote
from egoexo_mm.video_lists import ListedVideo, decode_text, parse_video_list

from .broken_media import BrokenMedia
from .target_rows import TargetRows


@DATASETS.register_module()
class VideoTargetDataset(BrokenMedia, TargetRows, VideoDataset):
    """``VideoDataset`` (lines ``path label``) with target stores, strict reading, named failures.

    Lists are read by :mod:`egoexo_mm.video_lists`. With ``multi_class=True`` (and ``num_classes``)
    a line has one or more labels, and ``label`` is multi-hot, float32 (num_classes,). With
    ``test_mode=True`` a list may be without labels; ``label`` is then -1.

    Args:
        ann_file: The list.
        pipeline: Transforms.
        **kwargs: Those of :class:`BrokenMedia` (``broken_videos``, ...), :class:`TargetRows`
            (``targets``, ...) and ``VideoDataset``. Labels are checked against ``num_classes`` if
            that is given.

    Raises:
        ValueError: For a bad line of the annotation file or an unknown option.
        TargetStoreError: For a store that cannot be opened, lacks videos, or cannot tell two videos
            of the list apart.
    """

    def __init__(self, ann_file: str, pipeline: list, **kwargs: Any) -> None:
        if kwargs.get('multi_class') and not kwargs.get('num_classes'):
            raise ValueError(
                'multi_class=True needs num_classes, the length of the multi-hot label; set '
                'num_classes'
            )
        super().__init__(ann_file, pipeline=pipeline, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Rows with ``filename``, ``label`` and ``video_id`` that ``missing_targets`` keeps."""
        videos = parse_video_list(
            decode_text(get(self.ann_file), self.ann_file),
            self.ann_file,
            several=self.multi_class,
            unlabelled=self.test_mode,
            delimiter=self.delimiter,
        )
        rule = next((store.manifest.video_id for store in self.stores.values()), None)
        if rule:
            check_one_video_an_id((video.path for video in videos), rule, f'{self.ann_file}: ')
        if not videos[0].labels:
            MMLogger.get_current_instance().warning(
                f'{self.ann_file}: has no labels, so that accuracies mean nothing'
            )
        return self.keep_covered([self._row(video, rule or 'stem') for video in videos])

    def _row(self, video: ListedVideo, rule: str) -> dict:
        where = f'{self.ann_file}, line {video.line}'
        for label in video.labels:
            if label < 0 or self.num_classes and label >= self.num_classes:
                upper = f' below {self.num_classes}' if self.num_classes else ''
                raise ValueError(
                    f'{where}: expected a path and a label from 0{upper}, got '
                    f'{quote(" ".join([video.path, *map(str, video.labels)]))}; correct or remove '
                    'the line'
                )
        label = list(video.labels) if self.multi_class else video.labels[0] if video.labels else -1
        return dict(
            filename=osp.join(self.data_prefix['video'] or '', video.path),
            label=label,
            video_id=video_id_from_path(video.path, rule),
            where=where,
        )
