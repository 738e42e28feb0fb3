"""EPIC-KITCHENS-55 and -100 action segments."""

from __future__ import annotations

import os.path as osp

from mmaction.registry import DATASETS

from .annotations import Row, check_unique, read_table
from .media_dataset import VerbNounDataset

NUM_CLASSES = {55: (125, 352), 100: (97, 300)}  # verbs, nouns
_ID = {55: 'uid', 100: 'narration_id'}
_FOLDER = {55: '{video_id}', 100: '{participant_id}/rgb_frames/{video_id}'}
_VIDEO = '{participant_id}/videos/{video_id}.MP4'
_KNOWN = (
    'narration narration_timestamp start_timestamp stop_timestamp start_frame stop_frame verb noun '
    'verb_class noun_class all_nouns all_noun_classes'
).split()


@DATASETS.register_module()
class EpicKitchensDataset(VerbNounDataset):
    """EPIC-KITCHENS segments from the official csv or pickle, over extracted frames or over videos.

    ``EPIC_100_validation.csv`` looks as follows (more columns follow; the pickles may have
    ``narration_id`` as their index)::

        narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,...
        P00_11_0,P00,P00_11,00:00:00.560,00:00:00.00,00:00:01.89,1,113,take cup,take,0,cup,13,...

    and ``EPIC_train_action_labels.csv`` of EPIC-55 as follows::

        uid,participant_id,video_id,narration,start_timestamp,stop_timestamp,start_frame,...
        7,P00,P00_03,stir pan,00:00:10.50,00:00:12.00,630,720,stir,20,pan,1,['pan'],[1]

    Samples have ``label = [verb, noun]``, ``narration_id``, ``participant_id`` and ``video_id``. In
    EPIC-55 the ``narration_id`` is ``uid`` as text, or the row number from 0 in lists without it.

    Over frames, ``start_frame`` is the number of the first JPG and the segment has
    ``stop_frame - start_frame + 1`` frames, as in the reference code: ``segment_start`` and
    ``total_frames``; ``source_frames`` is None (unknown). Over videos, samples have ``start_sec``
    and ``stop_sec`` for ``TrimSegment``. Files without ``verb_class`` and ``noun_class`` (the test
    split) need ``test_mode=True`` and give the label [-1, -1].

    Args:
        ann_file: csv or pickle. No code in a pickle is run.
        pipeline: Transforms.
        version: 55 or 100. It sets class counts, name of the id column and default folders.
        data_prefix: ``dict(img=FOLDER)`` for frames or ``dict(video=FOLDER)`` for videos.
        path_tmpl: Folder of frames, or video file, below ``data_prefix``, from ``{participant_id}``
            and ``{video_id}``. By default the official ``{participant_id}/rgb_frames/{video_id}``
            (55: ``{video_id}``) and ``{participant_id}/videos/{video_id}.MP4``.
        filename_tmpl: Name of a frame file from its number.
        start_index: Number of the first frame file; videos count from 0.
        **kwargs: Those of :class:`MediaDataset`.
    """

    NUM_CLASSES = NUM_CLASSES
    LABELS = ('verb_class', 'noun_class')

    def __init__(
        self,
        ann_file: str,
        pipeline: list,
        *,
        version: int = 100,
        data_prefix: dict = dict(img=''),
        path_tmpl: str | None = None,
        filename_tmpl: str = 'frame_{:010}.jpg',
        start_index: int | None = None,
        **kwargs,
    ) -> None:
        self.frames = 'img' in data_prefix
        self.path_tmpl = path_tmpl
        self.check_file_template(filename_tmpl)
        self.filename_tmpl = filename_tmpl
        super().__init__(
            ann_file,
            pipeline,
            version=version,
            data_prefix=data_prefix,
            start_index=int(self.frames) if start_index is None else start_index,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """One row a segment."""
        root = self.media_root('img', 'video')[1]
        times = (
            ['start_frame', 'stop_frame'] if self.frames else ['start_timestamp', 'stop_timestamp']
        )
        id_column = _ID[self.version]
        required = ['participant_id', 'video_id', *times] + [id_column] * (self.version == 100)
        rows = read_table(
            self.ann_file, required=required, known=[*_KNOWN, id_column], index=id_column
        )
        if id_column not in rows[0].fields:
            for number, row in enumerate(rows):
                row.fields[id_column] = str(number)
        labels = [name for name in self.LABELS if name in rows[0].fields]
        if len(labels) < 2 and (labels or not self.test_mode):
            raise ValueError(
                f'{self.ann_file}: lacks the columns verb_class and noun_class, or one of them; '
                'use a file with labels (only the test split, with test_mode=True, has none)'
            )
        check_unique(rows, (row.text(id_column) for row in rows), id_column)
        return self.keep_present([self._parse(row, root, bool(labels)) for row in rows])

    def _parse(self, row: Row, root: str, labelled: bool) -> dict:
        ids = dict(participant_id=row.text('participant_id'), video_id=row.text('video_id'))
        folder = _FOLDER[self.version] if self.frames else _VIDEO
        path = osp.join(root, self.fill_template(self.path_tmpl or folder, **ids))
        label = self.verb_noun(row, labelled)
        info = dict(ids, narration_id=row.text(_ID[self.version]), label=label)
        if not self.frames:
            start, stop = row.span('start_timestamp', 'stop_timestamp')
            return dict(info, filename=path, start_sec=start, stop_sec=stop)
        # The annotation calls itself 0-indexed while files count from 1, so its frame 0 can only
        # mean the first file.
        start, stop = max(row.integer('start_frame'), self.start_index), row.integer('stop_frame')
        if stop < start:
            raise row.bad(
                f'stop_frame {stop} lies before start_frame {start}, expected a segment that ends '
                'after it starts'
            )
        return dict(
            info,
            frame_dir=path,
            filename_tmpl=self.filename_tmpl,
            segment_start=start - self.start_index,
            total_frames=stop - start + 1,
            source_frames=None,
        )
