"""What rows of any data set are trained on: targets of teachers, and classes to balance."""

from __future__ import annotations

from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.fileio import exists
from mmengine.logging import MMLogger

from egoexo_mm.checks import check_choice
from egoexo_mm.targets import TargetStore, TargetStoreError, open_stores
from egoexo_mm.untrusted import quote

from .transforms.load_targets import own_span


class TargetRows:
    """Base class of data sets with target stores, for ``LoadTargets``.

    The coverage of the stores is logged at start. ``load_data_list`` of a subclass passes its rows,
    which have a ``video_id``, through :meth:`keep_covered`.

    Args:
        targets: Target name (``ego_score``, ``object_score``, ``interaction_map``, or of any other
            signal, see ``LoadTargets``) -> store folder. None or an empty path leaves a target out.
        missing_targets: What to do with a video that a store lacks: ``'error'`` (at start),
            ``'skip'`` (its loss is zero) or ``'drop'`` (its rows are not used).
        *args, **kwargs: Passed to the next base class.

    Raises:
        ValueError: For an unknown option.
        TargetStoreError: For a store that cannot be opened.
    """

    def __init__(
        self,
        *args: Any,
        targets: dict[str, str | None] | None = None,
        missing_targets: str = 'error',
        **kwargs: Any,
    ) -> None:
        check_choice('missing_targets', missing_targets, ('error', 'skip', 'drop'))
        self.stores = open_stores(targets or {})
        self.missing_targets = missing_targets
        super().__init__(*args, **kwargs)

    def keep_covered(self, rows: list[dict]) -> list[dict]:
        """Log the coverage of each store, and apply ``missing_targets``.

        Raises:
            TargetStoreError: A store lacks videos and the policy is ``'error'``, or no row is left.
        """
        lacking, log = set(), MMLogger.get_current_instance().info
        for name, store in self.stores.items():
            of_store = [_place(row, store) for row in rows]
            wanted = list(dict.fromkeys(of_store))
            absent = [place for place in wanted if not store.covers(*place)]
            what = store.manifest.rows
            log(
                f'{name}: {store.path} covers {len(wanted) - len(absent)} of {len(wanted)} {what} '
                f'of {self.ann_file}'
            )
            if absent and self.missing_targets == 'error':
                first = quote(absent[0][0]) if what == 'videos' else quote(absent[0][:2])
                raise TargetStoreError(
                    f'{store.path}: {len(absent)} of {len(wanted)} {what} of {self.ann_file} have '
                    f'no {name}, the first is {first}; extract them, or set '
                    "missing_targets to 'skip' (no loss) or 'drop' (no sample)"
                )
            without = set(absent)
            lacking.update(i for i, place in enumerate(of_store) if place in without)
        if self.missing_targets != 'drop' or not lacking:
            return rows
        kept = [row for i, row in enumerate(rows) if i not in lacking]
        log(f'{len(rows) - len(kept)} rows without targets dropped')
        if not kept:
            raise TargetStoreError(
                f'{self.ann_file}: no video has all targets ({", ".join(self.stores)}); the video '
                f'ids of list and store differ, e.g. {quote(rows[0]["video_id"])}'
            )
        return kept

    def full_init(self) -> None:
        """Read the annotation file.

        Raises:
            ValueError: It is missing, or one of its rows is bad.
        """
        if not self._fully_initialized and not exists(self.ann_file):
            remedy = 'set ann_file to an existing one'
            if self.test_mode:
                remedy = (
                    'set val_dataloader.dataset.ann_file (and that of test_dataloader) to an '
                    'existing one, or train without validation: --no-validate, or val_cfg, '
                    'val_dataloader and val_evaluator set to None in the config'
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

    def get_cat_ids(self, idx: int) -> list[int]:
        """Classes of row ``idx``, for MMEngine's ``ClassBalancedDataset``; [] without labels."""
        label = BaseDataset.get_data_info(self, idx)['label']
        return [label for label in (label if isinstance(label, list) else [label]) if label >= 0]


def _place(row: dict, store: TargetStore) -> tuple:
    """Arguments of ``TargetStore.covers`` for a row; any segment of its video where it has none."""
    if not store.manifest.has_segments:
        return (row['video_id'],)
    longer, own = own_span(row)
    return longer or row['video_id'], own, own
