"""mmaction2 without its ``drn`` package.

Broken: the mmaction2 1.2.0 wheel on PyPI lacks ``mmaction/models/localizers/drn``, which
``mmaction/models/localizers/__init__.py`` imports, so ``import mmaction.models`` fails.
Cure: a stand-in for exactly that package; its ``DRN`` is registered as in mmaction2 and refuses to
be built.
Inert: where mmaction2 has the folder (a source install, or another release).
Delete: once the oldest mmaction2 we support ships it.
"""
from __future__ import annotations

from types import ModuleType

from .cure import Cure, package_dir
from .standin import provide

NAME = 'mmaction2 without drn'
_PACKAGE = 'mmaction.models.localizers.drn'
_MISSING = ('DRN cannot be built: the mmaction2 wheel on PyPI does not contain it; install '
            'mmaction2 from source: pip install "mmaction2 @ git+https://github.com/open-mmlab/mmaction2@v1.2.0"')


def apply() -> Cure:
    """Provide the stand-in where mmaction2 is installed without the real package."""
    mmaction = package_dir('mmaction')
    if mmaction is None:
        return Cure(NAME, False, 'mmaction2 is not installed')
    if (mmaction / 'models' / 'localizers' / 'drn').is_dir():
        return Cure(NAME, False, 'mmaction2 has its drn package')
    provide(_PACKAGE, lambda module: None, is_package=True)
    provide(f'{_PACKAGE}.drn', _fill)
    return Cure(NAME, True, 'mmaction2 lacks models/localizers/drn; a stand-in answers for it')


def _fill(module: ModuleType) -> None:
    # Imported here: it runs while mmaction.models is being imported, when mmaction itself is there
    # already.
    from mmaction.registry import MODELS

    class DRN:
        """Stand-in for the temporal localizer that the wheel lacks."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            raise NotImplementedError(_MISSING)

    DRN.__module__ = module.__name__
    module.DRN = DRN
    if 'DRN' not in MODELS.module_dict:
        MODELS.register_module(module=DRN)
