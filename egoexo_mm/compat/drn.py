"""mmaction2 without its ``drn`` package, or with one that does not import.

Broken: the mmaction2 1.2.0 wheel on PyPI lacks ``mmaction/models/localizers/drn``, which
``mmaction/models/localizers/__init__.py`` imports, so ``import mmaction.models`` fails. mmaction2
from source has it, but it imports torchvision, which mmaction2 does not declare and which does not
import beside every torch.
Workaround: a stand-in for exactly that package; its ``DRN`` is registered as in mmaction2 and
refuses to be built.
Inactive: where mmaction2 has the folder (a source install, or another release) and torchvision
imports.
Delete: once the oldest mmaction2 we support ships it, and without torchvision.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

from egoexo_mm.checks import first_line

from .standin import provide
from .workaround import Workaround, package_dir, torch_family_command

NAME = 'mmaction2 without drn'
_PACKAGE = 'mmaction.models.localizers.drn'
_MISSING = (
    'DRN cannot be built: the mmaction2 wheel on PyPI does not contain it; install '
    'mmaction2 from source: pip install "mmaction2 @ git+https://github.com/open-mmlab/mmaction2@v1.2.0"'
)
_NO_TORCHVISION = (
    'DRN cannot be built: it needs torchvision, which does not import here ({}); '
    'install the torchvision that was built for this torch: {}'
)


def apply() -> Workaround:
    """Provide the stand-in where mmaction2 has no such package, or one that cannot import."""
    mmaction = package_dir('mmaction')
    if mmaction is None:
        return Workaround(NAME, False, 'mmaction2 is not installed')
    localizers = mmaction / 'models' / 'localizers'
    if '.drn' not in (localizers / '__init__.py').read_text(encoding='utf-8'):
        return Workaround(NAME, False, 'this mmaction2 is older than DRN')
    if not (localizers / 'drn').is_dir():
        _provide(_MISSING, replace=False)
        return Workaround(
            NAME, True, 'mmaction2 lacks models/localizers/drn; a stand-in answers for it'
        )
    reason = _torchvision_error(mmaction)
    if reason is None:
        return Workaround(NAME, False, 'mmaction2 has its drn package')
    _provide(_NO_TORCHVISION.format(reason, torch_family_command('torchvision')), replace=True)
    return Workaround(NAME, True, f'drn needs torchvision ({reason}); a stand-in answers for it')


def _torchvision_error(mmaction: Path) -> str | None:
    """Why the drn package cannot import torchvision; None where it can or does not want to."""
    loss = mmaction / 'models' / 'localizers' / 'drn' / 'drn_utils' / 'loss.py'
    if not loss.is_file() or 'import torchvision' not in loss.read_text(encoding='utf-8'):
        return None
    try:
        importlib.import_module('torchvision')
    except Exception as error:  # RuntimeError: operator torchvision::nms does not exist
        return first_line(f'{type(error).__name__}: {error}')
    return None


def _provide(message: str, *, replace: bool) -> None:
    provide(_PACKAGE, lambda module: None, is_package=True, replace=replace)
    provide(f'{_PACKAGE}.drn', lambda module: _fill(module, message), replace=replace)


def _fill(module: ModuleType, message: str) -> None:
    # Imported here: this runs while mmaction.models is being imported, after mmaction itself.
    from mmaction.registry import MODELS

    class DRN:
        """Stand-in for the temporal localizer that cannot be had here."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            raise NotImplementedError(message)

    DRN.__module__ = module.__name__
    module.DRN = DRN
    if 'DRN' not in MODELS.module_dict:
        MODELS.register_module(module=DRN)
