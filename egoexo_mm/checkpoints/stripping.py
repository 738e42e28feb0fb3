"""Reducing a training checkpoint to what stock MMAction2 loads: the backbone and the class head."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from .reading import read_checkpoint, unwrapped, weights_of
from .writing import check_destination, write_checkpoint

# Mean and std of the preprocessor are not persistent in MMAction2, which would not expect them.
DROPPED = ('aux_heads.', 'teachers.', 'data_preprocessor.')


def strip(
    source: Path,
    destination: Path,
    *,
    dropped: tuple[str, ...] = DROPPED,
    meta_keys: Collection[str] | None = None,
) -> str:
    """Write ``source`` to ``destination`` without training state and added modules.

    Args:
        source: Checkpoint of a training.
        destination: File to write, ``.pth`` or ``.safetensors``.
        dropped: Weights whose names start so are left out.
        meta_keys: What is kept of ``meta``; None: all plain values.

    Returns:
        A summary of a few lines.

    Raises:
        ValueError: Names the file and what was expected; nothing is written.
    """
    check_destination(source, destination)
    checkpoint = read_checkpoint(source)
    weights = weights_of(checkpoint, 'state_dict', source)
    weights, prefixes = unwrapped(weights, source)
    kept = {name: value for name, value in weights.items() if not name.startswith(dropped)}
    if not kept:
        raise ValueError(
            f'{source} has only {", ".join(dropped)} weights; expected a recognizer '
            'with `backbone.` and `cls_head.`'
        )
    meta = checkpoint.get('meta')
    meta = _plain(meta) if isinstance(meta, dict) else {}
    if meta_keys is not None:
        meta = {key: value for key, value in meta.items() if key in meta_keys}
    write_checkpoint({'state_dict': kept, 'meta': meta}, destination)
    lines = [f'kept {len(kept)} of {len(weights)} tensors']
    lines += [
        f'took {prefix} off the names of {count} tensors'
        for prefix, count in sorted(prefixes.items())
    ]
    for prefix in dropped:
        count = sum(name.startswith(prefix) for name in weights)
        if count:
            lines.append(f'dropped {count} tensors of {prefix}')
    others = sorted(str(key) for key in checkpoint if key not in ('state_dict', 'meta'))
    if others:
        lines.append(f'dropped {", ".join(others)}')
    sizes = [path.stat().st_size / 1e6 for path in (source, destination)]
    return '\n'.join([*lines, f'{sizes[0]:.1f} MB -> {sizes[1]:.1f} MB', f'wrote {destination}'])


def _plain(value: Any) -> Any:
    """A dict, list or tuple with nothing in it but exact Python scalars, strings and containers.

    Values of other types are left out. A NumPy scalar or a config class would need more than
    ``torch.load(weights_only=True)`` admits.
    """
    if isinstance(value, dict):
        return {
            key: _plain(item) for key, item in value.items() if _is_scalar(key) and _stays(item)
        }
    if isinstance(value, (list, tuple)):
        items = [_plain(item) for item in value if _stays(item)]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def _is_scalar(value: Any) -> bool:
    return value is None or type(value) in (bool, int, float, str)


def _stays(value: Any) -> bool:
    return _is_scalar(value) or isinstance(value, (dict, list, tuple))
