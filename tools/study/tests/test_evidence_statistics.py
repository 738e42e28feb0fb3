"""Holm's correction and the share of data that equals all of it, by hand; what the report says."""

import math

import pytest

from study.data_curve import describe, equal_share, points
from study.paired import holm, paired_difference
from study.reading import sentences
from study.results import collect
from study.table import cost_table, markdown, tables
from study.tests.toy_study import plan_of, run, write_study

CURVES = """
cells['scratch'].update(baseline=None, turn=2)
cells['egoexo_star'].update(baseline='egoexo', turn=-1)
measures['same'] = dict(step='test', key='acc/top1', label='again', compare=False)
data_curve = dict(
    measure='top1',
    curves=dict(third_only={'50': 'scratch', '100': 'third_only'},
                egoexo={'50': 'scratch', '100': 'egoexo'}))
reading = [
    dict(kind='difference', measure='top1', cells=['egoexo', 'nothing']),
    dict(kind='survivors', measure='top1'),
    dict(kind='best', measure='top1', against='egoexo', cells=['scratch', 'third_only']),
    dict(kind='share')]
"""


def test_holm_by_hand():
    """0.01 <= 0.05/3, but 0.03 > 0.05/2: the second and all after it keep the level of step 2."""
    found = holm({'a': 0.03, 'b': 0.01, 'c': 0.04})
    assert found['b'] == (pytest.approx(0.03), pytest.approx(1 - 0.05 / 3))
    assert found['a'] == (pytest.approx(0.06), pytest.approx(1 - 0.05 / 2))
    assert found['c'] == (pytest.approx(0.06), pytest.approx(1 - 0.05 / 2))
    assert holm({'a': 0.6, 'b': 0.9})['a'][0] == 1 and holm({}) == {}


def test_corrected_interval_excludes_zero_where_holm_rejects():
    base = dict.fromkeys(range(6), 0.0)
    spreads = dict(a=0.2, b=1.0, c=2.2, d=4.0)
    found = {
        name: paired_difference({s: 1 + spread * (s - 2.5) / 2.5 for s in base}, base)
        for name, spread in spreads.items()
    }
    decisions = holm({name: one.p for name, one in found.items()})
    rejected = [adjusted <= 0.05 for adjusted, _ in decisions.values()]
    excluded = [found[name].width_at(level) < 1 for name, (_, level) in decisions.items()]
    assert rejected == excluded and 0 < sum(rejected) < 4


def test_p_value():
    """t = mean / (s / sqrt 2) with one degree of freedom is Cauchy: p = 1 - 2 atan(t) / pi."""
    found = paired_difference({0: 1.0, 1: 2.0}, {0: 0.0, 1: 0.0})
    assert found.p == pytest.approx(1 - 2 * math.atan(3) / math.pi)  # 1.5 / (sqrt(0.5) / sqrt 2)
    assert paired_difference({0: 1.0, 1: 1.0}, {0: 0.0, 1: 0.0}).p == 0
    assert paired_difference({0: 1.0, 1: 1.0}, {0: 1.0, 1: 1.0}).p == 1
    assert paired_difference({0: 1.0}, {0: 0.0}).p is None


def test_equal_share_by_hand():
    """Straight over log2 of the share: 10 at 25 %, 12 at 50 %, 14 at 100 %; 13 is at 70.7 %.

    The reference is 12.9 and 13.1 in turn. Its deviation is constant over shares, so that the ends
    are where the curve is t(0.975, 3) s / sqrt(4) = 3.182 * 0.11547 / 2 = 0.18373 away from 13.
    """
    seeds = range(4)
    curve = {share: dict.fromkeys(seeds, value) for share, value in ((25, 10), (50, 12), (100, 14))}
    reference = {seed: 12.9 + 0.2 * (seed % 2) for seed in seeds}
    found = equal_share(curve, reference)
    assert found.estimate == pytest.approx(100 * 2**-0.5, rel=1e-3) and found.pairs == 4
    ends = [100 * 2 ** (-0.5 + sign * 0.18373 / 2) for sign in (-1, 1)]
    assert (found.low, found.high) == (
        pytest.approx(ends[0], rel=0.01),
        pytest.approx(ends[1], rel=0.01),
    )
    text = describe(found, 'egoexo', 'third_only')
    assert text.endswith('equals third_only with all is 71 % (95 % interval: 66 to 75 %, 4 seeds)')


@pytest.mark.parametrize(
    'level, text',
    [
        (9.0, 'is below 25 %: it is better at every share measured'),
        (15.0, 'is above 100 %: it is worse at every share measured'),
        (14.001, 'is not determinable between 25 and 100 %'),
        (10.05, 'is 25 % (95 % interval: below 25 to 27 %, 4 seeds)'),
    ],
)
def test_equal_share_at_the_ends(level, text):
    curve = {25: 10.0, 50: 12.0, 100: 14.0}
    curve = {share: dict.fromkeys(range(4), value) for share, value in curve.items()}
    reference = {seed: level - 0.1 + 0.2 * (seed % 2) for seed in range(4)}
    assert text in describe(equal_share(curve, reference), 'egoexo', 'third_only')


def test_equal_share_needs_seeds_and_shares():
    assert equal_share({100: {0: 1.0, 1: 1.0}}, {0: 1.0, 1: 2.0}) is None
    found = equal_share({50: {0: 1.0}, 100: {0: 2.0, 1: 2.0}}, {0: 1.0, 1: 2.0})
    assert found is None and 'too few seeds' in describe(found, 'egoexo', 'third_only')
    assert points({50: {0: 1.0}, 25: {0: 1.0, 1: 3.0}}) == [
        (25, 2, 2.0, pytest.approx(12.706, abs=1e-3)),
        (50, 1, 1.0, None),
    ]


@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    """Plan and results of the toy study with other baselines, turns and curves."""
    root = tmp_path_factory.mktemp('evidence')
    write_study(root, extra=CURVES)
    _, said = run(root, jobs=1)
    plan = plan_of(root)
    return plan, collect(plan), said


def test_turns_run_first_with_all_seeds(toy):
    plan, _, said = toy
    tests = [line.split()[1] for line in said if line.startswith('start test/')]
    assert tests == [
        f'test/{cell}/seed{seed}'
        for cells in (['egoexo_star'], ['third_only', 'egoexo'], ['scratch'])
        for seed in (0, 1)
        for cell in cells
    ]
    assert plan.cells == ['scratch', 'third_only', 'egoexo', 'egoexo_star'] and plan.seeds == [0, 1]


def test_other_baselines(toy):
    """Scores are 10, 11, ... 41; no cell is compared to scratch, which is compared to none."""
    _, results, _ = toy
    found = {cell: entry['top1'] for cell, entry in results['statistics'].items()}
    assert 'difference' not in found['scratch'] and 'difference' not in found['third_only']
    assert (found['egoexo_star']['baseline'], found['egoexo']['baseline']) == (
        'egoexo',
        'third_only',
    )
    assert found['egoexo_star']['difference']['mean'] == 10
    assert found['egoexo']['corrected']['comparisons'] == 2


def test_tables_have_six_columns(toy):
    _, results, _ = toy
    found = list(tables(results))
    assert [(title, len(header)) for title, header, _ in found] == [('top-1', 6), ('again', 3)]
    assert all(len(row) == len(header) for _, header, rows in found for row in rows)
    text = markdown(results)
    assert '| egoexo_star | 2 done | 40.5 ± 0.7 (n=2) | +10.0 [+10.0, +10.0] (to egoexo) |' in text
    assert '| [+10.0, +10.0] | < 0.0001, < 0.0001 |' in text and '### again' in text


def test_costs_are_measured(toy):
    """Processor seconds of the steps with a seed, and of the world, which all share."""
    _, results, _ = toy
    cost = results['costs']['egoexo']
    assert list(cost['run']) == ['pretrain', 'finetune', 'test'] and not cost['resumed']
    steps = results['steps']
    assert cost['shared'] == {
        kind: steps['world'][kind] for kind in ('seconds', 'processor_seconds')
    }
    mean = sum(steps[f'pretrain/egoexo/seed{seed}']['processor_seconds'] for seed in (0, 1)) / 2
    assert cost['run']['pretrain']['processor_seconds'] == mean
    header, rows = cost_table(results, ['pretrain', 'finetune'])
    assert len(header) == 6 and all(len(row) == 6 for row in rows) and rows[0][1] == '-'


def test_sentences(toy):
    plan, results, _ = toy
    first, second, third, fourth = sentences(results, plan.cfg.reading)
    assert first == (
        'Top-1: egoexo minus third_only is +10.0 [+10.0, +10.0], corrected [+10.0, +10.0] '
        '(p < 0.0001, 2 seeds): shown; nothing has too few runs for a comparison yet.'
    )
    assert 'better than its baseline egoexo (+10.0), egoexo_star (+10.0); worse none' in second
    assert 'best of 2 alternatives is third_only with 20.5; egoexo has 30.5, +10.0' in third
    # the curve of egoexo is 10, 11 at 50 % and 30, 31 at 100 %; third-only has 20, 21: half way in
    # the logarithm, 100 / sqrt 2
    assert fourth.endswith('is 71 % (95 % interval: 71 to 71 %, 2 seeds).')
