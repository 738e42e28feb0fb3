"""mmengine checkpoints under torch >= 2.6.

Broken: since 2.6 ``torch.load`` defaults to ``weights_only=True``, which refuses what every
mmengine checkpoint holds beside its weights: ``HistoryBuffer`` objects and the numpy arrays in
them. ``resume`` and ``load_from`` fail.
Cure: those names are added to torch's list of safe globals. The buffer's pickle also asks for
``getattr``, to name its four statistics methods; a free ``getattr`` would let a pickle reach
anything, so that name is answered by a function that knows those four and refuses the rest.
``weights_only`` stays on: a file that tries to run code is still refused.
Inert: with torch < 2.6.
Delete: once mmengine registers its own safe globals.
"""
from __future__ import annotations

from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from .cure import Cure, package_dir

NAME = 'checkpoints under torch >= 2.6'
_STATISTICS = ('min', 'max', 'current', 'mean')


def apply() -> Cure:
    """Tell torch which globals of an mmengine checkpoint are safe."""
    if package_dir('torch') is None or package_dir('mmengine') is None:
        return Cure(NAME, False, 'torch or mmengine is not installed')
    import torch
    from mmengine.utils import digit_version
    if digit_version(torch.__version__) < digit_version('2.6.0'):
        return Cure(NAME, False, f'torch {torch.__version__} loads with weights_only=False')
    torch.serialization.add_safe_globals(_safe_globals())
    return Cure(NAME, True, f'torch {torch.__version__} loads with weights_only=True; '
                            "mmengine's history buffers were declared safe")


def history_getattr(owner: Any, name: Any) -> Callable:
    """The only ``getattr`` that a checkpoint gets: one of ``HistoryBuffer``'s four statistics
    methods.

    Raises:
        UnpicklingError: For any other object or name.
    """
    from mmengine.logging import HistoryBuffer
    if owner is HistoryBuffer and isinstance(name, str) and name in _STATISTICS:
        return HistoryBuffer.__dict__[name]
    raise UnpicklingError(
        f'the checkpoint asks for attribute {name!r} of {owner!r}, but it may name only '
        f"{', '.join(_STATISTICS)} of mmengine's HistoryBuffer; do not load this file unless you "
        'trust its origin')


def _safe_globals() -> list:
    """Entries for ``add_safe_globals``: objects, or ``(object, name in the pickle)``."""
    import numpy as np
    from mmengine.logging import HistoryBuffer
    # What arrays and numpy scalars call to be rebuilt; numpy < 2 writes numpy.core, numpy >= 2
    # numpy._core.
    rebuild = {'_reconstruct': np.empty(0).__reduce__()[0],
               'scalar': np.float64(0).__reduce__()[0]}
    names = [(function, f'numpy.{core}.multiarray.{name}')
             for name, function in rebuild.items() for core in ('core', '_core')]
    # Python 2's name for the module is what pickle protocol 2, torch's default, writes.
    answers = [(history_getattr, f'{module}.getattr') for module in ('builtins', '__builtin__')]
    return [HistoryBuffer, np.ndarray, np.dtype, *names, *answers, *_dtype_classes(np)]


def _dtype_classes(np: Any) -> list:
    """Classes such as ``numpy.dtypes.Float64DType`` (numpy >= 1.25) of the plain types."""
    plain = '?bhilqBHILQefdFDSU'  # bool, integers, floats, complex, bytes, str; no objects
    classes = {type(np.dtype(code)) for code in plain}
    return sorted(classes - {np.dtype}, key=lambda cls: cls.__name__)
