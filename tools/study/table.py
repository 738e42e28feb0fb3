"""The table of a study, as text."""

from __future__ import annotations


def header(results: dict) -> list[str]:
    """Names of the columns."""
    columns = ['cell', 'runs']
    for name, spec in results['measures'].items():
        columns.append(spec.get('label', name))
        if spec.get('compare', True) and results['baseline']:
            columns.append(f'minus {results["baseline"]}')
    return columns


def rows(results: dict) -> list[list[str]]:
    """Cells of the table, one row a cell of the study."""
    return [
        [cell, run_text(content['runs']), *_numbers(results, cell)]
        for cell, content in results['cells'].items()
    ]


def _numbers(results: dict, cell: str) -> list[str]:
    found = []
    for name, spec in results['measures'].items():
        entry = results['statistics'][cell].get(name)
        digits = spec.get('digits', 1)
        found.append(value_text(entry, digits))
        if spec.get('compare', True) and results['baseline']:
            found.append(
                'baseline' if cell == results['baseline'] else difference_text(entry, digits)
            )
    return found


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
    return f'{centre:+.{digits}f} [{centre - half:+.{digits}f}, {centre + half:+.{digits}f}]'


def run_text(runs: dict) -> str:
    """States of a cell's runs: ``5 done``, ``4 done, 1 failed``."""
    counts: dict[str, int] = {}
    for state in runs.values():
        counts[state] = counts.get(state, 0) + 1
    return ', '.join(f'{count} {state}' for state, count in counts.items())


def markdown(results: dict) -> str:
    """The table in Markdown, with what failed below it."""
    lines = [header(results), ['---'] * len(header(results)), *rows(results)]
    text = '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)
    failed = [
        f'- {key}: {step["state"]}' + (f' ({step["reason"]})' if 'reason' in step else '')
        for key, step in results['steps'].items()
        if step['state'] in ('failed', 'not run', 'changed')
    ]
    return text + '\n' + ('\nNot done:\n\n' + '\n'.join(failed) + '\n' if failed else '')
