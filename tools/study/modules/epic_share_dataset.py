"""A share of the training segments, for curves of accuracy over the amount of data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from mmaction.registry import DATASETS

from egoexo_mm.datasets import EpicKitchensDataset


@DATASETS.register_module(force=True)
class EpicShareDataset(EpicKitchensDataset):
    """``EpicKitchensDataset`` of a share of its rows, in epochs that are as long as with all rows.

    Shares of one seed are nested: the rows of 10 % are among those of 25 %. The classes of every
    share are spread as evenly as they can be, see :func:`stratified_order`. Rows repeat within an
    epoch, so that iterations and schedule are those of training on all of them.

    Args:
        *args: Of ``EpicKitchensDataset``.
        percent: Share of the rows, above 0 and up to 100.
        share_seed: Of the order in which rows are taken.
        rows: Numbers of the rows that the share is of; None are all.
        **kwargs: Of ``EpicKitchensDataset``.

    Raises:
        ValueError: ``percent`` is out of range or leaves no row.
    """

    def __init__(
        self,
        *args,
        percent: float,
        share_seed: int = 0,
        rows: Sequence[int] | None = None,
        **kwargs,
    ) -> None:
        if not 0 < percent <= 100:
            raise ValueError(f'percent must be above 0 and up to 100, got {percent}')
        self.percent = percent
        self.share_seed = share_seed
        self.rows = rows
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Rows of the share, repeated to the number of all rows."""
        found = super().load_data_list()
        if self.rows is not None:
            found = [found[row] for row in self.rows]
        count = round(self.percent / 100 * len(found))
        if not count:
            raise ValueError(
                f'{self.ann_file}: {self.percent} % of {len(found)} rows is none; take more'
            )
        order = stratified_order([row['label'] for row in found], self.share_seed)[:count]
        return [dict(found[order[i % count]]) for i in range(len(found))]


def stratified_order(labels: Sequence[Sequence[int]], seed: int) -> list[int]:
    """An order of rows of which every beginning has its classes spread evenly.

    Each next row is one whose verb and noun came least often so far, and of those one whose pair
    did; which of equal ones is random.

    Args:
        labels: Verb and noun of every row.
        seed: Of what is random.
    """
    left = np.random.default_rng(seed).permutation(len(labels)).tolist()
    verbs, nouns, pairs = Counter(), Counter(), Counter()
    kinds = [len(set(column)) for column in zip(*labels)]
    order = []
    while left:
        best = min(
            left,
            key=lambda row: (
                kinds[0] * verbs[labels[row][0]] + kinds[1] * nouns[labels[row][1]],
                pairs[tuple(labels[row])],
            ),
        )
        left.remove(best)
        order.append(best)
        verb, noun = labels[best]
        verbs[verb] += 1
        nouns[noun] += 1
        pairs[verb, noun] += 1
    return order
