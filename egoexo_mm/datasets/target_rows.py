"""Teacher targets for the rows of any data set."""

from __future__ import annotations

from mmengine.fileio import exists
from mmengine.logging import MMLogger

from egoexo_mm.targets import TargetStoreError, open_stores
from egoexo_mm.untrusted import quote

_POLICIES = ('error', 'skip', 'drop')


class TargetRows:
    """Part of a dataset class: opens target stores, reports at start what they cover, and hands them to ``LoadTargets``.

    A subclass calls :meth:`open_targets` in its constructor and passes its rows, which have a ``video_id``, through
    :meth:`cover` in ``load_data_list``.
    """

    def open_targets(self, targets: dict[str, str | None] | None, missing_targets: str) -> None:
        """Open the stores.

        Args:
            targets: target name (``ego_score``, ``object_score``, ``interaction_map``) -> store folder; None or an empty
                path leaves a target out.
            missing_targets: what to do with a video that a store lacks: ``'error'`` (at start), ``'skip'`` (its loss is
                zero) or ``'drop'`` (its rows are not used).

        Raises:
            ValueError: for an unknown policy.
            TargetStoreError: for a store that cannot be opened.
        """
        if missing_targets not in _POLICIES:
            raise ValueError(
                f"missing_targets must be 'error', 'skip' or 'drop', got {missing_targets!r}"
            )
        self.stores = open_stores(targets or {})
        self.missing_targets = missing_targets

    def cover(self, rows: list[dict]) -> list[dict]:
        """Log what share of the videos each store covers, and apply ``missing_targets``.

        Raises:
            TargetStoreError: a store lacks videos and the policy is ``'error'``, or no row is left.
        """
        videos = list(dict.fromkeys(row['video_id'] for row in rows))
        lacking = set()
        for name, store in self.stores.items():
            absent = store.coverage(videos)
            MMLogger.get_current_instance().info(
                f'{name}: {store.path} covers {len(videos) - len(absent)} of {len(videos)} videos of {self.ann_file}'
            )
            if absent and self.missing_targets == 'error':
                raise TargetStoreError(
                    f'{store.path}: {len(absent)} of {len(videos)} videos of {self.ann_file} have no {name}, the first is '
                    f"{quote(absent[0])}; extract them, or set missing_targets to 'skip' (no loss) or 'drop' (no sample)"
                )
            lacking.update(absent)
        if self.missing_targets != 'drop' or not lacking:
            return rows
        kept = [row for row in rows if row['video_id'] not in lacking]
        MMLogger.get_current_instance().info(
            f'{len(rows) - len(kept)} rows without targets dropped'
        )
        if not kept:
            raise TargetStoreError(
                f'{self.ann_file}: no video has all targets ({", ".join(self.stores)}); the video ids of '
                f'list and store differ, e.g. {quote(videos[0])}'
            )
        return kept

    def full_init(self) -> None:
        """Read the annotation file.

        Raises:
            ValueError: there is none, or one of its rows is bad.
        """
        if not self._fully_initialized and not exists(self.ann_file):
            remedy = 'set ann_file to an existing one'
            if self.test_mode:
                remedy = (
                    'set val_dataloader.dataset.ann_file (and that of test_dataloader) to an existing one, or train '
                    'without validation: --no-validate, or val_cfg, val_dataloader and val_evaluator set to None in '
                    'the config'
                )
            raise ValueError(f'{self.ann_file}: no such annotation file; {remedy}')
        super().full_init()

    def get_data_info(self, idx: int) -> dict:
        """The row ``idx``, with the stores for ``LoadTargets``."""
        info = super().get_data_info(idx)
        if self.stores:
            info.update(
                target_stores=self.stores,
                missing_targets='error' if self.missing_targets == 'error' else 'skip',
            )
        return info
