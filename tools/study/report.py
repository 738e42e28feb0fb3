"""The report of a study: ``study.json``, ``table.md``, ``plot.png`` and one self-contained ``report.html``."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from html import escape

import numpy as np

from . import table
from .logs import training_curve, training_names
from .markers import LOG, write_whole
from .pictures import cell_plot, clip_gif, curve_plot, map_plot
from .plan import Plan
from .results import collect, write_json

_STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1150px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:1em 0;font-size:13px}td,th{border:1px solid #ccc;padding:3px 8px;text-align:left}
th{background:#f2f2f2}img{max-width:100%}figure{display:inline-block;margin:4px;text-align:center;font-size:12px}
.failed,.changed,.not.run{color:#b00020;font-weight:bold}.done{color:#1b6e20}code{font-size:12px}"""


def write_report(plan: Plan) -> dict:
    """Write all four files into the study's folder; what ``study.json`` holds."""
    results = collect(plan)
    write_json(results, plan.work_dir / 'study.json')
    write_whole(plan.work_dir / 'table.md', table.markdown(results))
    plot = cell_plot(results) if results['measures'] else None
    if plot:
        write_whole(plan.work_dir / 'plot.png', plot)
    write_whole(plan.work_dir / 'report.html', _html(plan, results, plot))
    return results


def _html(plan: Plan, results: dict, plot: bytes | None) -> str:
    title = escape(f'Study {results["name"]}')
    parts = [
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<style>{_STYLE}</style></head><body><h1>{title}</h1><p>{escape(results["title"])}</p>'
        f'<p>Config <code>{escape(results["config"])}</code>, seeds {", ".join(map(str, results["seeds"]))}. '
        'Every number below comes from the log named beside it; paths are relative to this file.</p>'
    ]
    parts += [
        '<h2>Table</h2>',
        _table(table.header(results), _marked(table.rows(results))),
        f'<p>Mean ± standard deviation over seeds; differences to {escape(str(results["baseline"]))} are paired '
        'by seed, with the 95 % interval of the t distribution.</p>',
    ]
    if plot:
        parts += ['<h2>Plot</h2>', _image(plot, 'png', 'cells of the study')]
    parts += _section('Example clips', _clips(plan))
    parts += _section('Target and predicted maps', _maps(plan, results))
    parts += _section('Loss curves', _curves(plan, results))
    parts += _section('Every number and where it comes from', [_numbers(results)])
    parts += _section('Steps', [_steps(results)])
    return '\n'.join([*parts, '</body></html>']) + '\n'


def _section(title: str, parts: list[str] | Iterator[str]) -> list[str]:
    parts = list(parts)
    return [f'<h2>{title}</h2>', *parts] if parts else []


def _clips(plan: Plan) -> Iterator[str]:
    """``examples = [dict(title=..., videos='world/clips/*.mp4', count=4), ...]``, below the study's folder."""
    for spec in plan.cfg.get('examples', ()):
        found = sorted(plan.work_dir.glob(spec['videos']))
        chosen = [
            found[i]
            for i in np.linspace(0, len(found) - 1, min(spec.get('count', 4), len(found))).astype(
                int
            )
        ]
        if chosen:
            yield f'<h3>{escape(spec["title"])}</h3>'
        for path in chosen:
            name = str(path.relative_to(plan.work_dir))
            yield f'<figure>{_image(clip_gif(path), "gif", name)}<figcaption>{_link(name)}</figcaption></figure>'


def _maps(plan: Plan, results: dict) -> Iterator[str]:
    """``maps = [dict(title=..., step='maps', file='maps.npz')]``: of every cell, its first done seed."""
    for spec in plan.cfg.get('maps', ()):
        seen = set()
        for cell in plan.cells:
            for seed in plan.seeds:
                step = plan.step(cell, seed, spec['step'])
                if (
                    step
                    and results['steps'][step.key]['state'] == 'done'
                    and (step.folder / spec['file']).exists()
                ):
                    if step.key not in seen:
                        seen.add(step.key)
                        with np.load(step.folder / spec['file']) as arrays:
                            picture = map_plot(f'{spec["title"]}: {cell}, seed {seed}', **arrays)
                        yield f'<p>{_link(step.key)}</p>{_image(picture, "png", f"maps of {cell}")}'
                    break


def _curves(plan: Plan, results: dict) -> Iterator[str]:
    """``curves = ['pretrain', 'finetune']``: of these steps, mean over seeds of every loss."""
    for name in plan.cfg.get('curves', ()):
        curves: dict[str, dict[str, np.ndarray]] = {}
        sources: dict[str, list[str]] = {}
        for cell in plan.cells:
            steps = [
                step
                for seed in plan.seeds
                if (step := plan.step(cell, seed, name))
                and results['steps'][step.key]['state'] == 'done'
            ]
            shared = next(
                (other for other, keys in sources.items() if keys == [step.key for step in steps]),
                None,
            )
            if not steps or shared:  # of cells that share these steps, the first stands for all
                continue
            sources[cell] = [step.key for step in steps]
            for loss in training_names(steps[0].folder):
                curves.setdefault(loss, {})[cell] = _mean_curve(
                    [training_curve(step.folder, loss) for step in steps]
                )
        if curves:
            yield _image(
                curve_plot(f'{name}: training losses, mean over seeds', curves),
                'png',
                f'losses of {name}',
            )
            listed = (
                f'{escape(cell)}: {", ".join(map(_link, keys))}' for cell, keys in sources.items()
            )
            yield f'<p>{"; ".join(listed)}</p>'


def _mean_curve(curves: list[list[tuple[int, float]]]) -> np.ndarray:
    """Mean over runs at the iterations that all have."""
    runs = [dict(curve) for curve in curves]
    common = sorted(set.intersection(*(set(run) for run in runs)))
    return np.array([(step, np.mean([run[step] for run in runs])) for step in common]).reshape(
        -1, 2
    )


def _numbers(results: dict) -> str:
    rows = [
        [
            escape(cell),
            str(seed),
            escape(name),
            f'{number["value"]:.6g}',
            f'<code>{escape(number["key"])}</code>',
            _link(number['work_dir']),
            f'<code>{escape(number["config"] or "-")}</code>',
            _link(number['log']),
        ]
        for cell, content in results['cells'].items()
        for name, numbers in content['numbers'].items()
        for seed, number in numbers.items()
    ]
    return _table(
        ['cell', 'seed', 'measure', 'value', 'key in the log', 'work dir', 'config', 'log'], rows
    )


def _steps(results: dict) -> str:
    rows = [
        [
            _link(key) if 'command' in step else escape(key),
            f'<span class="{step["state"]}">{step["state"]}</span>',
            f'{step["seconds"]:.0f}' if 'seconds' in step else '',
            str(step.get('iterations', '')),
            f'<code>{escape(step.get("command", ""))}</code>',
            escape(step.get('reason', '')) or _link(f'{key}/{LOG}') * ('command' in step),
        ]
        for key, step in results['steps'].items()
    ]
    return _table(
        ['work dir', 'state', 'seconds', 'iterations', 'command', 'log, or why it failed'], rows
    )


def _marked(rows: list[list[str]]) -> list[list[str]]:
    """Rows for HTML; a cell that is not all done stands out."""
    return [
        [
            escape(row[0]),
            f'<span class="{"failed" if "failed" in row[1] else ""}">{escape(row[1])}</span>',
            *map(escape, row[2:]),
        ]
        for row in rows
    ]


def _table(header: list[str], rows: list[list[str]]) -> str:
    body = ''.join('<tr>' + ''.join(f'<td>{cell}</td>' for cell in row) + '</tr>' for row in rows)
    return (
        '<table><tr>'
        + ''.join(f'<th>{escape(name)}</th>' for name in header)
        + f'</tr>{body}</table>'
    )


def _link(path: str) -> str:
    return f'<a href="{escape(path)}">{escape(path)}</a>'


def _image(content: bytes, kind: str, text: str) -> str:
    return f'<img alt="{escape(text)}" src="data:image/{kind};base64,{base64.b64encode(content).decode()}">'
