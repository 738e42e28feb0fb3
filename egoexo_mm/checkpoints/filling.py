"""Filling a network from a checkpoint file, completely or not at all."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from .matching import compare
from .reading import read_weights

# What training adds to a recognizer; its backbone, neck and class head score.
_ADDED = ('aux_heads', 'data_preprocessor')


def fill(network: nn.Module, weights: dict[str, Tensor], path: str | Path, expected: str) -> None:
    """Copy ``weights`` into ``network``.

    Args:
        network: Every parameter and buffer of its state dict gets a value. Counters of batches may
            be missing.
        weights: Name -> tensor; the network must have all of them.
        path: Of their file, for the message.
        expected: What would fit, for the message.

    Raises:
        ValueError: Names or shapes differ; the network is then unchanged.
    """
    misfit = compare(weights, network.state_dict())
    if misfit:
        raise ValueError(f'{path}: its weights do not fit: {misfit}; expected {expected}')
    network.load_state_dict(weights, strict=False)


def fill_recognizer(network: nn.Module, path: str | Path, expected: str) -> str:
    """Copy the weights of a file into the parts of a recognizer that score.

    Args:
        network: An MMAction2 recognizer.
        path: Of the file. What training added to it (``aux_heads.*``) is left out.
        expected: What would fit, for the message.

    Returns:
        The SHA-256 of the file.

    Raises:
        ValueError: The file cannot be read or does not fit; the network is then unchanged.
    """
    weights, sha256 = read_weights(path)
    fill_scoring(network, weights, path, expected)
    return sha256


def fill_scoring(
    network: nn.Module, weights: dict[str, Tensor], path: str | Path, expected: str
) -> None:
    """Copy ``weights`` into the parts of a recognizer that score; see :func:`fill_recognizer`.

    Args:
        network: An MMAction2 recognizer.
        weights: Name -> tensor. What training added is left out.
        path: Of their file, for the message.
        expected: What would fit, for the message.

    Raises:
        ValueError: They do not fit; the network is then unchanged.
    """
    scoring = nn.ModuleDict(
        {name: module for name, module in network.named_children() if name not in _ADDED}
    )
    own = {name: value for name, value in weights.items() if name.split('.')[0] not in _ADDED}
    fill(scoring, own, path, expected)
