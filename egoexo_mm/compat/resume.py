"""Resuming from the newest checkpoint that is good.

Broken: ``--resume`` takes the path in ``last_checkpoint`` as it is. It is relative to the folder
where training was started, so a copied or moved work dir goes on from the original's file. A
missing or damaged file ends the run although older ones exist, and without ``last_checkpoint``
training starts anew. A damaged checkpoint named by the user ends in torch's words for a broken
archive.
Workaround: the name is looked for in the work dir first. A missing or damaged file is left out with
a warning, for the checkpoint that was saved last of the others. A file that the user names stays an
error, which says what is wrong with it.
Inactive: for checkpoints that are not on the local disk, and where the recorded one is good.
Delete: once mmengine's ``find_latest_checkpoint`` checks what it returns.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from egoexo_mm.checkpoints.resumable import (
    candidates,
    newest_checkpoint,
    place_of,
    recorded_checkpoint,
    why_not_resumable,
    why_unreadable,
)
from egoexo_mm.errors import RunError

from .workaround import Workaround, wrap

NAME = 'resuming'


def apply() -> Workaround:
    """Replace mmengine's ``find_latest_checkpoint`` and the function that ``Runner`` loads with."""
    import mmengine.runner  # noqa: F401

    # Each of these modules imported the function by name, so each has it to replace.
    for name in ('', '.checkpoint', '.runner', '._flexible_runner'):
        module = sys.modules.get('mmengine.runner' + name)
        if hasattr(module, 'find_latest_checkpoint'):
            wrap(module, 'find_latest_checkpoint', _find_good)
    wrap(sys.modules['mmengine.runner.runner'], '_load_checkpoint', _say_unreadable)
    return Workaround(
        NAME, True, 'a run resumes from the newest checkpoint in its work dir that is good'
    )


def _find_good(find: Callable, path: str) -> str | None:
    recorded = recorded_checkpoint(path)
    if recorded is not None and '://' in recorded:
        return find(path)
    first = recorded and place_of(recorded, path)
    faults = []
    for candidate in candidates(first, os.path.dirname(first) if first else path, recorded):
        fault = why_not_resumable(candidate)
        if fault is None:
            if candidate != first:
                _warn(path, recorded, faults, candidate)
            return candidate
        faults.append(f'{candidate} {fault}')
    if faults:
        raise RunError(
            f'{path}: no checkpoint to resume from: {"; ".join(faults)}; name another '
            'one (--resume CHECKPOINT), or remove last_checkpoint and the damaged '
            'files to start anew'
        )
    return find(path)  # says that there is nothing to resume


def _warn(path: str, recorded: str | None, faults: list[str], candidate: str) -> None:
    from mmengine.logging import print_log

    if recorded is None:
        faults = [f'{os.path.join(path, "last_checkpoint")} is missing or empty', *faults]
    print_log(
        f'Resuming from {candidate}, because {"; ".join(faults)}.',
        logger='current',
        level=logging.WARNING,
    )


def _say_unreadable(load: Callable, filename: str, *args: Any, **kwargs: Any) -> Any:
    try:
        return load(filename, *args, **kwargs)
    except Exception as error:
        path = os.path.expanduser(str(filename))
        fault = None if '://' in path else why_unreadable(path)
        if fault is None:
            raise
        other = newest_checkpoint(path if os.path.isdir(path) else os.path.dirname(path))
        advice = f'; {other} is there' if other and other != path else ''
        raise RunError(
            f'{filename} {fault}; expected a checkpoint that is readable to its '
            f'end, so copy it again or name another one{advice}'
        ) from error
