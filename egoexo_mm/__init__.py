"""Ego-Exo (https://arxiv.org/abs/2104.07905) for MMAction2 1.x.

Importing this package registers everything with MMEngine's registries.
"""

from egoexo_mm import compat, former_names
from egoexo_mm.errors import print_run_errors_plainly
from egoexo_mm.version import __version__

former_names.install()
print_run_errors_plainly()


def register() -> None:
    """Import what registers with MMAction2's registries; ``import egoexo_mm`` calls it."""
    compat.apply()  # before mmaction.models is first imported
    compat.import_mmaction_models()
    from mmengine.registry import DefaultScope

    from egoexo_mm import datasets, engine, evaluation, inference, models  # noqa: F401

    former_names.register_placeholders()

    # so that MODELS.build works in a notebook; a Runner sets its own
    if DefaultScope.get_current_instance() is None:
        DefaultScope.get_instance('mmaction', scope_name='mmaction')


# python -m egoexo_mm, and its doctor, start where a host is missing
if not compat.started_as_command():
    register()

__all__ = ['__version__', 'compat', 'register']
