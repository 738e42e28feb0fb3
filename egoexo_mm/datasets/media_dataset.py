"""What the egocentric data sets share: media files are checked once, at start."""

from __future__ import annotations

import os.path as osp
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mmaction.datasets import BaseActionDataset
from mmengine.logging import MMLogger

from egoexo_mm.checks import check_choice, check_share

from .annotations import Row
from .broken_media import BrokenMedia
from .frame_folders import FrameFolder, read_frame_folder
from .target_rows import TargetRows
from .transforms.sampling import follow_segments

_SHOWN = 3  # names in a summary


class MediaDataset(BrokenMedia, TargetRows, BaseActionDataset):
    """Annotated segments of videos or of folders of frames; a subclass has ``load_data_list``.

    Rows of the data list have ``filename`` (a video), or ``frame_dir``, ``filename_tmpl``,
    ``total_frames`` and, for a segment, ``segment_start`` (0-based).

    Args:
        ann_file: Annotation file.
        pipeline: Transforms.
        missing: Rows whose media are missing or too short end the run (``'error'``) or are left out
            (``'drop'``). In both cases one summary gives their number and the first few.
        check_files: Check at start that the media exist. This takes one look-up per video, four per
            folder of frames, and a listing of folders that are not as expected. Turn it off for
            media that are not on a file system.
        max_cut: A segment that ends after the last frame of its folder is cut to the frames that
            exist if at most this share of its frames is missing. Otherwise its row counts as
            missing. One line of the log summarises all cuts. In testing ``missing='drop'`` cuts
            such rows however short they get, so that none is lost.
        **kwargs: Those of :class:`BrokenMedia` (``broken_videos``, ...), :class:`TargetRows`
            (``targets``, ...) and ``BaseActionDataset``.

    Raises:
        ValueError: For an unknown option, a bad row of the annotation file, or missing media.
        TargetStoreError: For a store that cannot be opened or lacks videos.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: list,
        *,
        missing: str = 'error',
        check_files: bool = True,
        max_cut: float = 0.25,
        **kwargs: Any,
    ) -> None:
        check_choice('missing', missing, ('error', 'drop'))
        check_share('max_cut', max_cut)
        self.missing = missing
        self.check_files = check_files
        self.max_cut = max_cut
        super().__init__(ann_file, pipeline=pipeline, **kwargs)
        follow_segments(getattr(self.pipeline, 'transforms', []))

    def media_root(self, *kinds: str) -> tuple[str, str]:
        """The kind (``'img'``: frames, or ``'video'``) that ``data_prefix`` has, and its folder."""
        given = [kind for kind in kinds if kind in self.data_prefix]
        if len(given) != 1:
            expected = ' or '.join(f"data_prefix=dict({kind}='FOLDER')" for kind in kinds)
            raise ValueError(f'{type(self).__name__}: set {expected}, got {dict(self.data_prefix)}')
        return given[0], self.data_prefix[given[0]] or ''

    def fill_template(self, template: str, **fields: str) -> str:
        """``template`` with its ``{names}`` replaced.

        Raises:
            ValueError: It has other names.
        """
        try:
            return template.format(**fields)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f'{type(self).__name__}: the template {template!r} cannot be filled ({error}); use '
                f'the names {", ".join(fields)} in braces'
            ) from None

    def check_file_template(self, template: str, **fields: str) -> None:
        """Refuse a ``filename_tmpl`` that does not name a file from a number.

        Raises:
            ValueError: It has no place for a number, or other places.
        """
        try:
            filled = template.format(**fields) if fields else template
            if filled.format(1) != filled.format(2):
                return
            problem = 'it has no place for a number'
        except (KeyError, IndexError, ValueError) as error:
            problem = f'{type(error).__name__}: {error}'
        example = '{video_id}-{{:06}}.jpg' if fields else 'frame_{:010}.jpg'
        raise ValueError(
            f'{type(self).__name__}: filename_tmpl={template!r} does not name files by their '
            f'numbers ({problem}); write it like {example!r}'
        )

    def keep_present(self, rows: list[dict]) -> list[dict]:
        """The rows whose media exist up to their last frame and which have targets.

        The options ``missing`` and ``missing_targets`` tell what to do with others. Segments that
        end a few frames too late are cut, see ``max_cut``.

        Raises:
            ValueError: Media are missing and ``missing='error'``, or no row is left.
        """
        return self.keep_covered(self.without(rows, self._absent(rows) if self.check_files else {}))

    def _absent(self, rows: list[dict]) -> dict[int, tuple[str, str]]:
        """Row number -> (problem, path) of rows without media; cuts rows that are a little long."""
        members = defaultdict(list)
        for i, row in enumerate(rows):
            members[row.get('filename') or row['frame_dir']].append(i)
        groups = [[rows[i] for i in numbers] for numbers in members.values()]
        with ThreadPoolExecutor(16) as pool:  # network file systems wait more than they work
            sources = list(pool.map(self._check_source, members, groups))
        absent, cuts = {}, []
        for numbers, found in zip(members.values(), sources):
            for i in numbers if found is not None else ():
                if found.problem:
                    absent[i] = found.problem, found.path
                elif problem := self._cut(rows[i], found.numbers, cuts):
                    absent[i] = problem
        if cuts:
            MMLogger.get_current_instance().warning(
                f'{self.ann_file}: {len(cuts)} of {len(rows)} rows end up to {max(cuts)} frames '
                'behind the last frame in their folder and were cut to it (refused where more than '
                f'max_cut={self.max_cut:g} of a row is missing)'
            )
        return absent

    def _check_source(self, path: str, rows: list[dict]) -> FrameFolder | None:
        """Look at the video or folder of some rows; None where nothing is wrong.

        A folder is only listed where its first frame, the last one of the longest row, or the
        absence of a frame before the first is not as expected.
        """
        if not osp.exists(path):
            return FrameFolder([], 'missing', path)
        if 'frame_dir' not in rows[0]:
            return None
        before = self.start_index - 1
        sound = (
            osp.exists(self._frame(rows[0], self.start_index))
            and osp.exists(self._frame(rows[0], max(map(self._last, rows))))
            and (before < 0 or not osp.exists(self._frame(rows[0], before)))
        )
        return None if sound else self._read_folder(rows[0])

    def _read_folder(self, row: dict) -> FrameFolder:
        return read_frame_folder(row['frame_dir'], row['filename_tmpl'], self.start_index)

    def _cut(self, row: dict, numbers: list[int], cuts: list[int]) -> tuple[str, str] | None:
        """Cut a row to the frames that exist, and append the number of lost frames to ``cuts``.

        Returns:
            (problem, path) where too few frames exist.
        """
        missing = self._last(row) - numbers[-1]
        left = row['total_frames'] - missing
        if missing <= 0:
            return None
        keep_anyway = self.test_mode and self.missing == 'drop'  # a submission needs every row
        if left < 1 or missing > self.max_cut * row['total_frames'] and not keep_anyway:
            return 'shorter than the annotation', self._frame(row, self._last(row))
        row['total_frames'] = left
        if 'frame_labels' in row:
            row['frame_labels'] = row['frame_labels'][:left]
        cuts.append(missing)
        return None

    def _last(self, row: dict) -> int:
        """File number of the last frame."""
        return row.get('segment_start', 0) + row['total_frames'] - 1 + self.start_index

    def _frame(self, row: dict, number: int) -> str:
        return osp.join(row['frame_dir'], row['filename_tmpl'].format(number))

    def without(self, rows: list[dict], absent: dict[int, tuple[str, str]]) -> list[dict]:
        """Apply ``missing`` to the ``absent`` rows (number -> (problem, path)).

        Raises:
            ValueError: There are some and ``missing='error'``, or no row is left.
        """
        if not absent:
            return rows
        paths = defaultdict(dict)  # a dict for its order
        for problem, path in (absent[i] for i in sorted(absent)):
            paths[problem][path] = None
        listed = '; '.join(
            f'{len(names)} {problem}: '
            + ', '.join([*names][:_SHOWN] + ['...'] * (len(names) > _SHOWN))
            for problem, names in paths.items()
        )
        summary = (
            f'{self.ann_file}: {len(absent)} of {len(rows)} rows have no usable media ({listed})'
        )
        kept = [row for i, row in enumerate(rows) if i not in absent]
        if self.missing == 'error' or not kept:
            drop = ", set missing='drop' to go without them" if kept else ''
            raise ValueError(
                f'{summary}; get or extract them, correct data_prefix ({dict(self.data_prefix)}) '
                f'or the file templates{drop}, or set check_files=False for media that are not on '
                'a file system'
            )
        MMLogger.get_current_instance().warning(f'{summary}; dropped, {len(kept)} rows are left')
        return kept


class VerbNounDataset(MediaDataset):
    """Segments labelled ``[verb, noun]``; [-1, -1] without labels.

    Args:
        ann_file: Annotation file.
        pipeline: Transforms.
        version: Release of the data set, a key of ``NUM_CLASSES``.
        **kwargs: Those of :class:`MediaDataset`.
    """

    NUM_CLASSES: dict[int, tuple[int, int]]  # version -> number of verbs, of nouns
    LABELS: tuple[str, str]  # names of the fields

    def __init__(self, ann_file: str, pipeline: list, *, version: int, **kwargs: Any) -> None:
        if version not in self.NUM_CLASSES:
            raise ValueError(
                f'{type(self).__name__}: version must be one of {list(self.NUM_CLASSES)}, got '
                f'{version!r}'
            )
        self.version = version
        super().__init__(ann_file, pipeline, **kwargs)

    def verb_noun(self, row: Row, labelled: bool) -> list[int]:
        """The label of a row."""
        if not labelled:
            return [-1, -1]
        return [
            row.integer(name, count)
            for name, count in zip(self.LABELS, self.NUM_CLASSES[self.version])
        ]

    def get_cat_ids(self, idx: int) -> list[int]:
        """Verb, and noun after all verbs, for MMEngine's ``ClassBalancedDataset``."""
        found = super().get_cat_ids(idx)
        return found and [found[0], self.NUM_CLASSES[self.version][0] + found[1]]
