"""The tables of a study, as text: one for every measure, each of six columns at most."""

from __future__ import annotations

from collections.abc import Iterator


def tables(results: dict) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Title, names of the columns and rows of every measure that has a number.

    The first table has all cells, also those without a number.
    """
    for number, (name, spec) in enumerate(results['measures'].items()):
        found = [
            [cell, run_text(content['runs']), *_numbers(results, cell, name)]
            for cell, content in results['cells'].items()
            if number == 0 or name in results['statistics'][cell]
        ]
        if found:
            yield spec.get('label', name), _header(results, name), found


def _compares(results: dict, name: str) -> bool:
    return bool(results['measures'][name].get('compare', True) and results['baseline'])


def _header(results: dict, name: str) -> list[str]:
    columns = ['cell', 'runs', results['measures'][name].get('label', name)]
    if _compares(results, name):
        count = max(
            (
                found[name]['corrected']['comparisons']
                for found in results['statistics'].values()
                if 'corrected' in found.get(name, {})
            ),
            default=0,
        )
        columns += [
            f'minus {results["baseline"]}',
            'corrected interval' + (f' ({count} comparisons)' if count else ''),
            'p, and corrected',
        ]
    return columns


def _numbers(results: dict, cell: str, name: str) -> list[str]:
    entry = results['statistics'][cell].get(name)
    digits = results['measures'][name].get('digits', 1)
    found = [value_text(entry, digits)]
    if not _compares(results, name):
        return found
    if cell == results['baseline']:
        return [*found, 'baseline', '-', '-']
    other = (entry or {}).get('baseline', results['baseline'])
    to = '' if other == results['baseline'] else f' (to {other})'
    return [*found, difference_text(entry, digits) + to, *corrected_texts(entry, digits)]


def value_text(entry: dict | None, digits: int) -> str:
    """``mean +- standard deviation``, or a dash."""
    if entry is None:
        return '-'
    spread = '' if entry['deviation'] is None else f' ± {entry["deviation"]:.{digits}f}'
    return f'{entry["mean"]:.{digits}f}{spread} (n={entry["n"]})'


def difference_text(entry: dict | None, digits: int) -> str:
    """``mean [low, high]`` of the paired difference, or a dash."""
    if entry is None or 'difference' not in entry:
        return '-'
    centre, half = entry['difference']['mean'], entry['difference']['half_width']
    if half is None:
        return f'{centre:+.{digits}f} (one pair: no interval)'
    return f'{centre:+.{digits}f} {_interval(centre, half, digits)}'


def corrected_texts(entry: dict | None, digits: int) -> tuple[str, str]:
    """The corrected interval, and both p-values; dashes where there is none."""
    if entry is None or 'corrected' not in entry:
        return '-', '-'
    found = entry['corrected']
    return (
        _interval(entry['difference']['mean'], found['half_width'], digits),
        f'{p_text(found["p"])}, {p_text(found["p_corrected"])}',
    )


def p_text(p: float) -> str:
    """A p-value with the digits that matter."""
    return '< 0.0001' if p < 1e-4 else f'{p:.4f}' if p < 0.01 else f'{p:.2f}'


def _interval(centre: float, half: float, digits: int) -> str:
    return f'[{centre - half:+.{digits}f}, {centre + half:+.{digits}f}]'


def run_text(runs: dict) -> str:
    """States of a cell's runs: ``5 done``, ``4 done, 1 failed``."""
    counts: dict[str, int] = {}
    for state in runs.values():
        counts[state] = counts.get(state, 0) + 1
    return ', '.join(f'{count} {state}' for state, count in counts.items())


def cost_table(results: dict, training: list[str]) -> tuple[list[str], list[list[str]]]:
    """Processor seconds of a run of every cell, and what all its runs share.

    Args:
        results: Content of ``study.json``.
        training: Names of up to two steps that get a column of their own.
    """
    rows = []
    for cell, cost in results['costs'].items():
        spent = {step: row['processor_seconds'] for step, row in cost['run'].items()}
        wall = sum(row['seconds'] for row in cost['run'].values())
        more = ' and more: resumed' if cost['resumed'] else ''
        rows.append(
            [
                cell,
                *(f'{spent[step]:.0f}' if step in spent else '-' for step in training),
                f'{sum(value for step, value in spent.items() if step not in training):.0f}',
                f'{wall:.0f}{more}',
                f'{cost["shared"]["processor_seconds"]:.0f}',
            ]
        )
    header = ['cell', *training, 'other steps', 'a run: wall seconds', 'shared by all runs']
    return header, rows


def markdown(results: dict) -> str:
    """All tables in Markdown, with what failed below them."""
    parts = []
    for number, (title, header, rows) in enumerate(tables(results)):
        lines = [header, ['---'] * len(header), *rows]
        text = '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
        parts.append(text if number == 0 else f'### {title}\n\n{text}')
    failed = [
        f'- {key}: {step["state"]}' + (f' ({step["reason"]})' if 'reason' in step else '')
        for key, step in results['steps'].items()
        if step['state'] in ('failed', 'not run', 'changed')
    ]
    if failed:
        parts.append('Not done:\n\n' + '\n'.join(failed))
    return '\n\n'.join(parts) + '\n'
