"""What the tests share."""

import gc
import os
import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

import cv2  # noqa: F401  before decord, whose old zlib it would otherwise write and read PNG files with
import pytest

ROOT = Path(__file__).parents[1]
# the checkout, also where the package is not installed; in processes that tests start as well
sys.path.insert(0, str(ROOT))
os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
# `import tests` means this folder, also where another project (MMAction2) has such a package
_spec = ModuleSpec('tests', None, is_package=True)
_spec.submodule_search_locations.append(str(ROOT / 'tests'))
sys.modules['tests'] = module_from_spec(_spec)


def pytest_addoption(parser):
    parser.addoption('--slow', action='store_true', help='also run the tests that take minutes')


def pytest_configure(config):
    """pytest-xdist hands out files in the order of the list, not those of many tests first."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(config, items):
    if not config.getoption('--slow'):
        for item in items:
            if 'slow' in item.keywords:
                item.add_marker(pytest.mark.skip(reason='takes minutes; run with --slow'))
    # long files first, so that at the end no process is alone with one of them
    items.sort(key=lambda item: '/training/' not in item.nodeid)


def pytest_collection_finish():
    """MMEngine collects garbage for each data set that is built; imported objects are left out."""
    gc.collect()
    gc.freeze()
