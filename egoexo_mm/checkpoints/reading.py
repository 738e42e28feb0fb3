"""Reading checkpoint files: tensors and plain values, never code."""

from __future__ import annotations

import hashlib
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

from torch import Tensor

from egoexo_mm.untrusted import quote, quote_names
from egoexo_mm.untrusted.pickle_parts import RefusedError
from egoexo_mm.untrusted.safetensors_files import is_safetensors, load_checkpoint

# Counters that MMEngine's and torch's averaged models keep beside their `module.`
COUNTERS = ('steps', 'n_averaged')


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint on the CPU; no code from the file is run.

    Returns:
        What the file holds; of a safetensors file ``state_dict`` and ``meta``.

    Raises:
        ValueError: No such file, not a PyTorch file, damaged, not a dict, or in need of classes
            that are not known to be safe. The message names the path.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f'{path} is not a file; expected a PyTorch checkpoint')
    try:
        checkpoint = load_checkpoint(path, 'cpu')
    except (pickle.UnpicklingError, OSError) as error:
        raise ValueError(f'{path} {_why_unreadable(path, error)}') from None
    if isinstance(checkpoint, dict):
        return checkpoint
    raise ValueError(
        f'{path} holds a {type(checkpoint).__name__}; expected a dict with the '
        'weights under `model_state` (PySlowFast) or `state_dict` (MMAction2)'
    )


def weights_of(
    checkpoint: dict[str, Any],
    key: str,
    path: str | Path,
    expected: str = 'checkpoint written by MMAction2 or MMEngine',
) -> dict[str, Tensor]:
    """The weights under ``key``.

    Args:
        checkpoint: Content of a file.
        key: Where its weights are; '' is the file itself.
        path: Of the file, for the message.
        expected: What the file should be, for the message.

    Raises:
        ValueError: There is no such key, or no dict of names and tensors under it.
    """
    weights = checkpoint.get(key) if key else checkpoint
    where = f' under `{key}`' if key else ''
    if not isinstance(weights, dict) or not weights or not all(isinstance(k, str) for k in weights):
        found = quote_names(sorted(checkpoint, key=str)) or 'nothing'
        raise ValueError(f'{path} has no weights{where} (found: {found}); expected a {expected}')
    for name, value in weights.items():
        if not isinstance(value, Tensor):
            raise ValueError(
                f'{path}: {quote(name)}{where} is {quote(value)}, not a tensor; '
                f'expected a {expected}'
            )
    return weights


def unwrapped(weights: dict[str, Any], source: str | Path) -> tuple[dict[str, Any], Counter]:
    """Weights by the names that the recognizer itself has.

    Wrappers add to names: DistributedDataParallel and averaged models ``module.`` in front,
    torch.compile ``_orig_mod.`` in front of what it compiles, one inside the other in any order.

    Returns:
        The weights, and for each prefix how many names had it.

    Raises:
        ValueError: Two tensors have the same name without it.
    """
    found, prefixes = {}, Counter()
    for name, value in weights.items():
        parts = [part for part in name.split('.') if part != '_orig_mod'] or [name]
        while parts[0] == 'module' and len(parts) > 1:
            parts = parts[1:]
        own = '.'.join(parts)
        if own in found:
            raise ValueError(
                f'{source} has two tensors for {own}, one of them as {name}; expected '
                'the weights of one model'
            )
        found[own] = value
        if own != name:
            front = name[: -len(own)] if name.endswith(own) else '_orig_mod.'
            prefixes[front] += 1
    if prefixes:
        found = {name: value for name, value in found.items() if name not in COUNTERS}
    return found, prefixes


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], str]:
    """Weights of any checkpoint, and the SHA-256 of the file.

    Args:
        path: A bare state dict, one under ``state_dict`` (MMEngine, timm) or ``model``
            (torchvision's training), or a safetensors file. Nothing in it is run.

    Returns:
        Name -> tensor, without what wrappers add to names, see :func:`unwrapped`.

    Raises:
        ValueError: The file is missing, damaged, holds no weights or those of two models. The
            message names the path.
    """
    checkpoint = read_checkpoint(path)
    inner = (checkpoint.get(key) for key in ('state_dict', 'model'))
    weights = next((value for value in inner if isinstance(value, dict)), checkpoint)
    weights, _ = unwrapped({str(name): value for name, value in weights.items()}, path)
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        found = quote_names(weights, 3) or 'nothing'
        raise ValueError(
            f'{path}: holds no weights (found: {found}); expected a state dict of tensors, alone '
            'or under `state_dict` or `model`'
        )
    return weights, sha256_of(path)


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file as 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def _why_unreadable(path: Path, error: Exception) -> str:
    if is_safetensors(path):
        return f'is not a safetensors file ({error}); copy or download it again'
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
