"""``import mmaction.models`` without a half-imported mmdet or mmpretrain.

Broken: ``mmaction.models`` tries ``import mmdet.models`` for its AVA heads. Beside an mmcv without
compiled ops that either fails half way (leaving part of mmdet in ``sys.modules`` and in the
registries) or, with our stand-in for ``mmcv._ext``, pulls all of mmdet into every training run.
Only detector configs are to import mmdet.
It also tries ``import mmpretrain.models`` and expects an ImportError at most: beside a torchvision
that was built for another torch that is a RuntimeError, and no model of mmaction2 can be used.
Workaround: mmdet, and where torchvision does not import mmpretrain, are hidden while
``mmaction.models`` is imported for the first time; mmaction2 then skips its AVA heads and
MobileOneTSM, as it does where they are not installed.
Inactive: where mmcv has its compiled ops, mmdet is not installed, or one of mmdet and
mmaction.models is imported already.
Delete: together with ``mmcv_ext``.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import ModuleType

from .mmcv_ext import compiled_ops_exist
from .workaround import package_dir


def import_mmaction_models() -> ModuleType:
    """Import and return ``mmaction.models``, which registers mmaction2's models.

    Raises:
        ImportError: mmaction2 is not installed (the message says how to install it), or it does
            not import here.
    """
    if package_dir('mmaction') is None:
        raise ImportError(
            'egoexo_mm needs mmaction2, which is not installed: pip install mmaction2==1.2.0 '
            '(python -m egoexo_mm.doctor lists everything that is missing)'
        )
    with _mmdet_hidden(), _mmpretrain_hidden():
        return importlib.import_module('mmaction.models')


def _mmdet_hidden() -> AbstractContextManager:
    """Inside this block ``import mmdet`` fails at once, where it would run on the stand-in ops."""
    usable = 'mmdet' in sys.modules or compiled_ops_exist()
    return nullcontext() if usable else _hidden('mmdet')


def _mmpretrain_hidden() -> AbstractContextManager:
    """Inside this block ``import mmpretrain`` fails at once, where torchvision does not import."""
    installed = 'mmpretrain' not in sys.modules and package_dir('mmpretrain') is not None
    return _hidden('mmpretrain') if installed and not _torchvision_imports() else nullcontext()


def _torchvision_imports() -> bool:
    """Whether torchvision imports, or is missing in a way that mmaction2 expects."""
    try:
        importlib.import_module('torchvision')
    except ImportError:
        return True
    except Exception:  # its operators do not register
        return False
    return True


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    sys.modules[name] = None  # the import system's own way to say: there is no such module
    try:
        yield
    finally:
        if sys.modules.get(name, 0) is None:
            del sys.modules[name]
