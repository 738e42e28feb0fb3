"""The report of a study: ``study.json``, ``table.md``, ``plot.png`` and a ``report.html``."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import jinja2
import numpy as np

from . import table
from .logs import training_curve, training_names
from .markers import LOG, write_atomically
from .pictures import cell_plot, clip_gif, curve_plot, data_plot, map_plot
from .plan import Plan, Step
from .reading import sentences
from .results import collect


def write_report(plan: Plan) -> dict:
    """Write all four files into the study's folder; ``report.html`` needs no other file.

    Returns:
        The content of ``study.json``.
    """
    results = collect(plan)
    write_atomically(plan.work_dir / 'study.json', json.dumps(results, indent=1) + '\n')
    write_atomically(plan.work_dir / 'table.md', table.markdown(results))
    plots = _plots(results)
    plot = plots.pop('plot', None)
    if plot:
        write_atomically(plan.work_dir / 'plot.png', plot)
    write_atomically(plan.work_dir / 'report.html', _html(plan, results, plot, plots))
    return results


def _plots(results: dict) -> dict[str, bytes]:
    """``plot`` of the first measure, ``data`` of curves over the share of data, and ``more``."""
    names = list(results['measures'])
    shown = [
        name
        for name in names[1:]
        if results['measures'][name].get('compare', True)
        and any(name in found for found in results['statistics'].values())
    ]
    plots = {}
    if names:
        plots['plot'] = cell_plot(results, names[:1])
    if shown:
        plots['more'] = cell_plot(results, shown)
    data = results['data_curve']
    if data and all(len(points) > 1 for points in data['curves'].values()):
        spec = results['measures'][data['measure']]
        plots['data'] = data_plot(data, spec.get('label', data['measure']))
    return plots


def _html(plan: Plan, results: dict, plot: bytes | None, plots: dict[str, bytes]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['base64'] = lambda content: base64.b64encode(content).decode()
    return environment.get_template('report.html.jinja').render(
        results=results,
        tables=list(table.tables(results)),
        sentences=sentences(results, plan.cfg.get('reading', [])),
        costs=table.cost_table(results, list(plan.cfg.get('curves', ()))[:2]),
        processor=sum(step.get('processor_seconds', 0) for step in results['steps'].values()),
        unfinished=any(step['state'] != 'done' for step in results['steps'].values()),
        plot=plot,
        plots=plots,
        clips=list(_clips(plan)),
        maps=list(_maps(plan, results)),
        curves=list(_curves(plan, results)),
        log=LOG,
    )


def _clips(plan: Plan) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """``examples = [dict(title=..., videos='world/clips/*.mp4', count=4), ...]``.

    Paths are below the study's folder.
    """
    for spec in plan.cfg.get('examples', ()):
        found = sorted(plan.work_dir.glob(spec['videos']))
        count = min(spec.get('count', 4), len(found))
        chosen = [found[i] for i in np.linspace(0, len(found) - 1, count).astype(int)]
        if chosen:
            files = [(str(path.relative_to(plan.work_dir)), clip_gif(path)) for path in chosen]
            yield spec['title'], files


def _done(plan: Plan, results: dict, cell: str, name: str) -> dict[int, Step]:
    """Seed -> step ``name`` of a cell, where it is done."""
    steps = {seed: plan.step(cell, seed, name) for seed in plan.seeds}
    return {
        seed: step
        for seed, step in steps.items()
        if step and results['steps'][step.key]['state'] == 'done'
    }


def _maps(plan: Plan, results: dict) -> Iterator[tuple[str, str, bytes]]:
    """``maps = [dict(title=..., step='maps', file='maps.npz')]``: each cell's first done seed."""
    for spec in plan.cfg.get('maps', ()):
        seen = set()
        for cell in plan.cells:
            for seed, step in _done(plan, results, cell, spec['step']).items():
                file = step.folder / spec['file']
                if not file.exists():
                    continue
                if step.key not in seen:
                    seen.add(step.key)
                    with np.load(file) as arrays:
                        picture = map_plot(f'{spec["title"]}: {cell}, seed {seed}', **arrays)
                    yield cell, step.key, picture
                break


def _curves(plan: Plan, results: dict) -> Iterator[tuple[str, dict[str, list[str]], bytes]]:
    """``curves = ['pretrain', 'finetune']``: of these steps, mean over seeds of every loss."""
    for name in plan.cfg.get('curves', ()):
        curves: dict[str, dict[str, np.ndarray]] = {}
        sources: dict[str, list[str]] = {}
        for cell in plan.cells:
            steps = list(_done(plan, results, cell, name).values())
            keys = [step.key for step in steps]
            if not steps or keys in sources.values():  # the first of cells that share steps
                continue
            sources[cell] = keys
            for loss in training_names(steps[0].folder):
                curves.setdefault(loss, {})[cell] = _mean_curve(
                    [training_curve(step.folder, loss) for step in steps]
                )
        if curves:
            yield name, sources, curve_plot(f'{name}: training losses, mean over seeds', curves)


def _mean_curve(curves: list[list[tuple[int, float]]]) -> np.ndarray:
    """Mean over runs at the iterations that all have."""
    runs = [dict(curve) for curve in curves]
    common = sorted(set.intersection(*(set(run) for run in runs)))
    points = [(step, np.mean([run[step] for run in runs])) for step in common]
    return np.array(points).reshape(-1, 2)
