"""Ego-Exo (https://arxiv.org/abs/2104.07905) for MMAction2 1.x: importing this package registers everything."""

from egoexo_mm import compat
from egoexo_mm.errors import print_run_errors_plainly
from egoexo_mm.version import __version__

print_run_errors_plainly()


def register() -> None:
    """Import what registers with MMAction2's registries; ``import egoexo_mm`` calls it."""
    compat.apply()  # before mmaction.models is first imported
    compat.import_mmaction_models()
    from mmengine.registry import DefaultScope

    from egoexo_mm import datasets, engine, evaluation, models  # noqa: F401

    if (
        DefaultScope.get_current_instance() is None
    ):  # so that MODELS.build works in a notebook; a Runner sets its own
        DefaultScope.get_instance('mmaction', scope_name='mmaction')


if (
    not compat.started_as_command()
):  # python -m egoexo_mm, and its doctor, start where a host is missing
    register()

__all__ = ['__version__', 'compat', 'register']
