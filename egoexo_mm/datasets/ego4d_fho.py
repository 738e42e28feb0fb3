"""Ego4D forecasting-hands-and-objects action clips."""

from __future__ import annotations

import os.path as osp

from mmaction.registry import DATASETS

from .annotations import Row, check_unique, read_json_rows
from .media_dataset import VerbNounDataset

NUM_CLASSES = {1: (115, 478), 2: (117, 521)}  # verbs, nouns


@DATASETS.register_module()
class Ego4DFHODataset(VerbNounDataset):
    """Actions of the forecasting benchmark's files, over the clip videos.

    These are ``fho_lta_{train,val}.json`` and ``fho_lta_test_unannotated.json``. They have a list
    ``clips`` with items like the following (unused fields are left out)::

        {"clip_uid": "0a1b...", "action_idx": 3,
         "action_clip_start_sec": 12.4, "action_clip_end_sec": 20.4,
         "verb": "take_(pick,_grab,_get)", "noun": "cup", "verb_label": 92, "noun_label": 121}

    Samples have ``label = [verb, noun]``, ``clip_uid``, ``action_idx``, ``video_id`` (the clip),
    ``narration_id`` (``<clip_uid>_<action_idx>``, the key of the challenge's result files), and
    ``start_sec``, ``stop_sec`` within the clip for ``TrimSegment``. Items without labels need
    ``test_mode=True`` and have the label [-1, -1].

    Args:
        ann_file: The json file.
        pipeline: Transforms.
        version: 1 (115 verbs, 478 nouns) or 2 (117, 521).
        data_prefix: ``dict(video=FOLDER)``.
        path_tmpl: Video file below ``data_prefix``.
        **kwargs: Those of :class:`MediaDataset`.
    """

    NUM_CLASSES = NUM_CLASSES
    LABELS = ('verb_label', 'noun_label')

    def __init__(
        self,
        ann_file: str,
        pipeline: list,
        *,
        version: int = 2,
        data_prefix: dict = dict(video=''),
        path_tmpl: str = '{clip_uid}.mp4',
        **kwargs,
    ) -> None:
        self.path_tmpl = path_tmpl
        super().__init__(ann_file, pipeline, version=version, data_prefix=data_prefix, **kwargs)

    def load_data_list(self) -> list[dict]:
        """One row an action."""
        root = self.media_root('video')[1]
        rows = read_json_rows(self.ann_file, 'clips')
        labelled = not self.test_mode or any(
            name in row.fields for row in rows for name in self.LABELS
        )
        infos = [self._parse(row, root, labelled) for row in rows]
        check_unique(
            rows, (info['narration_id'] for info in infos), 'the pair of clip_uid and action_idx'
        )
        return self.keep_present(infos)

    def _parse(self, row: Row, root: str, labelled: bool) -> dict:
        clip_uid, action_idx = row.text('clip_uid'), row.integer('action_idx')
        start, stop = row.span('action_clip_start_sec', 'action_clip_end_sec')
        path = self.fill_template(
            self.path_tmpl, clip_uid=clip_uid, video_uid=str(row.fields.get('video_uid', ''))
        )
        return dict(
            filename=osp.join(root, path),
            label=self.verb_noun(row, labelled),
            clip_uid=clip_uid,
            action_idx=action_idx,
            video_id=clip_uid,
            narration_id=f'{clip_uid}_{action_idx}',
            start_sec=start,
            stop_sec=stop,
        )
