"""What the egocentric data sets share: media files that are looked for once, at start."""
from __future__ import annotations

import os.path as osp
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mmaction.datasets import BaseActionDataset
from mmengine.logging import MMLogger

from .target_rows import TargetRows

_SHOWN = 3  # names in a summary


class MediaDataset(TargetRows, BaseActionDataset):
    """Annotated segments of videos or of folders of frames; a subclass has ``load_data_list``.

    Rows of the data list have ``filename`` (a video), or ``frame_dir``, ``filename_tmpl``, ``total_frames`` and, for a
    segment, ``segment_start`` (0-based).

    Args:
        ann_file: annotation file.
        pipeline: transforms.
        missing: rows whose media are missing or too short end the run (``'error'``) or are left out (``'drop'``). Either
            way one summary names how many there are and the first few.
        check_files: look for the media at start, which takes one look-up per video and one more per segment of folders
            that are too short. Turn it off for media that are not on a file system.
        targets, missing_targets: stores for ``LoadTargets`` and what to do with videos that they lack, see
            :meth:`TargetRows.open_targets`. Coverage is logged at start.
        **kwargs: of ``BaseActionDataset``.

    Raises:
        ValueError: for an unknown option, a bad row of the annotation file, or missing media.
        TargetStoreError: for a store that cannot be opened or lacks videos.
    """

    def __init__(self, ann_file: str, pipeline: list, *, missing: str = 'error', check_files: bool = True,
                 targets: dict[str, str | None] | None = None, missing_targets: str = 'error', **kwargs) -> None:
        if missing not in ('error', 'drop'):
            raise ValueError(f"missing must be 'error' or 'drop', got {missing!r}")
        self.missing = missing
        self.check_files = check_files
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
            raise ValueError(f'{type(self).__name__}: the template {template!r} cannot be filled ({error}); use the names '
                             f'{", ".join(fields)} in braces') from None

    def keep_present(self, rows: list[dict]) -> list[dict]:
        """The rows whose media exist as far as their last frame and whose targets are there, as the options ask.

        Raises:
            ValueError: some do not and ``missing='error'``, or none does.
        """
        if not self.check_files:
            return self.cover(rows)
        with ThreadPoolExecutor(16) as pool:  # look-ups on network file systems wait more than they work

            def exist(paths: list[str]) -> dict[str, bool]:
                return dict(zip(paths, pool.map(osp.exists, paths)))

            absent = self._absent(rows, exist)
        return self.cover(self.without(rows, absent))

    def _absent(self, rows: list[dict], exist: Callable[[list[str]], dict[str, bool]]) -> dict[int, tuple[str, str]]:
        """Row number -> (what is wrong, path) of rows without media."""
        sources = defaultdict(list)
        for i, row in enumerate(rows):
            sources[row.get('filename') or row['frame_dir']].append(i)
        found = exist(list(sources))
        absent = {i: ('missing', path) for path, members in sources.items() if not found[path] for i in members}
        folders = {path: members for path, members in sources.items() if found[path] and 'frame_dir' in rows[members[0]]}
        # only where the last frame of the last segment is not there are its other segments looked at
        longest = {path: self._last_frame(rows[max(members, key=lambda i: self._stop(rows[i]))])
                   for path, members in folders.items()}
        found = exist(list(longest.values()))
        last = {i: self._last_frame(rows[i])
                for path, members in folders.items() if not found[longest[path]] for i in members}
        found = exist(list(set(last.values())))
        absent.update({i: ('shorter than the annotation', path) for i, path in last.items() if not found[path]})
        return absent

    def _stop(self, row: dict) -> int:
        return row.get('segment_start', 0) + row['total_frames']

    def _last_frame(self, row: dict) -> str:
        return osp.join(row['frame_dir'], row['filename_tmpl'].format(self._stop(row) - 1 + self.start_index))

    def without(self, rows: list[dict], absent: dict[int, tuple[str, str]]) -> list[dict]:
        """Report the ``absent`` rows (number -> (what is wrong, path)) in one sentence, and apply ``missing``."""
        if not absent:
            return rows
        paths = defaultdict(dict)  # a dict for its order
        for problem, path in (absent[i] for i in sorted(absent)):
            paths[problem][path] = None
        listed = '; '.join(f'{len(names)} {problem}: ' + ', '.join([*names][:_SHOWN] + ['...'] * (len(names) > _SHOWN))
                           for problem, names in paths.items())
        summary = f'{self.ann_file}: {len(absent)} of {len(rows)} rows have no usable media ({listed})'
        kept = [row for i, row in enumerate(rows) if i not in absent]
        if self.missing == 'error' or not kept:
            drop = ", or set missing='drop' to go without them" if kept else ''
            raise ValueError(f'{summary}; get or extract them, correct data_prefix ({dict(self.data_prefix)}) or the file '
                             f'templates{drop}')
        MMLogger.get_current_instance().warning(f'{summary}; dropped, {len(kept)} rows are left')
        return kept

    def prepare_data(self, idx: int) -> dict | None:
        """Run the pipeline; media that cannot be read are named."""
        info = self.get_data_info(idx)
        try:
            return self.pipeline(info)
        except (ValueError, KeyError):  # of the transforms: these say what they miss
            raise
        except Exception as error:
            if 'imgs' in info:  # frames were read: not the file's fault
                raise
            reason = f'{type(error).__name__}: {error}'.splitlines()[0]
            source = info.get('filename') or info['frame_dir']
            raise RuntimeError(f'{source}: cannot be read ({reason}); get it again or remove its rows from '
                               f'{self.ann_file}') from error
