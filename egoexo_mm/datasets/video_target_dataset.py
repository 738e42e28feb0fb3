"""Video lists whose clips carry teacher targets."""
from __future__ import annotations

import json
import os.path as osp

from mmaction.datasets import VideoDataset
from mmaction.registry import DATASETS
from mmengine.fileio import exists, list_from_file
from mmengine.logging import MMLogger

from egoexo_mm.targets import TargetStoreError, video_id_from_path
from egoexo_mm.untrusted import quote

from .target_rows import TargetRows


@DATASETS.register_module()
class VideoTargetDataset(TargetRows, VideoDataset):
    """``VideoDataset`` (lines ``path label``) with target stores, strict reading and named failures.

    Args:
        targets, missing_targets: stores for ``LoadTargets`` and what to do with videos that they lack, see
            :meth:`TargetRows.open_targets`. Coverage is logged at start.
        broken_videos: a video that cannot be read ends the run (``'error'``), or is logged, listed in ``failed_file`` and
            skipped (``'skip'``).
        failed_file: JSON lines of broken videos, appended to.
        num_classes: if given, labels are checked against it.
        **kwargs: of ``VideoDataset``.

    Raises:
        ValueError: for a bad line of the annotation file or an unknown option.
        TargetStoreError: for a store that cannot be opened or lacks videos.
    """

    def __init__(self, ann_file: str, pipeline: list, *, targets: dict[str, str | None] | None = None,
                 missing_targets: str = 'error', broken_videos: str = 'error', failed_file: str = 'failed.jsonl',
                 **kwargs) -> None:
        if broken_videos not in ('error', 'skip'):
            raise ValueError(f"broken_videos must be 'error' or 'skip', got {broken_videos!r}")
        self.open_targets(targets, missing_targets)
        self.broken_videos = broken_videos
        self.failed_file = failed_file
        super().__init__(ann_file, pipeline=pipeline, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Rows with ``filename``, ``label`` and ``video_id``, less those dropped for want of targets."""
        if not exists(self.ann_file):
            raise ValueError(f'{self.ann_file}: no such annotation file; set ann_file to a list of "path label" lines')
        rows = [self._parse(number, line) for number, line in enumerate(list_from_file(self.ann_file), 1) if line.strip()]
        if not rows:
            raise ValueError(f'{self.ann_file}: the list is empty; expected one "path label" line a video')
        return self.cover(rows)

    def _parse(self, number: int, line: str) -> dict:
        where = f'{self.ann_file}, line {number}'
        path, _, label = line.strip().rpartition(self.delimiter)
        try:
            label = int(label)
        except ValueError:
            raise ValueError(f'{where}: expected "path{self.delimiter}label" with an integer label, got '
                             f'{quote(line.strip())}; correct or remove the line') from None
        if not path or label < 0 or (self.num_classes and label >= self.num_classes):
            upper = f' below {self.num_classes}' if self.num_classes else ''
            raise ValueError(f'{where}: expected a path and a label from 0{upper}, got {quote(line.strip())}; correct '
                             'or remove the line')
        rule = next((store.manifest.video_id for store in self.stores.values()), 'stem')
        return dict(filename=osp.join(self.data_prefix['video'] or '', path), label=label,
                    video_id=video_id_from_path(path, rule))

    def prepare_data(self, idx: int) -> dict | None:
        """Run the pipeline; a video that cannot be read is named, and skipped if so configured."""
        info = self.get_data_info(idx)
        try:
            return self.pipeline(info)
        except Exception as error:
            if 'imgs' in info or isinstance(error, TargetStoreError):  # frames were read: not the video's fault
                raise
            filename, reason = info['filename'], f'{type(error).__name__}: {error}'.splitlines()[0]
            if self.broken_videos == 'error' or self.test_mode:
                raise RuntimeError(f'{filename}: cannot be read ({reason}); repair it, remove it from {self.ann_file}, or '
                                   "set broken_videos='skip' to train without it") from error
        self._report(filename, reason)
        return None  # the host draws another sample

    def _report(self, filename: str, reason: str) -> None:
        MMLogger.get_current_instance().warning(f'{filename}: skipped ({reason}); listed in {self.failed_file}')
        with open(self.failed_file, 'a') as file:  # one short write: safe beside other workers
            file.write(json.dumps(dict(video=filename, reason=reason)) + '\n')
