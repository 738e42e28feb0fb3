"""The table of the checks, as rows, JSON and Markdown."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from pathlib import Path

import torch

COLUMNS = (
    'step',
    'clips/s',
    'ms a step',
    'MFU',
    'peak, GiB',
    'waiting for data',
    'host syncs a step',
    'result',
)
PROGRESS = re.compile(r'(\d+)/\d+ videos[^,]*, ([\d.]+) frames/s, (\d+)% waiting')


def rows(results: list[dict], folder: Path) -> list[dict]:
    """A row per step, and one per way to train of the step alone."""
    counted = _read(folder / 'step_egoexo_slowfast_k400.json')
    per_clip = counted['gflop_per_clip'] * 1e9 if counted else None
    best = counted['ceiling_tflops'] * 1e12 if counted else None
    found = []
    for result in results:
        row = dict(
            step=result['name'],
            result=result['result'] + (f'; {result["note"]}' if result['note'] else ''),
        )
        for path in result['figures']:
            figures = _read(Path(path)) or {}
            if 'gflop_per_clip' in figures:
                found += [_alone(figures, side) for side in figures['rows']]
            elif 'clips_per_s' in figures:
                row.update(
                    _measured(figures, per_clip if figures['kind'] == 'training' else None, best)
                )
        if result.get('progress'):
            row['result'] += f'; {result["progress"]}'
        found.append(row)
    return found


def _alone(figures: dict, side: dict) -> dict:
    return {
        'step': f'alone, {Path(figures["config"]).stem}: {side["step alone"]}',
        'clips/s': side['clips/s'],
        'ms a step': side['ms'],
        'MFU': side['MFU'],
        'peak, GiB': side['peak, GiB'],
        'host syncs a step': side['host syncs'],
        'result': f'{side["clips"]} clips',
    }


def _measured(figures: dict, per_clip: float | None, best: float | None) -> dict:
    rate = figures['clips_per_s']
    row = {
        'clips/s': rate,
        'peak, GiB': figures['peak_gib'],
        'waiting for data': figures['waiting'],
        'host syncs a step': figures['syncs_per_step'],
    }
    if rate and per_clip and best:
        row['MFU'] = rate / figures['ranks'] * per_clip / best
    return {key: value for key, value in row.items() if value is not None}


def progress(log: Path) -> str:
    """The last line of progress that an extraction logged."""
    lines = (
        [match.group(0) for match in PROGRESS.finditer(log.read_text(errors='replace'))]
        if log.is_file()
        else []
    )
    return lines[-1] if lines else ''


def _read(path: Path) -> dict | None:
    return json.loads(path.read_text()) if path.is_file() else None


def machine() -> dict:
    """Where this was measured."""
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU'
    return dict(
        date=datetime.date.today().isoformat(),
        device=card,
        gpus=torch.cuda.device_count(),
        cpus=os.cpu_count(),
        python=platform.python_version(),
        torch=torch.__version__,
        cuda=torch.version.cuda,
        cudnn=torch.backends.cudnn.version(),
    )


def write(results: list[dict], out: Path) -> str:
    """Write ``table.json`` and ``table.md``; returns the Markdown."""
    table = rows(results, out / 'figures')
    counted = _read(out / 'figures' / 'step_egoexo_slowfast_k400.json') or {}
    facts = machine() | {
        key: counted[key] for key in ('gflop_per_clip', 'ceiling_tflops') if key in counted
    }
    all_figures = {
        path.stem: json.loads(path.read_text()) for path in sorted((out / 'figures').glob('*.json'))
    }
    found = dict(machine=facts, rows=table, steps=results, figures=all_figures)
    (out / 'table.json').write_text(json.dumps(found, indent=1) + '\n')
    lines = ['| ' + ' | '.join(COLUMNS) + ' |', '|---' * len(COLUMNS) + '|']
    lines += [
        '| ' + ' | '.join(_cell(column, row.get(column)) for column in COLUMNS) + ' |'
        for row in table
    ]
    text = '\n'.join(
        [', '.join(f'{key} {_cell(key, value)}' for key, value in facts.items()), '', *lines, '']
    )
    (out / 'table.md').write_text(text)
    return text


def _cell(column: str, value: object) -> str:
    if value is None:
        return '-'
    if column in ('MFU', 'waiting for data'):
        return f'{value:.0%}'
    return f'{value:.4g}' if isinstance(value, float) else str(value)
