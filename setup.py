"""Builds the folder ``egoexo_mm/.mim``, in the layout of MMAction2's own wheel.

``configs`` and ``tools`` are in the repository once. A wheel gets copies of them, an editable
install gets links. There MMEngine (``egoexo_mm::config.py``), mim and ``python -m egoexo_mm`` find
them.
"""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
SHIPPED = ('configs', 'tools', 'model-index.yml')
CHECKOUT_ONLY = (
    '__pycache__',
    '*.pyc',
    'tests',
    'run_demo.sh',
    'run_tests.sh',
    'setup_env.*',
    'release_dry_run.sh',
    'test_matrix.py',
    'stacks.json',
)


class BuildWithMim(build_py):
    """``build_py`` that adds ``.mim``."""

    def run(self) -> None:
        """Build the package, then ``.mim``."""
        super().run()
        if getattr(self, 'editable_mode', False):
            link(ROOT / 'egoexo_mm' / '.mim')
        else:
            copy(Path(self.build_lib, 'egoexo_mm', '.mim'))

    def get_outputs(self, include_bytecode: bool = True) -> list:
        """With the files of ``.mim``, for who asks what a build made."""
        made = Path(self.build_lib, 'egoexo_mm', '.mim')
        return super().get_outputs(include_bytecode) + [
            str(path) for path in made.rglob('*') if path.is_file()
        ]


def copy(target: Path) -> None:
    """A fresh ``.mim`` in a build folder."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, target / name, ignore=shutil.ignore_patterns(*CHECKOUT_ONLY)
            )
        else:
            shutil.copy(ROOT / name, target / name)


def link(target: Path) -> None:
    """Make ``.mim`` of a checkout: links to the folders beside the package.

    Where there are no links, the folders of the checkout itself are found.
    """
    target.mkdir(exist_ok=True)
    for name in SHIPPED:
        try:
            (target / name).unlink(missing_ok=True)
            os.symlink(os.path.relpath(ROOT / name, target), target / name)
        except OSError:
            return


setup(cmdclass=dict(build_py=BuildWithMim))
