"""Resuming from the newest checkpoint that is good.

Broken: ``--resume`` takes the path in ``last_checkpoint`` as it is. It is relative to the folder
where training was started, so a copied or moved work dir goes on from the original's file. A missing
or damaged file ends the run although older ones are there, and without ``last_checkpoint`` training
starts anew. A damaged checkpoint named by the user ends in torch's words for a broken archive.
Workaround: the name is looked for in the work dir first. What is missing or damaged is left out with
a warning, for the checkpoint that was saved last of the others. A file that the user names stays an
error, which says what is wrong with it.
Inactive: for checkpoints that are not on the local disk, and where the recorded one is good.
Delete: once mmengine's ``find_latest_checkpoint`` checks what it returns.
"""

from __future__ import annotations

import functools
import logging
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from egoexo_mm.errors import RunError
from egoexo_mm.untrusted.pickle_parts import RefusedError

from .cure import Cure, package_dir

NAME = 'resuming'
_NUMBERED = re.compile(r'(?:epoch|iter)_\d+\.pth')
_UNKNOWN = object()  # content that needs other classes
_NEEDED = ('meta', 'state_dict', 'message_hub')  # what Runner.resume reads


def apply() -> Cure:
    """Replace mmengine's ``find_latest_checkpoint`` and what ``Runner`` loads with."""
    if package_dir('torch') is None or package_dir('mmengine') is None:
        return Cure(NAME, False, 'torch or mmengine is not installed')
    from mmengine.runner import checkpoint, runner

    find = _find_good(checkpoint.find_latest_checkpoint)
    for name in ('', '.checkpoint', '.runner', '._flexible_runner'):
        module = sys.modules.get('mmengine.runner' + name)
        if module is not None:
            module.find_latest_checkpoint = find
    runner._load_checkpoint = _say_unreadable(runner._load_checkpoint)
    return Cure(NAME, True, 'a run resumes from the newest checkpoint in its work dir that is good')


def _find_good(find: Callable) -> Callable:

    @functools.wraps(find)
    def find_latest_checkpoint(path: str) -> str | None:
        recorded = _recorded(path)
        if recorded is not None and '://' in recorded:
            return find(path)
        first = recorded and _place(path, recorded)
        folder = os.path.dirname(first) if first else path
        faults = []
        for candidate in _candidates(first, folder, recorded):
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

    return find_latest_checkpoint


def _candidates(first: str | None, folder: str, recorded: str | None) -> Iterator[str]:
    """The recorded checkpoint; the others are only looked at if it does not serve."""
    if first:
        yield first
    yield from (path for path in _newest_first(folder, recorded) if path != first)


def _recorded(folder: str) -> str | None:
    """What ``last_checkpoint`` says, or None."""
    try:
        return Path(folder, 'last_checkpoint').read_text(encoding='utf-8').strip() or None
    except (OSError, ValueError):
        return None


def _place(folder: str, recorded: str) -> str:
    """The recorded checkpoint: in ``folder``, or in a ``CheckpointHook.out_dir``.

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


def _newest_first(folder: str, recorded: str | None) -> list[str]:
    """Checkpoints of training in ``folder``: unreadable ones, then by the time in them, last first."""
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
    """The time of saving in a checkpoint (``''`` without one), or None if it is not resumable."""
    try:
        checkpoint = _read(path)
        return str(checkpoint['meta'].get('time', '')) if not _lacking(checkpoint) else None
    except RefusedError:
        return ''
    except Exception:  # torch raises many kinds on damaged files
        return None


def _warn(path: str, recorded: str | None, faults: list[str], candidate: str) -> None:
    from mmengine.logging import print_log

    if recorded is None:
        faults = [f'{os.path.join(path, "last_checkpoint")} is missing or empty', *faults]
    print_log(
        f'Resuming from {candidate}, because {"; ".join(faults)}.',
        logger='current',
        level=logging.WARNING,
    )


def newest_checkpoint(folder: str) -> str | None:
    """The checkpoint of ``folder`` that training would resume from, or None; not read to the end."""
    recorded = _recorded(folder)
    first = _place(folder, recorded) if recorded and '://' not in recorded else None
    for path in _candidates(first, folder, recorded):
        if os.path.isfile(path) and _saved_at(path) is not None:
            return path
    return None


def why_not_resumable(path: str) -> str | None:
    """What keeps training from going on from a local file (``'is damaged (...)'``), or None."""
    fault, checkpoint = _try_to_read(path)
    if fault is not None or checkpoint is _UNKNOWN:
        return fault
    lacking = _lacking(checkpoint)
    return f'holds no training state (no {", ".join(lacking)})' if lacking else None


def why_unreadable(path: str) -> str | None:
    """What is wrong with a local checkpoint file, or None. Reads all of it."""
    return _try_to_read(path)[0]


def _try_to_read(path: str) -> tuple[str | None, Any]:
    """What is wrong with a local file, or None; its content, where that can be read."""
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
        return f'is damaged ({wrong})', None
    except PermissionError as error:
        return f'cannot be read ({error.strerror})', None
    except (OSError, EOFError):
        return 'is damaged (cut off or overwritten)', None
    except Exception as error:  # torch raises many kinds on damaged files
        text = (str(error) or type(error).__name__).splitlines()[0]
        return f'is damaged ({text.partition(". ")[0]})', None


def _lacking(checkpoint: Any) -> list[str]:
    return [key for key in _NEEDED if not isinstance(checkpoint, dict) or key not in checkpoint]


def _read(path: str) -> dict[str, Any]:
    """A checkpoint, without running code from it."""
    from egoexo_mm.untrusted.torch_files import load_torch

    return load_torch(path, 'cpu')


def _say_unreadable(load: Callable) -> Callable:

    @functools.wraps(load)
    def load_or_say(filename: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return load(filename, *args, **kwargs)
        except Exception as error:
            path = os.path.expanduser(str(filename))
            fault = None if '://' in path else why_unreadable(path)
            if fault is None:
                raise
            folder = path if os.path.isdir(path) else os.path.dirname(path)
            other = newest_checkpoint(folder)
            advice = f'; {other} is there' if other and other != path else ''
            raise RunError(
                f'{filename} {fault}; expected a checkpoint that is readable to its '
                f'end, so copy it again or name another one{advice}'
            ) from error

    return load_or_say
