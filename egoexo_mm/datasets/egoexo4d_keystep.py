"""Ego-Exo4D fine-grained keystep recognition."""

from __future__ import annotations

import os.path as osp

from mmaction.registry import DATASETS

from egoexo_mm.checks import check_choice
from egoexo_mm.targets import video_id_from_path
from egoexo_mm.untrusted import quote

from .annotations import Row, check_unique, read_json_rows, read_table
from .media_dataset import MediaDataset

NUM_CLASSES = 278
_VIEWS = ('ego', 'exo', 'all')


@DATASETS.register_module()
class EgoExo4DKeystepDataset(MediaDataset):
    """Keysteps of the benchmark's cut clips, ``keystep_segment_{train,val}.json`` and the test's.

    The files have a list ``segments`` with items like the following::

        {"segment_name_list": ["train/some_take_07_6/start0.85598_end33.20377_aria02_214-1.mp4",
                               "train/some_take_07_6/start0.85598_end33.20377_cam01.mp4"],
         "ego_segment_name": "train/some_take_07_6/start0.85598_end33.20377_aria02_214-1.mp4",
         "take_uid": "77cd...", "take_name": "some_take_07_6",
         "start_time": 0.85598, "end_time": 33.20377,
         "step_unique_id": 843, "label_id": 35, "step_name": "Unbox package"}

    and ``label_mapping.csv`` has the columns label_id, step_unique_id, step_name, scenario_name. A
    sample is the clip of one camera, with ``label`` (int), ``segment_id`` and ``video_id`` (the
    clip's name without extension), ``take_uid``, ``take_name`` and ``is_ego``; with a store of
    segments among the ``targets`` also ``cut_from``, take_uid, start and stop, under which that
    store has the targets of all cameras (see ``LoadTargets``). Files without
    ``label_id`` need ``test_mode=True`` and give the label -1. The format is described in
    ``docs/benchmarks/keystep`` of https://github.com/EGO4D/Ego-Exo4D-docs.

    Args:
        ann_file: The json file.
        pipeline: Transforms.
        views: ``'ego'`` (the benchmark's test), ``'exo'`` or ``'all'`` cameras of each segment.
        label_mapping: csv with the names of the classes (``metainfo['classes']``), which also sets
            how many there are; None: 278.
        data_prefix: ``dict(video=FOLDER)``, where ``clips_448p`` was downloaded.
        path_tmpl: Video file below ``data_prefix``, from ``{segment_name}`` (as in the json, with
            folders), ``{file_name}`` (its last part), ``{take_name}`` and ``{take_uid}``.
        metainfo: That of the host's data sets.
        data_root: Folder of ``ann_file``, ``label_mapping`` and ``data_prefix``.
        **kwargs: Those of :class:`MediaDataset`.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: list,
        *,
        views: str = 'ego',
        label_mapping: str | None = None,
        data_prefix: dict = dict(video=''),
        path_tmpl: str = '{segment_name}',
        metainfo: dict | None = None,
        data_root: str = '',
        **kwargs,
    ) -> None:
        check_choice('EgoExo4DKeystepDataset: views', views, _VIEWS)
        self.views = views
        self.path_tmpl = path_tmpl
        self.num_keysteps = NUM_CLASSES
        if label_mapping:
            classes = read_label_mapping(osp.join(data_root, label_mapping))
            self.num_keysteps = len(classes)
            metainfo = {'classes': classes, **(metainfo or {})}
        super().__init__(
            ann_file,
            pipeline,
            data_prefix=data_prefix,
            metainfo=metainfo,
            data_root=data_root,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """One row a clip."""
        root = self.media_root('video')[1]
        segments = read_json_rows(self.ann_file, 'segments')
        labelled = not self.test_mode or any('label_id' in row.fields for row in segments)
        pairs = [(row, info) for row in segments for info in self._parse(row, root, labelled)]
        if not pairs:
            raise ValueError(
                f'{self.ann_file}: no segment has a clip of the views {self.views!r}; set views to '
                "another of 'ego', 'exo' and 'all'"
            )
        check_unique(
            (row for row, _ in pairs), (info['segment_id'] for _, info in pairs), 'the clip'
        )
        return self.keep_present([info for _, info in pairs])

    def _parse(self, row: Row, root: str, labelled: bool) -> list[dict]:
        ego = row.text('ego_segment_name')
        take_name, take_uid = row.text('take_name'), row.text('take_uid')
        span = row.span('start_time', 'end_time')
        names = row.value('segment_name_list') if self.views != 'ego' else [ego]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise row.bad(f'segment_name_list is {quote(names)}, expected a list of clip names')
        if self.views == 'exo':
            names = [name for name in names if name != ego]
        label = row.integer('label_id', self.num_keysteps) if labelled else -1
        infos = []
        for name in names:
            takes = dict(take_name=take_name, take_uid=take_uid)
            file_name, segment_id = name.rpartition('/')[2], video_id_from_path(name, 'path')
            path = self.fill_template(
                self.path_tmpl, segment_name=name, file_name=file_name, **takes
            )
            infos.append(
                dict(
                    takes,
                    filename=osp.join(root, path),
                    label=label,
                    segment_id=segment_id,
                    video_id=segment_id,
                    is_ego=name == ego,
                )
            )
            if any(store.manifest.has_segments for store in self.stores.values()):
                infos[-1]['cut_from'] = (take_uid, *span)
        return infos


def read_label_mapping(path: str) -> list[str]:
    """Names of the keystep classes in ``label_mapping.csv``, by label.

    Raises:
        ValueError: It is no such table, or its labels are not 0, 1, ... once each.
    """
    rows = read_table(
        path, required=['label_id', 'step_name'], known=['step_unique_id', 'scenario_name']
    )
    names = {row.integer('label_id'): row.text('step_name') for row in rows}
    if len(names) != len(rows) or max(names) != len(rows) - 1:
        raise ValueError(
            f'{path}: expected the labels 0 to {len(rows) - 1} once each; use the published '
            'label_mapping.csv'
        )
    return [names[label] for label in range(len(rows))]
