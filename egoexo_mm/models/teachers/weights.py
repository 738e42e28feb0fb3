"""Filling a teacher's network from a checkpoint file, completely or not at all."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from egoexo_mm.models.checkpoints import read_checkpoint, sha256_of
from egoexo_mm.untrusted import quote_names, shorten

_SHOWN = 2  # names in a message
_ADDED = (
    'aux_heads',
    'data_preprocessor',
)  # to a recognizer, of training; backbone, neck and class head score


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], str]:
    """Weights of a checkpoint, and the SHA-256 of the file.

    Args:
        path: a bare state dict, one under ``state_dict`` (MMEngine, timm) or ``model`` (torchvision's training), or a
            ``.safetensors`` file. Nothing in it is executed.

    Returns:
        name -> tensor, without the ``module.`` of data parallel training.

    Raises:
        ValueError: the file is missing, damaged or holds no weights; one sentence with the path.
    """
    if Path(path).suffix == '.safetensors':
        weights = _read_safetensors(path)
    else:
        checkpoint = read_checkpoint(path)
        weights = next(
            (
                checkpoint[key]
                for key in ('state_dict', 'model')
                if isinstance(checkpoint.get(key), dict)
            ),
            checkpoint,
        )
    weights = {str(name).removeprefix('module.'): value for name, value in weights.items()}
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        found = quote_names(weights, 3) or 'nothing'
        raise ValueError(
            f'{path}: holds no weights (found: {found}); expected a state dict of tensors, alone or under '
            '`state_dict` or `model`'
        )
    return weights, sha256_of(path)


def _read_safetensors(path: str | Path) -> dict[str, Tensor]:
    try:
        from safetensors.torch import load_file

        return load_file(path)
    except ImportError:
        raise ValueError(
            f'{path}: needs the package safetensors; pip install safetensors'
        ) from None
    except Exception as error:  # SafetensorError comes from Rust
        raise ValueError(
            f'{path}: is missing or not a safetensors file ({shorten(str(error))}); copy or download it '
            'again'
        ) from None


def fill(network: nn.Module, weights: dict[str, Tensor], path: str | Path, expected: str) -> None:
    """Copy ``weights`` into ``network``.

    Args:
        network: every parameter and buffer of its state dict gets a value (counters of batches may lack).
        weights: name -> tensor; all of them must have a place.
        path: of their file, for the message.
        expected: for the message, what would fit.

    Raises:
        ValueError: names or shapes differ; the network is then unchanged.
    """
    own = network.state_dict()
    missing = [
        name for name in own if name not in weights and not name.endswith('.num_batches_tracked')
    ]
    unknown = [name for name in weights if name not in own]
    shapes = [
        f'{name} {tuple(weights[name].shape)} instead of {tuple(own[name].shape)}'
        for name in own
        if name in weights and weights[name].shape != own[name].shape
    ]
    problems = [
        f'{len(names)} {what} ({", ".join(shorten(name, 120) for name in names[:_SHOWN])}'
        f'{", ..." if len(names) > _SHOWN else ""})'
        for what, names in (
            ('missing', missing),
            ('unknown', unknown),
            ('of another shape', shapes),
        )
        if names
    ]
    if problems:
        raise ValueError(
            f'{path}: its weights do not fit: {"; ".join(problems)}; expected {expected}'
        )
    network.load_state_dict(weights, strict=False)


def fill_recognizer(network: nn.Module, path: str | Path, expected: str) -> str:
    """Copy the weights of a checkpoint file into the parts of a recognizer that score; the SHA-256 of the file.

    Args:
        network: an MMAction2 recognizer.
        path: of the file; what training added to it (``aux_heads.*``) is left out.
        expected: for the message, what would fit.

    Raises:
        ValueError: the file cannot be read, or does not fit completely; the network is then unchanged.
    """
    weights, sha256 = read_weights(path)
    scoring = nn.ModuleDict(
        {name: module for name, module in network.named_children() if name not in _ADDED}
    )
    fill(
        scoring,
        {name: value for name, value in weights.items() if name.partition('.')[0] not in _ADDED},
        path,
        expected,
    )
    return sha256
