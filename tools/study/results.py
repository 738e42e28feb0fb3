"""From the work dirs of a study to its numbers.

Every number keeps the log, work dir and config it comes from.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean

from .logs import last_metric, training_steps
from .markers import read_marker, state_of
from .paired import deviation, paired_difference
from .plan import Plan


def collect(plan: Plan) -> dict:
    """All that the report says, ready for JSON; paths are relative to the study's folder.

    The config names what is measured::

        measures = dict(action=dict(step='test', key='acc/action_top1', label='action (%)'))
        baseline = 'third_only'

    A number is read only where its step is done with its present settings.
    """
    states = {key: state_of(step) for key, step in plan.steps.items()}
    states = _with_not_run(plan, states)
    cells = {cell: _cell(plan, cell, states) for cell in plan.cells}
    return dict(
        name=plan.cfg.get('name', Path(plan.cfg.filename).stem),
        title=plan.cfg.get('title', ''),
        config=str(plan.cfg.filename),
        baseline=plan.cfg.get('baseline'),
        seeds=plan.seeds,
        measures={name: dict(spec) for name, spec in plan.cfg.get('measures', {}).items()},
        cells=cells,
        statistics=_statistics(plan, cells),
        steps={key: _step(plan, key, state) for key, state in states.items()},
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
    fields = {
        name: marker[name]
        for name in ('command', 'started', 'ended', 'seconds', 'exit_code', 'reason')
        if name in marker
    }
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
    """Cell -> measure -> n, mean, deviation, and the paired difference to the baseline cell."""
    baseline = cells.get(plan.cfg.get('baseline'))
    found: dict[str, dict] = {}
    for cell, content in cells.items():
        found[cell] = {}
        for name, numbers in content['numbers'].items():
            if not numbers:
                continue
            values = {seed: number['value'] for seed, number in numbers.items()}
            entry = dict(
                n=len(values),
                mean=fmean(values.values()),
                deviation=deviation(list(values.values())),
            )
            if baseline is not None and content is not baseline:
                base = {seed: number['value'] for seed, number in baseline['numbers'][name].items()}
                difference = paired_difference(values, base)
                if difference is not None:
                    entry['difference'] = dict(
                        mean=difference.mean,
                        half_width=difference.half_width,
                        pairs=difference.pairs,
                        level=0.95,
                    )
            found[cell][name] = entry
    return found
