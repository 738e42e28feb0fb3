"""Writing checkpoint files: complete ones or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.untrusted.safetensors_files import SUFFIX, encode

from .reading import read_checkpoint

_OPTIMIZERS = ('optimizer', 'optimizer_state')  # keys of MMEngine and PySlowFast


def check_destination(source: str | Path, destination: str | Path) -> None:
    """Refuse a destination that cannot be written, is the source, or is a training's checkpoint.

    Other files that are there may be replaced.

    Raises:
        ValueError: With the path and what to do.
    """
    source, destination = Path(source), Path(destination)
    if not destination.parent.is_dir():
        raise ValueError(f'{destination.parent} is not a folder; make it or name another output')
    if destination.is_dir():
        raise ValueError(f'{destination} is a folder; expected the name of a file to write')
    if destination.exists() and source.exists() and destination.samefile(source):
        raise ValueError(f'{destination} is the input itself; name another output file')
    if destination.exists() and _holds_training(destination):
        raise ValueError(
            f'{destination} is there already and holds the state of a training (optimizer), which '
            'would be lost; if the arguments are swapped, swap them, or name another output file'
        )


def _holds_training(path: Path) -> bool:
    try:
        return not read_checkpoint(path).keys().isdisjoint(_OPTIMIZERS)
    except Exception:  # no checkpoint, or a damaged one: there is no state to lose
        return False


def write_checkpoint(checkpoint: dict[str, Any], path: str | Path) -> None:
    """Write a file completely or not at all: a temporary neighbour is renamed at the end.

    Args:
        checkpoint: Any. A name that ends in ``.safetensors`` takes weights (a bare state dict, or
            one under ``state_dict``) and what JSON can hold of ``meta``.
        path: Of the file.

    Raises:
        ValueError: A safetensors file cannot hold it.
    """
    with whole_file(path) as temporary, open(temporary, 'wb') as file:
        if Path(path).suffix == SUFFIX:
            weights = checkpoint.get('state_dict', checkpoint)
            file.writelines(encode(weights, checkpoint.get('meta', {})))
        else:
            torch.save(checkpoint, file)
