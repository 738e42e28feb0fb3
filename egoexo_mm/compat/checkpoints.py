"""MMEngine's checkpoints, read without running what they ask for.

Broken: since torch 2.6 ``torch.load`` defaults to ``weights_only=True``, which refuses objects that
every MMEngine checkpoint has beside its weights: ``HistoryBuffer`` and the numpy arrays in it.
``resume`` and ``load_from`` fail. Before 2.6, and with every torch for a URL, MMEngine runs any
code in the file.
Workaround: where MMEngine's loaders of checkpoints call ``torch.load``, they reach
:func:`egoexo_mm.untrusted.torch_files.load_torch` instead, or ``load_safetensors`` for a
safetensors file, which MMEngine does not read. Nothing is declared safe in torch itself: every
other call of ``torch.load`` is as strict as without this package.
Inactive: with ``TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1``, torch's own switch for trusted files.
Delete: once MMEngine reads its checkpoints with ``weights_only=True``.
"""

from __future__ import annotations

import os
import pickle
from typing import Any
from urllib.parse import urlparse

from .workaround import Workaround

NAME = 'checkpoints of MMEngine'
_SWITCH = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


def apply() -> Workaround:
    """Let MMEngine's loaders of checkpoints read with this package."""
    import mmengine.runner.checkpoint as loaders
    import torch

    if not isinstance(loaders.torch, _Torch):
        loaders.torch = _Torch(torch)
        loaders.load_url = load_url
    return Workaround(
        NAME,
        True,
        f'torch {torch.__version__}: resume and load_from read history buffers and run no code',
    )


class _Torch:
    """The module ``torch`` for MMEngine's ``runner/checkpoint.py``, with another ``load``."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._torch, name)

    @staticmethod
    def load(file: Any, map_location: Any = None, **kwargs: Any) -> Any:
        """As ``torch.load``."""
        return load(file, map_location, **kwargs)


def load(file: Any, map_location: Any = None, **kwargs: Any) -> Any:
    """A checkpoint, as ``torch.load`` gives it.

    A class that the user declared safe with ``torch.serialization.add_safe_globals`` is left to
    ``torch.load(weights_only=True)``.

    Args:
        file: Path or open file.
        map_location: As of ``torch.load``.
        **kwargs: Of ``torch.load``, for a file that is left to it.

    Raises:
        pickle.UnpicklingError: The file is damaged, or asks for more than tensors and plain values.
    """
    import torch

    from egoexo_mm.untrusted.safetensors_files import is_safetensors, load_safetensors
    from egoexo_mm.untrusted.torch_files import load_torch

    where = f'{file}: ' if isinstance(file, (str, os.PathLike)) else ''
    if is_safetensors(file):
        try:
            return load_safetensors(file, map_location)
        except pickle.UnpicklingError as error:
            raise pickle.UnpicklingError(
                f'{where}not loaded: not a safetensors file ({error}); copy or download it again'
            ) from None
    if os.environ.get(_SWITCH, '').lower() in ('1', 'y', 'yes', 'true'):
        return torch.load(file, map_location=map_location, weights_only=False)
    try:
        return _with_names(load_torch(file, map_location))
    except pickle.UnpicklingError as error:
        if getattr(error, 'name', None) in _declared_safe():
            if hasattr(file, 'seek'):
                file.seek(0)
            return torch.load(file, map_location=map_location, **{**kwargs, 'weights_only': True})
        raise pickle.UnpicklingError(
            f'{where}not loaded: {_what(error)}; expected tensors, plain values and the history '
            'buffers of MMEngine. Get the file again, or where you trust its origin set '
            f'{_SWITCH}=1 for this run'
        ) from None


def load_url(
    url: str, model_dir: str | None = None, map_location: Any = None, progress: bool = True
) -> Any:
    """As ``torch.hub.load_state_dict_from_url``, which runs what the file asks for."""
    import torch

    folder = model_dir or os.path.join(torch.hub.get_dir(), 'checkpoints')
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, os.path.basename(urlparse(url).path))
    if not os.path.exists(path):
        torch.hub.download_url_to_file(url, path, None, progress=progress)
    return load(path, map_location)


def _with_names(checkpoint: Any) -> dict:
    """Refuse a file that holds no dict, which MMEngine could not use."""
    from egoexo_mm.untrusted import quote
    from egoexo_mm.untrusted.pickle_parts import DamagedError

    if not isinstance(checkpoint, dict):
        raise DamagedError(f'it holds {quote(checkpoint)} where a checkpoint is a dict')
    bad = [name for name in checkpoint if type(name) is not str or not name.isprintable()]
    if bad:
        raise DamagedError(f'its dict has the name {quote(bad[0])}')
    return checkpoint


def _what(error: Exception) -> str:
    from egoexo_mm.untrusted.pickle_parts import RefusedError

    return (
        f'it asks for {error}'
        if isinstance(error, RefusedError)
        else f'damaged or of another format ({error})'
    )


def _declared_safe() -> set[tuple[str, str]]:
    """(module, name) of what the user told torch to admit."""
    import torch

    entries = getattr(torch.serialization, 'get_safe_globals', list)()
    names = [
        entry[1] if isinstance(entry, tuple) else f'{entry.__module__}.{entry.__qualname__}'
        for entry in entries
    ]
    # torch declares some of its own, which are nobody's wish here.
    return {tuple(name.rpartition('.')[::2]) for name in names if not name.startswith('torch.')}
