"""Shares of a data set are nested, even and as long as all of it."""

from collections import Counter

import numpy as np
import pytest
from mmaction.registry import DATASETS

import study.modules  # noqa: F401
from study.modules.epic_share_dataset import stratified_order
from tests.finetune_data import write_rows


def actions(count):
    """Pairs of 6 verbs and 8 nouns, evenly, in random order."""
    order = np.random.default_rng(0).permutation(count) % 48
    return [divmod(int(pair), 8) for pair in order]


@pytest.fixture
def table(tmp_path):
    rows = [
        dict(
            narration_id=f'P01_{i}',
            participant_id='P01',
            video_id='P01_101',
            start_frame=1 + i,
            stop_frame=1 + i,
            verb_class=verb,
            noun_class=noun,
        )
        for i, (verb, noun) in enumerate(actions(240))
    ]
    write_rows(tmp_path / 'train.csv', rows)
    return str(tmp_path / 'train.csv')


def names(table, **options):
    """Ids of the rows of an epoch."""
    data = DATASETS.build(
        dict(
            type='EpicShareDataset',
            ann_file=table,
            pipeline=[],
            rows=list(range(208)),
            check_files=False,
            **options,
        )
    )
    return [data.get_data_info(i)['narration_id'] for i in range(len(data))]


def test_shares_are_nested_and_epochs_equally_long(table):
    found = {percent: names(table, percent=percent) for percent in (10, 25, 50, 100)}
    assert {len(rows) for rows in found.values()} == {208}
    kinds = {percent: set(rows) for percent, rows in found.items()}
    assert [len(rows) for rows in kinds.values()] == [21, 52, 104, 208]
    assert kinds[10] < kinds[25] < kinds[50] < kinds[100]
    assert kinds[100] == {f'P01_{row}' for row in range(208)}
    counts = Counter(found[10]).values()  # 208 = 9 x 21 + 19
    assert sorted(set(counts)) == [9, 10]
    assert set(names(table, percent=10, share_seed=1)) != kinds[10]


def test_every_beginning_is_even():
    labels = actions(240)
    order = stratified_order(labels, seed=0)
    assert sorted(order) == list(range(240))
    for count in (8, 24, 60, 120):
        for column in (0, 1):
            found = Counter(labels[row][column] for row in order[:count])
            kinds = (6, 8)[column]
            assert max(found.values()) - min(found.get(kind, 0) for kind in range(kinds)) <= 2
    assert len({labels[row] for row in order[:48]}) > 40  # pairs hardly repeat


@pytest.mark.parametrize(
    'percent, message',
    [(0, 'above 0 and up to 100, got 0'), (101, 'got 101'), (0.1, '0.1 % of 208 rows is none')],
)
def test_mistakes(table, percent, message):
    with pytest.raises(ValueError, match=message):
        names(table, percent=percent)
