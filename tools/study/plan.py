"""From a study's config to the steps it runs.

A config (Python or YAML, read by MMEngine) describes *steps* as templates with ``{placeholders}``
and *cells*, which fill them. The folder of a step says how often it runs: ``teachers/ego`` once,
``pretrain/{recipe}/seed{seed}`` once per value of the cells' ``recipe`` and seed. Cells whose steps
have the same folder share them. ``{name}`` of a step stands for its folder and makes it a need. A
cell may name ``seeds`` of its own, some of the study's, the ``baseline`` that it is compared to
(None: no other), and its ``turn``: cells of a lower turn run first, with all their seeds.
docs/study.md has an example.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mmengine.config import Config

from .fingerprint import Fingerprints

_PLACEHOLDER = re.compile(r'\{(\w+)\}')
# of a cell, beside what fills placeholders
_ABOUT_CELLS = ('goals', 'seeds', 'baseline', 'turn')
_FIELDS = {'folder', 'command', 'config', 'needs', 'env', 'fresh', 'resume', 'checkpoint', 'slots'}


class StudyError(Exception):
    """A mistake in a study's config or folder."""


@dataclass(frozen=True)
class Step:
    """One process of the study.

    Args:
        name: of the template.
        key: its folder below the study's, which tells steps apart.
        folder: its work dir.
        command: argument list of a first start.
        resume: argument list that continues from ``checkpoint``.
        checkpoint: file in ``folder`` whose presence means that the step can be resumed.
        config: config file of the step, if it has one.
        env: variables of the environment.
        needs: keys of the steps that have to be done before.
        slots: how many of the runner's jobs it fills.
        inputs: everything that decides what the step computes, with the fingerprints of the steps
            it needs.
        fingerprint: SHA-256 of ``inputs``.
    """

    name: str
    key: str
    folder: Path
    command: tuple[str, ...]
    resume: tuple[str, ...]
    checkpoint: str
    config: str | None
    env: dict[str, str]
    needs: tuple[str, ...]
    slots: int
    inputs: dict = field(repr=False)
    fingerprint: str


@dataclass
class Plan:
    """Steps by key, each after those it needs, and the steps of every run (cell, seed)."""

    cfg: Config
    work_dir: Path
    steps: dict[str, Step]
    runs: dict[tuple[str, int], dict[str, str]]  # (cell, seed) -> step name -> key

    @property
    def cells(self) -> list[str]:
        """Names of the cells that run, in the order of the config."""
        run = {cell for cell, _ in self.runs}
        return [cell for cell in self.cfg.cells if cell in run]

    @property
    def seeds(self) -> list[int]:
        """Seeds that run."""
        return sorted({seed for _, seed in self.runs})

    def baseline(self, cell: str) -> str | None:
        """The cell that a cell is compared to, None for a baseline itself."""
        name = self.cfg.cells[cell].get('baseline', self.cfg.get('baseline'))
        return None if name == cell else name

    def step(self, cell: str, seed: int, name: str) -> Step | None:
        """Step ``name`` of a run, or None where the cell has none."""
        key = self.runs.get((cell, seed), {}).get(name)
        return self.steps.get(key)

    def dependents(self, key: str) -> Iterator[str]:
        """Keys of all steps that need ``key``, directly or not."""
        found = {key}
        for other in self.steps.values():
            if found & set(other.needs):
                found.add(other.key)
                yield other.key


def make_plan(
    cfg: Config, work_dir: Path, *, seeds: list[int] | None = None, cells: list[str] | None = None
) -> Plan:
    """All steps of the wanted cells and seeds.

    Args:
        cfg: Config of the study.
        work_dir: Its folder.
        seeds: By default all of the config. A cell that names seeds has no others.
        cells: By default all of the config.

    Raises:
        StudyError: the config is not one of a study, or a wanted cell is not in it.
    """
    for name in ('steps', 'cells', 'seeds'):
        if not cfg.get(name):
            raise StudyError(f'{cfg.filename}: a study needs {name}; see docs/study.md')
    unknown = [name for name in cells or () if name not in cfg.cells]
    if unknown:
        raise StudyError(
            f'{cfg.filename} has no cell {", ".join(unknown)}; its cells are {", ".join(cfg.cells)}'
        )
    plan = Plan(cfg, work_dir, {}, {})
    prints = Fingerprints(work_dir)
    runs = [
        (cfg.cells[cell].get('turn', 0), seed, cell)
        for seed in (cfg.seeds if seeds is None else seeds)
        for cell in cells or cfg.cells
        if seed in cfg.cells[cell].get('seeds', [seed])
    ]
    for _, seed, cell in sorted(runs, key=lambda run: run[0]):
        maker = _RunMaker(plan, prints, cell, seed)
        for goal in cfg.cells[cell].get('goals') or cfg.get('goals') or ():
            maker.step(goal)
        plan.runs[cell, seed] = maker.made
        if not maker.made:
            raise StudyError(
                f'{cfg.filename}: cell {cell} has no goals, the names of the steps that end it'
            )
    if not plan.runs:
        raise StudyError(
            f'{cfg.filename}: none of the wanted cells has one of the wanted seeds; see their '
            'seeds there'
        )
    return plan


class _RunMaker:
    """Fills the templates for one cell and one seed."""

    def __init__(self, plan: Plan, prints: Fingerprints, cell: str, seed: int) -> None:
        self.plan = plan
        self.prints = prints
        filled = dict(plan.cfg.cells[cell])
        for name in _ABOUT_CELLS:
            filled.pop(name, None)
        self.variables = {
            **plan.cfg.get('variables', {}),
            **filled,
            'cell': cell,
            'seed': seed,
            'python': sys.executable,
            'work': plan.work_dir,
        }
        self.made: dict[str, str] = {}  # step name -> key
        self.open: list[str] = []  # steps being filled, to find circles
        clash = [name for name in plan.cfg.steps if name in self.variables]
        if clash:
            raise self._error(
                f'{clash[0]} is a step and cannot be a variable as well; rename one of them'
            )

    def step(self, name: str) -> Step:
        """Step ``name`` of this run, with all that it needs."""
        if name in self.made:
            return self.plan.steps[self.made[name]]
        if name in self.open:
            raise self._error(
                f'steps need each other in a circle: {" -> ".join([*self.open, name])}'
            )
        if name not in self.plan.cfg.steps:
            raise self._error(
                f'no step is called {name!r}; the steps are {", ".join(self.plan.cfg.steps)}'
            )
        self.open.append(name)
        step = self._fill(name, self.plan.cfg.steps[name])
        self.open.pop()
        known = self.plan.steps.setdefault(step.key, step)
        if known.fingerprint != step.fingerprint:
            raise self._error(
                f'two different steps have the folder {step.key} ({known.name}: '
                f'{shlex.join(known.command)} and {name}: {shlex.join(step.command)}); put a '
                'placeholder that differs into the folder'
            )
        self.made[name] = step.key
        return known

    def _fill(self, name: str, template: dict) -> Step:
        unknown = set(template) - _FIELDS
        if unknown or not template.get('folder') or not template.get('command'):
            raise self._error(
                f'step {name} must have folder and command, and may have '
                f'{", ".join(sorted(_FIELDS))}; got {", ".join(sorted(unknown or template))}'
            )
        # a need may be a placeholder for names of steps, which every cell fills with its own
        others = [
            other
            for need in template.get('needs', ())
            for other in self._text(need, {}, {}).split()
        ]
        needs = dict.fromkeys(self.step(other).key for other in others)
        key = self._text(template['folder'], {}, {})
        own = dict(dir=str(self.plan.work_dir / key))
        config = self._text(template['config'], own, needs) if template.get('config') else None
        own['config'] = config or ''
        starts = {
            start: self._text(template.get(start, ''), own, needs) for start in ('fresh', 'resume')
        }
        commands = {
            start: tuple(shlex.split(self._text(template['command'], dict(own, start=text), needs)))
            for start, text in starts.items()
        }
        env = {**self.plan.cfg.get('env', {}), **template.get('env', {})}
        env = {variable: self._text(value, own, needs) for variable, value in env.items()}
        inputs, fingerprint = self.prints.of(
            commands['fresh'], config, env, [self.plan.steps[need].fingerprint for need in needs]
        )
        return Step(
            name=name,
            key=key,
            folder=self.plan.work_dir / key,
            command=commands['fresh'],
            resume=commands['resume'],
            checkpoint=template.get('checkpoint', 'last_checkpoint'),
            config=config,
            env=env,
            needs=tuple(needs),
            slots=template.get('slots', 1),
            inputs=inputs,
            fingerprint=fingerprint,
        )

    def _text(
        self, text: object, own: dict[str, str], needs: dict[str, None], depth: int = 0
    ) -> str:
        """``text`` with every placeholder filled; steps that it names are added to ``needs``."""
        if depth > 9:
            raise self._error(f'placeholders stand for each other in a circle, at {text!r}')

        def fill(match: re.Match) -> str:
            name = match[1]
            if name in own:
                return own[name]
            if name in self.variables:
                return self._text(self.variables[name], own, needs, depth + 1)
            if name not in self.plan.cfg.steps:
                raise self._error(
                    f'nothing fills the placeholder {{{name}}} in {text!r}; the cell gives '
                    f'{", ".join(self.variables)}'
                )
            step = self.step(name)
            needs[step.key] = None
            return str(step.folder)

        return _PLACEHOLDER.sub(fill, str(text))

    def _error(self, message: str) -> StudyError:
        return StudyError(f'{self.plan.cfg.filename}, cell {self.variables["cell"]}: {message}')
