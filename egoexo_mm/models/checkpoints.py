"""Reading and writing checkpoint files: plain tensors only in, whole files only out."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import torch

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.untrusted import quote, quote_names
from egoexo_mm.untrusted.pickle_parts import RefusedError
from egoexo_mm.untrusted.torch_files import load_torch

_WRITTEN_BY = {
    'model_state': 'PySlowFast checkpoint (.pyth)',
    'state_dict': 'checkpoint written by MMAction2 or MMEngine',
    'model': "checkpoint of Shan et al.'s hand-object detector",
}


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint on the CPU; no code from the file is run.

    Raises:
        ValueError: no such file, not a PyTorch file, damaged, not a dict, or in need of classes
            that are not known to be safe; one sentence with the path.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f'{path} is not a file; expected a PyTorch checkpoint')
    try:
        checkpoint = load_torch(path, 'cpu')
    except (pickle.UnpicklingError, OSError) as error:
        raise ValueError(f'{path} {_why_unreadable(path, error)}') from None
    if isinstance(checkpoint, dict):
        return checkpoint
    raise ValueError(
        f'{path} holds a {type(checkpoint).__name__}; expected a dict with the '
        'weights under `model_state` (PySlowFast) or `state_dict` (MMAction2)'
    )


def weights_of(checkpoint: dict[str, Any], key: str, path: str | Path) -> dict[str, Any]:
    """The dict of weights under ``key``; ``path`` is for the error only.

    Raises:
        ValueError: it is not there, empty or not a dict with names as keys
            and tensors as values.
    """
    weights = checkpoint.get(key)
    if not isinstance(weights, dict) or not weights or not all(isinstance(k, str) for k in weights):
        found = quote_names(sorted(checkpoint, key=str)) or 'nothing'
        raise ValueError(
            f'{path} has no weights under `{key}` (found: {found}); expected a ' + _WRITTEN_BY[key]
        )
    for name, value in weights.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(
                f'{path}: {quote(name)} under `{key}` is {quote(value)}, not a tensor; '
                'expected a ' + _WRITTEN_BY[key]
            )
    return weights


def check_destination(source: str | Path, destination: str | Path) -> None:
    """Refuse, before any work is done, a destination that cannot be written or is the source.

    Raises:
        ValueError: in one sentence.
    """
    source, destination = Path(source), Path(destination)
    if not destination.parent.is_dir():
        raise ValueError(f'{destination.parent} is not a folder; make it or name another output')
    if destination.is_dir():
        raise ValueError(f'{destination} is a folder; expected the name of a file to write')
    if destination.exists() and source.exists() and destination.samefile(source):
        raise ValueError(f'{destination} is the input itself; name another output file')


def write_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write ``checkpoint`` whole or not at all: a temporary neighbour is renamed at the end."""
    with whole_file(path) as temporary, open(temporary, 'wb') as file:
        torch.save(checkpoint, file)


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file as 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def _why_unreadable(path: Path, error: Exception) -> str:
    with open(path, 'rb') as file:
        head = file.read(4096)
    # Caffe2's model zoo files are plain pickles of a dict with the single key 'blobs'.
    if path.suffix == '.pkl' or b'blobs' in head:
        return (
            'looks like a Caffe2 file; expected the PyTorch format (.pyth): load it in '
            'PySlowFast with CHECKPOINT_TYPE caffe2 and save it there first'
        )
    if isinstance(error, RefusedError):
        asked = (
            f'needs {error} to be loaded, which could run code' if error.name else f'holds {error}'
        )
        return (
            f'{asked}, and is refused; expected tensors and plain values only, so where you '
            'trust the file save its weights anew'
        )
    return 'is damaged or not a PyTorch checkpoint; copy or download it again'
