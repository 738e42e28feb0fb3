"""The files in a step's folder: a marker of its state, and a lock while its process lives."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from egoexo_mm.atomic_files import whole_file

from .plan import Step

MARKER = 'study_step.json'
LOG = 'study_step.log'
LOCK = 'study_step.lock'
STATES = ('done', 'failed', 'interrupted', 'changed', 'waiting')


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file that readers see complete or not at all."""
    with whole_file(path) as temporary:
        Path(temporary).write_bytes(content.encode() if isinstance(content, str) else content)


def read_marker(folder: Path) -> dict | None:
    """The marker of a folder, or None where no step has started."""
    try:
        return json.loads((folder / MARKER).read_text())
    except FileNotFoundError:
        return None


def write_marker(step: Step, state: str, **fields: object) -> None:
    """Note a state with the inputs of the step and their fingerprint.

    Args:
        step: The step.
        state: ``'started'``, ``'done'`` or ``'failed'``.
        **fields: More to note.
    """
    marker = dict(
        state=state,
        step=step.name,
        config=step.config,
        fingerprint=step.fingerprint,
        **fields,
        inputs=step.inputs,
    )
    write_atomically(step.folder / MARKER, json.dumps(marker, indent=1) + '\n')


def state_of(step: Step) -> str:
    """One of ``STATES``.

    A step that ran with other inputs has ``changed``, whether it ended or not.
    """
    marker = read_marker(step.folder)
    if marker is None:
        return 'waiting'
    if marker['fingerprint'] != step.fingerprint:
        return 'changed'
    return 'interrupted' if marker['state'] == 'started' else marker['state']


def set_aside(folder: Path) -> Path:
    """Rename a folder, so that its step starts anew and nothing is lost."""
    number = 1
    while (target := folder.with_name(f'{folder.name}.old{number}')).exists():
        number += 1
    folder.rename(target)
    return target


def take_lock(path: Path, *, inherit: bool = False) -> int | None:
    """Lock a file.

    Args:
        path: Lock file, made if missing.
        inherit: Child processes hold the lock too, also after this process is killed.

    Returns:
        A descriptor that holds the lock until it is closed everywhere, or None while another
        process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.set_inheritable(descriptor, inherit)
    return descriptor
