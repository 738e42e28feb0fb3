"""From the work dirs of a study to its numbers.

Every number keeps the log, work dir and config it comes from.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from statistics import fmean

from .data_curve import describe, equal_share, points
from .logs import last_metric, training_steps
from .markers import read_marker, state_of
from .paired import Difference, deviation, holm, paired_difference
from .plan import Plan

ALPHA = 0.05
_SPENT = ('seconds', 'processor_seconds')
_OF_MARKERS = (
    'command',
    'started',
    'ended',
    'seconds',
    'processor_seconds',
    'resumed',
    'exit_code',
    'reason',
)


def collect(plan: Plan) -> dict:
    """All that the report says, ready for JSON; paths are relative to the study's folder.

    The config names what is measured::

        measures = dict(action=dict(step='test', key='acc/action_top1', label='action (%)'))
        baseline = 'third_only'

    ``data_curve`` names the cells of curves over the share of data, see :func:`_data_curve`. A
    number is read only where its step is done with its present settings.
    """
    states = {key: state_of(step) for key, step in plan.steps.items()}
    states = _with_not_run(plan, states)
    cells = {cell: _cell(plan, cell, states) for cell in plan.cells}
    steps = {key: _step(plan, key, state) for key, state in states.items()}
    return dict(
        name=plan.cfg.get('name', Path(plan.cfg.filename).stem),
        title=plan.cfg.get('title', ''),
        config=str(plan.cfg.filename),
        baseline=plan.cfg.get('baseline'),
        seeds=plan.seeds,
        measures={name: dict(spec) for name, spec in plan.cfg.get('measures', {}).items()},
        cells=cells,
        statistics=_statistics(plan, cells),
        steps=steps,
        costs={cell: _cost(plan, cell, steps) for cell in plan.cells},
        data_curve=_data_curve(plan, cells),
    )


def _with_not_run(plan: Plan, states: dict[str, str]) -> dict[str, str]:
    """``not run`` for what waits for a failed step."""
    blocked = {
        other
        for key, state in states.items()
        if state == 'failed'
        for other in plan.dependents(key)
    }
    return {
        key: 'not run' if key in blocked and state in ('waiting', 'interrupted') else state
        for key, state in states.items()
    }


def _step(plan: Plan, key: str, state: str) -> dict:
    step, marker = plan.steps[key], read_marker(plan.steps[key].folder) or {}
    fields = {name: marker[name] for name in _OF_MARKERS if name in marker}
    iterations = training_steps(step.folder)
    return dict(
        step=step.name,
        state=state,
        config=step.config,
        needs=list(step.needs),
        fingerprint=step.fingerprint,
        **fields,
        **({} if iterations is None else dict(iterations=iterations)),
    )


def _cell(plan: Plan, cell: str, states: dict[str, str]) -> dict:
    """Measure -> seed -> number with its source, and the state of every run."""
    numbers: dict[str, dict] = {}
    for name, spec in plan.cfg.get('measures', {}).items():
        numbers[name] = {}
        for seed in plan.seeds:
            step = plan.step(cell, seed, spec['step'])
            if step is None or states[step.key] != 'done':
                continue
            reading = last_metric(step.folder, spec['key'])
            if reading is not None:
                numbers[name][seed] = dict(
                    value=reading.value,
                    key=spec['key'],
                    work_dir=step.key,
                    config=step.config,
                    log=str(reading.log.relative_to(plan.work_dir)),
                )
    runs = {
        seed: _run_state([states[key] for key in plan.runs[cell, seed].values()])
        for seed in plan.seeds
        if (cell, seed) in plan.runs
    }
    steps = {seed: plan.runs[cell, seed] for seed in runs}
    return dict(numbers=numbers, runs=runs, steps=steps)


def _run_state(states: list[str]) -> str:
    """Of a run, from the states of its steps."""
    for state in ('failed', 'changed', 'interrupted', 'not run', 'waiting'):
        if state in states:
            return state
    return 'done'


def _statistics(plan: Plan, cells: dict[str, dict]) -> dict:
    """Cell -> measure -> n, mean, deviation, and the paired difference to the cell's baseline.

    The differences of one measure are corrected together.
    """
    found: dict[str, dict] = {cell: {} for cell in cells}
    for name in plan.cfg.get('measures', {}):
        values = {cell: _values(content, name) for cell, content in cells.items()}
        differences: dict[str, Difference] = {}
        for cell, seeds in values.items():
            if not seeds:
                continue
            numbers = list(seeds.values())
            entry = dict(n=len(numbers), mean=fmean(numbers), deviation=deviation(numbers))
            baseline = plan.baseline(cell)
            difference = paired_difference(seeds, values.get(baseline, {}))
            if difference is not None:
                differences[cell] = difference
                entry['baseline'] = baseline
                entry['difference'] = dict(
                    mean=difference.mean,
                    half_width=difference.half_width,
                    pairs=difference.pairs,
                    level=1 - ALPHA,
                )
            found[cell][name] = entry
        tests = {cell: one.p for cell, one in differences.items() if one.p is not None}
        for cell, (p, level) in holm(tests, ALPHA).items():
            found[cell][name]['corrected'] = dict(
                comparisons=len(tests),
                p=tests[cell],
                p_corrected=p,
                level=level,
                half_width=differences[cell].width_at(level),
            )
    return found


def _values(content: dict, measure: str) -> dict[int, float]:
    return {seed: number['value'] for seed, number in content['numbers'][measure].items()}


def _cost(plan: Plan, cell: str, steps: dict[str, dict]) -> dict:
    """Wall and processor seconds of a run, by step, as means over the seeds that are done.

    Steps whose folder does not name the seed are ``shared``: they are needed once.
    """
    runs: dict[str, list[dict]] = {}
    shared: dict[str, dict] = {}
    for (name, _), keys in plan.runs.items():
        for step, key in keys.items() if name == cell else ():
            if 'processor_seconds' not in steps[key]:
                continue
            if '{seed}' in plan.cfg.steps[step].folder:
                runs.setdefault(step, []).append(steps[key])
            else:
                shared[key] = steps[key]
    return dict(
        run={
            step: {kind: fmean(row[kind] for row in rows) for kind in _SPENT}
            for step, rows in runs.items()
        },
        shared={kind: sum(row[kind] for row in shared.values()) for kind in _SPENT},
        resumed=any(row['resumed'] for rows in runs.values() for row in rows),
    )


def _data_curve(plan: Plan, cells: dict[str, dict]) -> dict | None:
    """Accuracy over the share of data, and the share at which the last curve equals the first.

    The config names the cells of each curve by their share in percent::

        data_curve = dict(
            measure='action',
            curves=dict(third_only={'10': 'third_only_10', '100': 'third_only'}, egoexo=...),
        )
    """
    spec = plan.cfg.get('data_curve')
    if not spec:
        return None
    curves = {
        name: {
            float(share): _values(cells[cell], spec.measure)
            for share, cell in shares.items()
            if cell in cells and cells[cell]['numbers'][spec.measure]
        }
        for name, shares in spec.curves.items()
    }
    reference, method = list(curves)[0], list(curves)[-1]
    full = curves[reference].get(100.0, {})
    equal = equal_share(curves[method], full)
    return dict(
        measure=spec.measure,
        curves={name: points(curve) for name, curve in curves.items()},
        equal=None if equal is None else dataclasses.asdict(equal),
        text=describe(equal, method, reference),
    )
