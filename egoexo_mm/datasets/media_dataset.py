"""What the egocentric data sets share: media files that are looked for once, at start."""

from __future__ import annotations

import os.path as osp
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from mmaction.datasets import BaseActionDataset
from mmengine.logging import MMLogger

from .broken_media import BrokenMedia
from .frame_folders import FrameFolder, read_frame_folder
from .target_rows import TargetRows

_SHOWN = 3  # names in a summary


class MediaDataset(BrokenMedia, TargetRows, BaseActionDataset):
    """Annotated segments of videos or of folders of frames; a subclass has ``load_data_list``.

    Rows of the data list have ``filename`` (a video), or ``frame_dir``, ``filename_tmpl``, ``total_frames`` and, for a
    segment, ``segment_start`` (0-based).

    Args:
        ann_file: annotation file.
        pipeline: transforms.
        missing: rows whose media are missing or too short end the run (``'error'``) or are left out (``'drop'``). Either
            way one summary names how many there are and the first few.
        check_files: look for the media at start, which takes one look-up per video, four per folder of frames, and a listing
            of folders that are not as expected. Turn it off for media that are not on a file system.
        max_cut: a segment that ends behind the last frame of its folder is cut to what is there, as it is over videos, if at
            most this share of its frames is missing; otherwise its row counts as missing. All cuts are summed up in one line
            of the log. In testing ``missing='drop'`` cuts such rows however short, so that none is lost.
        targets, missing_targets: stores for ``LoadTargets`` and what to do with videos that they lack, see
            :meth:`TargetRows.open_targets`. Coverage is logged at start.
        broken_videos, max_broken_share, failed_file: what to do with media that cannot be read, see
            :meth:`BrokenMedia.open_broken_media`.
        **kwargs: of ``BaseActionDataset``.

    Raises:
        ValueError: for an unknown option, a bad row of the annotation file, or missing media.
        TargetStoreError: for a store that cannot be opened or lacks videos.
    """

    def __init__(
        self,
        ann_file: str,
        pipeline: list,
        *,
        missing: str = 'error',
        check_files: bool = True,
        max_cut: float = 0.25,
        targets: dict[str, str | None] | None = None,
        missing_targets: str = 'error',
        broken_videos: str = 'error',
        max_broken_share: float = 0.05,
        failed_file: str | None = None,
        **kwargs,
    ) -> None:
        if missing not in ('error', 'drop'):
            raise ValueError(f"missing must be 'error' or 'drop', got {missing!r}")
        if isinstance(max_cut, bool) or not 0 <= max_cut <= 1:
            raise ValueError(f'max_cut must be from 0 to 1, got {max_cut!r}')
        self.missing = missing
        self.check_files = check_files
        self.max_cut = max_cut
        self.open_broken_media(broken_videos, max_broken_share, failed_file)
        self.open_targets(targets, missing_targets)
        super().__init__(ann_file, pipeline=pipeline, **kwargs)

    def media_root(self, *kinds: str) -> tuple[str, str]:
        """Which of ``kinds`` (``'img'``: frames, ``'video'``) the ``data_prefix`` names, and its folder."""
        given = [kind for kind in kinds if kind in self.data_prefix]
        if len(given) != 1:
            expected = ' or '.join(f"data_prefix=dict({kind}='FOLDER')" for kind in kinds)
            raise ValueError(f'{type(self).__name__}: set {expected}, got {dict(self.data_prefix)}')
        return given[0], self.data_prefix[given[0]] or ''

    def fill_template(self, template: str, **fields: str) -> str:
        """``template`` with its ``{names}`` replaced."""
        try:
            return template.format(**fields)
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                f'{type(self).__name__}: the template {template!r} cannot be filled ({error}); use the names '
                f'{", ".join(fields)} in braces'
            ) from None

    def keep_present(self, rows: list[dict]) -> list[dict]:
        """The rows whose media exist as far as their last frame and whose targets are there, as the options ask.

        Segments that end a few frames behind the last frame of their folder are cut, see ``max_cut``.

        Raises:
            ValueError: some do not and ``missing='error'``, or none does.
        """
        if not self.check_files:
            return self.cover(rows)
        with ThreadPoolExecutor(
            16
        ) as pool:  # look-ups on network file systems wait more than they work
            absent = self._absent(rows, pool)
        return self.cover(self.without(rows, absent))

    def _absent(self, rows: list[dict], pool: ThreadPoolExecutor) -> dict[int, tuple[str, str]]:
        """Row number -> (what is wrong, path) of rows without media; rows that are a little too long are cut."""
        sources = defaultdict(list)
        for i, row in enumerate(rows):
            sources[row.get('filename') or row['frame_dir']].append(i)
        found = dict(zip(sources, pool.map(osp.exists, sources)))
        absent = {
            i: ('missing', path)
            for path, members in sources.items()
            if not found[path]
            for i in members
        }
        folders = {
            path: members
            for path, members in sources.items()
            if found[path] and 'frame_dir' in rows[members[0]]
        }
        # only where a look at the ends finds something is a folder listed
        odd = [
            path
            for path, sound in zip(
                folders,
                pool.map(
                    self._looks_sound, ([rows[i] for i in members] for members in folders.values())
                ),
            )
            if not sound
        ]
        cuts = []
        for path, folder in zip(
            odd, pool.map(self._read_folder, (rows[folders[path][0]] for path in odd))
        ):
            for i in folders[path]:
                problem = (
                    (folder.problem, folder.path)
                    if folder.problem
                    else self._cut(rows[i], folder.numbers, cuts)
                )
                if problem:
                    absent[i] = problem
        if cuts:
            MMLogger.get_current_instance().warning(
                f'{self.ann_file}: {len(cuts)} of {len(rows)} rows end up to {max(cuts)} frames behind the last frame in '
                f'their folder and were cut to it (refused where more than max_cut={self.max_cut:g} of a row is missing)'
            )
        return absent

    def _looks_sound(self, rows: list[dict]) -> bool:
        """Whether the first frame and the last one of the longest row of a folder are there, and none before the first."""
        before = self.start_index - 1
        return (
            osp.exists(self._frame(rows[0], self.start_index))
            and osp.exists(self._frame(rows[0], max(map(self._stop, rows)) - 1 + self.start_index))
            and (before < 0 or not osp.exists(self._frame(rows[0], before)))
        )

    def _read_folder(self, row: dict) -> FrameFolder:
        return read_frame_folder(row['frame_dir'], row['filename_tmpl'], self.start_index)

    def _cut(self, row: dict, numbers: list[int], cuts: list[int]) -> tuple[str, str] | None:
        """Cut a row to the frames that are there and add by how many to ``cuts``, or say that too few are."""
        missing = self._stop(row) - 1 + self.start_index - numbers[-1]
        there = row['total_frames'] - missing
        if missing <= 0:
            return None
        keep_anyway = self.test_mode and self.missing == 'drop'  # a submission needs every row
        if there < 1 or missing > self.max_cut * row['total_frames'] and not keep_anyway:
            return 'shorter than the annotation', self._frame(
                row, self._stop(row) - 1 + self.start_index
            )
        row['total_frames'] = there
        if 'frame_labels' in row:
            row['frame_labels'] = row['frame_labels'][:there]
        cuts.append(missing)
        return None

    def _stop(self, row: dict) -> int:
        return row.get('segment_start', 0) + row['total_frames']

    def _frame(self, row: dict, number: int) -> str:
        return osp.join(row['frame_dir'], row['filename_tmpl'].format(number))

    def without(self, rows: list[dict], absent: dict[int, tuple[str, str]]) -> list[dict]:
        """Report the ``absent`` rows (number -> (what is wrong, path)) in one sentence, and apply ``missing``."""
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
                f'{summary}; get or extract them, correct data_prefix ({dict(self.data_prefix)}) or the file '
                f'templates{drop}, or set check_files=False for media that are not on a file system'
            )
        MMLogger.get_current_instance().warning(f'{summary}; dropped, {len(kept)} rows are left')
        return kept
