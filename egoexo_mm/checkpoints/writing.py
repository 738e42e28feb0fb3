"""Writing checkpoint files: complete ones or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.untrusted.safetensors_files import SUFFIX, encode


def check_destination(source: str | Path, destination: str | Path) -> None:
    """Refuse a destination that cannot be written or is the source, before any work is done.

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
