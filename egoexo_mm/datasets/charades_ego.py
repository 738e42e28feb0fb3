"""Charades-Ego: pairs of first- and third-person videos, with several actions each, as frames."""

from __future__ import annotations

import math
import os.path as osp
import re
import statistics
from concurrent.futures import ThreadPoolExecutor

from mmaction.registry import DATASETS
from mmengine.logging import MMLogger

from egoexo_mm.checks import check_choice
from egoexo_mm.untrusted import quote
from egoexo_mm.video_lists import decode_text

from .annotations import PICKLES, Row, check_unique, read_table
from .frame_folders import FrameFolder, read_frame_folder
from .media_dataset import MediaDataset

NUM_CLASSES = 157
_LIST_HEADER = 'original_vido_id'  # spelt so in the released lists
_ACTION = re.compile(r'c(\d{3}) (\d+(?:\.\d+)?) (\d+(?:\.\d+)?)')
KNOWN_COLUMNS = (
    'subject scene quality relevance verified script objects descriptions length egocentric '
    'charades_video authentic'
).split()


@DATASETS.register_module()
class CharadesEgoDataset(MediaDataset):
    """Charades-Ego from the reference code's frame lists or from the official csv.

    The header of the file tells which it is. A frame list has one line a frame (white space between
    five fields; double-quoted class ids, ``""`` for none)::

        original_vido_id video_id frame_id path labels
        AB12CEGO 0 0 AB12CEGO/AB12CEGO-000001.jpg "15,106"

    ``CharadesEgo_v1_train.csv`` has one row a video. These columns are used (``actions`` are in
    seconds)::

        id,...,actions,length,egocentric,...
        AB12CEGO,...,c092 11.90 21.20;c147 0.00 12.60,24.83,Yes,...

    Samples are complete videos: ``frame_dir``, ``filename_tmpl``, ``total_frames``,
    ``frame_labels`` (for each frame the list of its class ids; ``UnionFrameLabels`` makes ``label``
    of it) and ``video_id``. From the official csv, the 0-based frame ``k`` has an action from ``s``
    to ``e`` if ``s <= k / fps <= e``. An action between two frames or after the last one is given
    to the nearest frame before it, so that none is lost.

    Args:
        ann_file: Either file.
        pipeline: Transforms.
        view: ``'first'`` person, ``'third'`` or ``'both'``. In frame lists the name of a
            first-person video ends with ``EGO``.
        fps: Frame rate of the extracted frames, for actions in seconds; that of the released
            frames is 24.
        data_prefix: ``dict(img=FOLDER)``, with a folder ``<video>/<video>-000001.jpg`` ... a video.
        filename_tmpl: Name of a frame file from ``{video_id}`` and its number (official csv only).
        start_index: Number of the first frame file.
        **kwargs: Those of :class:`MediaDataset`. With ``check_files=False`` the number of frames is
            ``length * fps``, rounded down; otherwise the files are counted.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: list,
        *,
        view: str = 'first',
        fps: float = 24,
        data_prefix: dict = dict(img=''),
        filename_tmpl: str = '{video_id}-{{:06}}.jpg',
        start_index: int = 1,
        **kwargs,
    ) -> None:
        check_choice('CharadesEgoDataset: view', view, ('first', 'third', 'both'))
        self.view = view
        self.fps = fps
        self.check_file_template(filename_tmpl, video_id='ID')
        self.filename_tmpl = filename_tmpl
        super().__init__(
            ann_file, pipeline, data_prefix=data_prefix, start_index=start_index, **kwargs
        )

    def load_data_list(self) -> list[dict]:
        """One row a video."""
        root = self.media_root('img')[1]
        if self.ann_file.endswith(PICKLES):
            return self._load_csv(root)
        with open(self.ann_file, 'rb') as file:
            listed = decode_text(file.readline(), self.ann_file).strip().startswith(_LIST_HEADER)
        return self._load_list(root) if listed else self._load_csv(root)

    def get_cat_ids(self, idx: int) -> list[int]:
        """Classes of all frames of a video, for MMEngine's ``ClassBalancedDataset``."""
        return sorted(set().union(*self.get_data_info(idx)['frame_labels']))

    def _wanted(self, first_person: bool) -> bool:
        return self.view == 'both' or first_person == (self.view == 'first')

    def _some(self, rows: list) -> list:
        if not rows:
            raise ValueError(
                f'{self.ann_file}: no video of the view {self.view!r}; set view to another of '
                "'first', 'third' and 'both'"
            )
        return rows

    # ---- frame lists of the reference code

    def _load_list(self, root: str) -> list[dict]:
        videos: dict[str, dict] = {}
        with open(self.ann_file, 'rb') as file:
            next(file)
            for number, content in enumerate(file, 2):
                if line := decode_text(content, self.ann_file, number).strip():
                    self._add_frame(
                        videos, Row(f'{self.ann_file}, line {number}', dict(line=line)), root
                    )
        if not videos:
            raise ValueError(
                f'{self.ann_file}: has no rows; expected one line a frame below the header'
            )
        wanted = [info for name, info in videos.items() if self._wanted(name.endswith('EGO'))]
        return self.keep_present(self._some(wanted))

    def _add_frame(self, videos: dict[str, dict], row: Row, root: str) -> None:
        fields = row.fields['line'].split()
        if len(fields) != 5 or not re.fullmatch(r'"(\d+(,\d+)*)?"', fields[4]):
            raise row.bad(
                f'got {quote(row.fields["line"])}, expected five fields, the last a double-quoted '
                'list of classes'
            )
        name, _, _, path, labels = fields
        folder, file_name = osp.split(path)
        stem, dash, number = file_name.rpartition('-')
        number, extension = osp.splitext(number)
        if not dash or not number.isdigit():
            raise row.bad(
                f'the path {quote(path)} has no frame number, expected VIDEO/VIDEO-000001.jpg'
            )
        tmpl = stem.replace('{', '{{').replace('}', '}}') + f'-{{:0{len(number)}}}{extension}'
        first = dict(frame_dir=osp.join(root, folder), filename_tmpl=tmpl, video_id=stem)
        info = videos.setdefault(name, dict(first, total_frames=0, frame_labels=[]))
        expected = self._frame(info, info['total_frames'] + self.start_index)
        if osp.join(root, path) != expected:
            if not info['total_frames'] and int(number) == 1 - self.start_index:
                raise row.bad(
                    f'the frames of {name} are numbered from {int(number)}, expected '
                    f'{self.start_index} (set start_index={int(number)})'
                )
            raise row.bad(
                f'the path {quote(path)} breaks the numbering of {name}, expected {expected}, as '
                'the frames of a video are listed by their numbers'
            )
        classes = [int(label) for label in fields[4].strip('"').split(',') if label]
        self._check_classes(row, classes)
        info['frame_labels'].append(classes)
        info['total_frames'] += 1

    def _read_folder(self, row: dict) -> FrameFolder:
        folder = super()._read_folder(row)
        # here the file names come from the list, not from a setting
        if folder.problem and 'filename_tmpl' in folder.problem:
            folder = folder._replace(problem='with files named otherwise than in the list')
        return folder

    def _check_classes(self, row: Row, classes: list[int]) -> None:
        if max(classes, default=0) >= NUM_CLASSES:
            raise row.bad(
                f'class {max(classes)} is unknown, expected classes from 0 to {NUM_CLASSES - 1}'
            )

    # ---- the official csv

    def _load_csv(self, root: str) -> list[dict]:
        required = (
            ['id', 'actions']
            + ['egocentric'] * (self.view != 'both')
            + ['length'] * (not self.check_files)
        )
        rows = read_table(self.ann_file, required=required, known=KNOWN_COLUMNS)
        check_unique(rows, (row.text('id') for row in rows), 'id')
        rows = self._some(
            [row for row in rows if self.view == 'both' or self._wanted(self._is_first(row))]
        )
        actions = [self._actions(row) for row in rows]
        with ThreadPoolExecutor(16) as pool:  # network file systems wait more than they work
            folders = list(pool.map(lambda row: self._folder(row, root), rows))
        infos, absent, rates = [], {}, []
        for i, (row, (info, problem)) in enumerate(zip(rows, folders)):
            length = row.seconds('length') if row.has('length') else 0
            if not problem and length:
                rates.append(info['total_frames'] / length)
                problem = 'shorter than the annotation' if rates[-1] < 0.8 * self.fps else None
            if problem:
                absent[i] = problem, info['frame_dir']
            else:
                info['frame_labels'] = frame_labels(actions[i], info['total_frames'], self.fps)
            infos.append(info)
        self._check_rate(rates)
        return self.keep_covered(self.without(infos, absent))

    def _folder(self, row: Row, root: str) -> tuple[dict, str | None]:
        """A sample without labels, and what is wrong with its folder of frames, if anything."""
        name = row.text('id')
        folder = osp.join(root, name)
        tmpl = self.fill_template(self.filename_tmpl, video_id=name)
        if self.check_files:
            count, problem = count_frames(folder, tmpl, self.start_index, name)
        else:
            count = max(math.floor(row.seconds('length') * self.fps + 1e-6), 1)
            problem = None
        info = dict(frame_dir=folder, video_id=name, filename_tmpl=tmpl, total_frames=count)
        return info, problem

    def _is_first(self, row: Row) -> bool:
        answer = row.text('egocentric')
        if answer not in ('Yes', 'No'):
            raise row.bad(f'egocentric is {quote(answer)}, expected Yes or No')
        return answer == 'Yes'

    def _actions(self, row: Row) -> list[tuple[int, float, float]]:
        actions = []
        for text in filter(None, row.text('actions').split(';')) if row.has('actions') else ():
            match = _ACTION.fullmatch(text.strip())
            if not match:
                raise row.bad(
                    f'the action {quote(text)} is unreadable, expected a class, start and end in '
                    'seconds as in "c092 11.90 21.20"'
                )
            label, start, end = int(match[1]), float(match[2]), float(match[3])
            self._check_classes(row, [label])
            if end < start:
                raise row.bad(
                    f'the action {quote(text)} ends before it starts, expected start before end'
                )
            actions.append((label, start, end))
        return actions

    def _check_rate(self, rates: list[float]) -> None:
        """Warn where frames were extracted at another rate, which would shift every label."""
        found = statistics.median(rates) if rates else self.fps
        if abs(found / self.fps - 1) > 0.1:
            MMLogger.get_current_instance().warning(
                f'{self.ann_file}: the frame folders hold {found:.1f} frames a second of annotated '
                f'length, not fps={self.fps}; set fps to their rate'
            )


def frame_labels(
    actions: list[tuple[int, float, float]], total_frames: int, fps: float
) -> list[list[int]]:
    """For each frame the sorted classes of the ``actions`` (class, start, end in seconds) in it."""
    labels = [set() for _ in range(total_frames)]
    for label, start, end in actions:
        last = min(math.floor(end * fps + 1e-6), total_frames - 1)  # 0.58 * 50 is 28.999...
        first = min(math.ceil(start * fps - 1e-6), last)
        for frame in range(first, last + 1):
            labels[frame].add(label)
    return [sorted(classes) for classes in labels]


def count_frames(
    folder: str, filename_tmpl: str, start_index: int = 1, video_id: str | None = None
) -> tuple[int, str | None]:
    """Number of frame files in a folder, and what is wrong with it, if anything.

    The arguments are those of :func:`read_frame_folder`.
    """
    numbers, problem, _ = read_frame_folder(folder, filename_tmpl, start_index, video_id)
    if problem:
        return 0, problem
    gaps = (i for i, number in enumerate(numbers, start_index) if number != i)
    count = next(gaps, start_index + len(numbers)) - start_index
    return count, 'with gaps' if count < len(numbers) else None
