"""What a study shows, in sentences made of its numbers alone.

The config lists the sentences::

    reading = [
        dict(kind='difference', measure='action', cells=['egoexo']),
        dict(kind='survivors', measure='action'),
        dict(kind='best', measure='action', cells=['third_only_twice'], against='egoexo'),
        dict(kind='share'),
    ]
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .paired import paired_difference
from .table import p_text


def sentences(results: dict, specs: list[Mapping[str, Any]]) -> list[str]:
    """A sentence for each item of the config; it says so where the numbers are not there yet."""
    kinds = dict(difference=_difference, survivors=_survivors, best=_best, share=_share)
    return [kinds[spec['kind']](results, spec) for spec in specs]


def _difference(results: dict, spec: Mapping[str, Any]) -> str:
    name = spec['measure']
    found = [_one_difference(results, cell, name) for cell in spec['cells']]
    return f'{_label(results, name)}: {"; ".join(found)}.'


def _one_difference(results: dict, cell: str, name: str) -> str:
    entry = results['statistics'].get(cell, {}).get(name, {})
    corrected = entry.get('corrected')
    if corrected is None:
        return f'{cell} has too few runs for a comparison yet'
    difference = entry['difference']
    positive = corrected['half_width'] < abs(difference['mean'])
    plain = difference['half_width'] < abs(difference['mean'])
    verdict = (
        'shown' if positive else 'not shown once corrected' if plain else 'no difference is shown'
    )
    return (
        f'{cell} minus {entry["baseline"]} is {_text(difference["mean"], difference["half_width"])}'
        f', corrected {_ends(difference["mean"], corrected["half_width"])} '
        f'(p {p_text(corrected["p_corrected"])}, {difference["pairs"]} seeds): {verdict}'
    )


def _survivors(results: dict, spec: Mapping[str, Any]) -> str:
    name = spec['measure']
    better, worse, open_ = [], [], []
    for cell, found in results['statistics'].items():
        entry = found.get(name, {})
        if 'corrected' not in entry:
            continue
        mean, half = entry['difference']['mean'], entry['corrected']['half_width']
        kept = (better if mean > 0 else worse) if half < abs(mean) else open_
        kept.append(f'{cell} ({mean:+.1f})')
    count = len(better) + len(worse) + len(open_)
    if not count:
        return f'{_label(results, name)}: no cell has runs enough for a comparison yet.'
    lists = [
        f'{title} {", ".join(cells) or "none"}'
        for title, cells in (
            ('better than its baseline', better),
            ('worse', worse),
            ('no difference shown', open_),
        )
    ]
    return f'{_label(results, name)}, {count} comparisons corrected together: {"; ".join(lists)}.'


def _best(results: dict, spec: Mapping[str, Any]) -> str:
    name, against = spec['measure'], spec['against']
    means = {
        cell: results['statistics'][cell][name]['mean']
        for cell in (*spec['cells'], against)
        if name in results['statistics'].get(cell, {})
    }
    main = means.pop(against, None)
    if main is None or not means:
        return f'{_label(results, name)}: no alternative to {against} has run yet.'
    best = max(means, key=means.get)
    values = [
        {seed: number['value'] for seed, number in results['cells'][cell]['numbers'][name].items()}
        for cell in (against, best)
    ]
    difference = paired_difference(*values)
    text = 'no seed in common'
    if difference is not None:
        text = _text(difference.mean, difference.half_width) + f', {difference.pairs} seeds'
    return (
        f'{_label(results, name)}: the best of {len(means)} alternatives is {best} with '
        f'{means[best]:.1f}; {against} has {main:.1f}, {text} (not corrected).'
    )


def _share(results: dict, spec: Mapping[str, Any]) -> str:
    found = results['data_curve']
    if found is None:
        return 'No curve over the share of data was measured.'
    return f'{_label(results, found["measure"])}: {found["text"]}.'


def _label(results: dict, name: str) -> str:
    text = results['measures'][name].get('label', name)
    return text[:1].upper() + text[1:]


def _text(mean: float, half: float | None) -> str:
    return f'{mean:+.1f} ' + ('(one pair: no interval)' if half is None else _ends(mean, half))


def _ends(mean: float, half: float) -> str:
    return f'[{mean - half:+.1f}, {mean + half:+.1f}]'
