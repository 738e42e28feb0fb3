"""Charades-Ego labelled by its cameras, to train an Ego-Score teacher."""

from __future__ import annotations

import os.path as osp
from collections import Counter

from mmaction.registry import DATASETS
from mmengine.logging import MMLogger

from .annotations import check_unique, read_table
from .charades_ego import KNOWN_COLUMNS, CharadesEgoDataset

VIEWS = ('third', 'first')  # by label


@DATASETS.register_module()
class CharadesEgoViewDataset(CharadesEgoDataset):
    """The videos of ``CharadesEgo_v1_{train,test}.csv`` by view: 0 third person, 1 first person.

    A sample is a complete video, so that clips come from all of its frames; actions do not matter.
    Each script was filmed from both views, so the labels are balanced. The numbers of both are
    logged at start.

    Args:
        ann_file: The official csv (or a frame list of the Ego-Exo code's layout with both views).
        pipeline: Transforms.
        view: ``'both'``, or one of ``'first'`` and ``'third'``.
        data_prefix: ``dict(img=FOLDER)`` with a folder of frames for each video, as
            :class:`CharadesEgoDataset` has it, or ``dict(video=FOLDER)`` with the videos.
        path_tmpl: Video file below ``data_prefix``.
        start_index: Number of the first frame; by default 1 for frame files and 0 for videos.
        **kwargs: Those of :class:`CharadesEgoDataset`.

    Raises:
        ValueError: As there, or one of the views has no video.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: list,
        *,
        view: str = 'both',
        data_prefix: dict = dict(img=''),
        path_tmpl: str = '{video_id}.mp4',
        start_index: int | None = None,
        **kwargs,
    ) -> None:
        self.path_tmpl = path_tmpl
        if start_index is None:
            start_index = 0 if 'video' in data_prefix else 1
        super().__init__(
            ann_file,
            pipeline,
            view=view,
            data_prefix=data_prefix,
            start_index=start_index,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """One row a video, all of one view and then all of the other."""
        kind, root = self.media_root('img', 'video')
        wanted, rows = self.view, []
        for label, view in enumerate(VIEWS):
            if wanted in ('both', view):
                self.view = view
                found = self._videos(root) if kind == 'video' else super().load_data_list()
                for row in found:
                    row.pop('frame_labels', None)
                    rows.append(dict(row, label=label))
        self.view = wanted
        count = Counter(row['label'] for row in rows)
        MMLogger.get_current_instance().info(
            f'{self.ann_file}: {count[0]} third-person and {count[1]} first-person videos'
        )
        return rows

    def get_cat_ids(self, idx: int) -> list[int]:
        """The view of a video, for MMEngine's ``ClassBalancedDataset``."""
        return [self.get_data_info(idx)['label']]

    def _videos(self, root: str) -> list[dict]:
        rows = read_table(
            self.ann_file, required=['id', 'egocentric'], known=[*KNOWN_COLUMNS, 'actions']
        )
        check_unique(rows, (row.text('id') for row in rows), 'id')
        rows = self._some([row for row in rows if self._wanted(self._is_first(row))])
        videos = {
            row.text('id'): self.fill_template(self.path_tmpl, video_id=row.text('id'))
            for row in rows
        }
        return self.keep_present(
            [dict(filename=osp.join(root, path), video_id=name) for name, path in videos.items()]
        )

    def _some(self, rows: list) -> list:
        if not rows:
            raise ValueError(
                f'{self.ann_file}: no {self.view}-person video; set ann_file to '
                'CharadesEgo_v1_train.csv or CharadesEgo_v1_test.csv, which have both views (the '
                "Ego-Exo code's lists have one), or set view to the other"
            )
        return rows
