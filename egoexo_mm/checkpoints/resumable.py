"""Finding the checkpoint of a run that can be resumed, and the faults of the others.

Imports no host at the top, so that ``compat`` can use it where hosts are missing.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from egoexo_mm.checks import first_line
from egoexo_mm.untrusted.pickle_parts import RefusedError

_NUMBERED = re.compile(r'(?:epoch|iter)_\d+\.pth')
_UNKNOWN = object()  # content that needs classes not known to be safe
_NEEDED = ('meta', 'state_dict', 'message_hub')  # what Runner.resume reads


def recorded_checkpoint(folder: str) -> str | None:
    """What ``last_checkpoint`` of a work dir says, or None."""
    try:
        return Path(folder, 'last_checkpoint').read_text(encoding='utf-8').strip() or None
    except (OSError, ValueError):
        return None


def place_of(recorded: str, folder: str) -> str:
    """Where the recorded checkpoint is: in ``folder``, or in a ``CheckpointHook.out_dir``.

    Another run's work dir, which has a ``last_checkpoint`` of its own, is never looked into.
    """
    outside = os.path.dirname(recorded)
    inside = os.path.join(folder, os.path.basename(recorded))
    if (
        os.path.exists(inside)
        or not os.path.isdir(outside)
        or os.path.exists(os.path.join(outside, 'last_checkpoint'))
    ):
        return inside
    return recorded


def candidates(first: str | None, folder: str, recorded: str | None) -> Iterator[str]:
    """The checkpoint ``first``, then the others of ``folder``, newest first.

    The others are only looked at if the caller goes on to them.
    """
    if first:
        yield first
    yield from (path for path in _newest_first(folder, recorded) if path != first)


def newest_checkpoint(folder: str) -> str | None:
    """The checkpoint of ``folder`` that training would resume from, or None."""
    recorded = recorded_checkpoint(folder)
    first = place_of(recorded, folder) if recorded and '://' not in recorded else None
    for path in candidates(first, folder, recorded):
        if _saved_at(path) is not None:
            return path
    return None


def has_checkpoints(folder: str) -> bool:
    """Whether training left checkpoints in ``folder``, or a record of one, damaged or not."""
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    return recorded_checkpoint(folder) is not None or any(map(_NUMBERED.fullmatch, names))


def newest_of_run(runner: Any) -> str | None:
    """The same for a runner: where its ``CheckpointHook`` saves, or in its work dir."""
    from mmengine.hooks import CheckpointHook

    hook = next((hook for hook in runner.hooks if isinstance(hook, CheckpointHook)), None)
    return newest_checkpoint(str(getattr(hook, 'out_dir', None) or runner.work_dir))


def why_not_resumable(path: str) -> str | None:
    """What keeps training from resuming from a local file (``'is damaged (...)'``), or None."""
    fault, checkpoint = _try_to_read(path)
    if fault is not None or checkpoint is _UNKNOWN:
        return fault
    lacking = _lacking(checkpoint)
    return f'holds no training state (no {", ".join(lacking)})' if lacking else None


def why_unreadable(path: str) -> str | None:
    """The fault of a local checkpoint file, or None. Reads the file to its end."""
    return _try_to_read(path)[0]


def _newest_first(folder: str, recorded: str | None) -> list[str]:
    """Checkpoints of training in ``folder``, unreadable ones first, then by the time in them."""
    name = os.path.basename(recorded or '')
    like = re.compile(r'\d+'.join(map(re.escape, re.split(r'\d+', name)))) if name else _NUMBERED
    found = []
    for file in os.listdir(folder) if os.path.isdir(folder) else ():
        if _NUMBERED.fullmatch(file) or like.fullmatch(file):
            path = os.path.join(folder, file)
            saved = _saved_at(path)
            numbers = [int(number) for number in re.findall(r'\d+', file)]
            found.append((saved is None, saved or '', numbers, path))
    return [path for *_, path in sorted(found, reverse=True)]


def _saved_at(path: str) -> str | None:
    """The time of saving in a checkpoint (``''`` if unknown), or None if it is not resumable."""
    fault, checkpoint = _try_to_read(path)
    if checkpoint is _UNKNOWN:
        return ''
    return None if fault or _lacking(checkpoint) else str(checkpoint['meta'].get('time', ''))


def _try_to_read(path: str) -> tuple[str | None, Any]:
    """The fault of a local file, or None; and its content, where it can be read."""
    if os.path.isdir(path):
        return 'is a folder, expected a checkpoint file', None
    if not os.path.exists(path):
        return 'is missing', None
    if not os.path.getsize(path):
        return 'is damaged (the file is empty)', None
    try:
        return None, _read(path)  # checks sizes and checksums
    except RefusedError:  # not known to be safe: the loader says which
        return None, _UNKNOWN
    except pickle.UnpicklingError as error:
        wrong = 'wrong checksum' if 'CRC' in str(error) else 'cut off or not a checkpoint'
    except PermissionError as error:
        return f'cannot be read ({error.strerror})', None
    except (OSError, EOFError):
        wrong = 'cut off or overwritten'
    except Exception as error:  # torch raises many kinds on damaged files
        wrong = first_line(error).partition('. ')[0]
    return f'is damaged ({wrong})', None


def _lacking(checkpoint: Any) -> list[str]:
    parts = checkpoint if isinstance(checkpoint, dict) else {}
    return [key for key in _NEEDED if not isinstance(parts.get(key), dict)]


def _read(path: str) -> dict[str, Any]:
    """A checkpoint, without running code from it."""
    from egoexo_mm.untrusted.safetensors_files import load_checkpoint

    return load_checkpoint(path, 'cpu')
