"""Reading MMEngine's JSON logs of a work dir."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Reading:
    """A number and the log that holds it."""

    value: float
    log: Path


def last_metric(work_dir: Path, name: str) -> Reading | None:
    """Metric ``name`` of the last test or validation in a work dir, None if none has it.

    A test leaves ``<time>/<time>.json``, a training ``<time>/vis_data/scalars.json`` with its
    validations.
    """
    logs = [*work_dir.glob('*/vis_data/scalars.json')]
    logs += [path for path in work_dir.glob('*/*.json') if path.stem == path.parent.name]
    # by time, the first folder below the work dir
    for log in sorted(logs, key=lambda path: path.relative_to(work_dir).parts, reverse=True):
        found = [row[name] for row in _rows(log) if name in row]
        if found:
            return Reading(float(found[-1]), log)
    return None


def training_curve(work_dir: Path, name: str) -> list[tuple[int, float]]:
    """(step, value) of every training record, in order.

    Of a step that a resumed run repeated, the last record counts.
    """
    return sorted((row['step'], row[name]) for row in _training_rows(work_dir) if name in row)


def training_names(work_dir: Path) -> list[str]:
    """Names of the losses in the training records."""
    names = dict.fromkeys(
        name for row in _training_rows(work_dir) for name in row if name.startswith('loss')
    )
    return list(names)


def training_steps(work_dir: Path) -> int | None:
    """Number of training iterations that the log ends with, None without a log."""
    return max((row['step'] for row in _training_rows(work_dir)), default=None)


def _training_rows(work_dir: Path) -> list[dict]:
    rows: dict[int, dict] = {}
    for log in sorted(work_dir.glob('*/vis_data/scalars.json')):
        rows.update({row['step']: row for row in _rows(log) if 'loss' in row and 'step' in row})
    return list(rows.values())


def _rows(log: Path) -> Iterator[dict]:
    for line in log.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:  # a line that a killed run left half written
            continue
