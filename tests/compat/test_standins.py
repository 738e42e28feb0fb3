"""The last-resort finder and the two small stand-ins on the way to ``import mmaction.models``."""

import importlib
import importlib.metadata
import subprocess
import sys
from types import ModuleType

import pytest
from mmaction.registry import MODELS

from egoexo_mm import compat
from egoexo_mm.compat import drn, importlib_metadata_alias, standin
from egoexo_mm.compat.workaround import package_dir
from tests.hosts import needs


@pytest.fixture(autouse=True)
def _applied():
    compat.apply()


def test_apply_twice_changes_nothing():
    before = list(sys.meta_path), compat.active_workarounds()
    compat.apply()
    assert (list(sys.meta_path), compat.active_workarounds()) == before
    assert len({one.name for one in before[1]}) == len(before[1])


def test_a_real_module_wins(tmp_path, monkeypatch):
    monkeypatch.setattr(standin._FINDER, 'entries', {})
    standin.provide('egoexo_test_host', lambda module: setattr(module, 'real', False))
    assert standin._FINDER in sys.meta_path
    found = importlib.import_module('egoexo_test_host')
    assert found.real is False
    assert standin.is_standin(found)

    monkeypatch.delitem(sys.modules, 'egoexo_test_host')
    (tmp_path / 'egoexo_test_host.py').write_text('real = True\n')
    monkeypatch.syspath_prepend(str(tmp_path))
    found = importlib.import_module('egoexo_test_host')
    assert found.real is True
    assert not standin.is_standin(found)


def test_the_finder_knows_its_names_only():
    assert standin._FINDER.find_spec('mmaction.models.localizers.other') is None


@pytest.mark.skipif(not drn.apply().active, reason='this mmaction2 has its drn package')
def test_drn_refuses_to_be_built():
    compat.import_mmaction_models()
    with pytest.raises(NotImplementedError, match=r'DRN cannot be built: .* install "mmaction2 @'):
        MODELS.build(dict(type='DRN', _scope_='mmaction', vocab_size=3))


def test_drn_is_inert_where_mmaction2_has_it(tmp_path, monkeypatch):
    drn_folder = tmp_path / 'models' / 'localizers' / 'drn'
    drn_folder.mkdir(parents=True)
    (drn_folder.parent / '__init__.py').write_text('from .drn.drn import DRN\n')
    monkeypatch.setattr(drn, 'package_dir', lambda name: tmp_path)
    monkeypatch.setattr(drn, 'provide', lambda *a, **k: pytest.fail('a stand-in was installed'))
    assert drn.apply() == compat.Workaround(drn.NAME, False, 'mmaction2 has its drn package')


def test_drn_is_inert_where_mmaction2_is_older(tmp_path, monkeypatch):
    (tmp_path / 'models' / 'localizers').mkdir(parents=True)
    (tmp_path / 'models' / 'localizers' / '__init__.py').write_text('from .bmn import BMN\n')
    monkeypatch.setattr(drn, 'package_dir', lambda name: tmp_path)
    assert drn.apply() == compat.Workaround(drn.NAME, False, 'this mmaction2 is older than DRN')


SOURCE_LAYOUT = """
import sys
sys.orig_argv = ["-m", "egoexo_mm"]  # nothing but the workarounds is imported
sys.path.insert(0, sys.argv[1])  # a real drn package, and a torchvision that is not for this torch
from egoexo_mm import compat
from egoexo_mm.compat import drn
drn.package_dir = lambda name: __import__('pathlib').Path(sys.argv[1], name)
compat.apply()
import mmaction.models.localizers as localizers
from mmaction.registry import MODELS
try:
    MODELS.get('DRN')()
except NotImplementedError as error:
    print(error)
"""


def test_a_real_drn_without_torchvision_is_replaced(tmp_path):
    """Layout of mmaction2 from source: ``drn`` is there and imports torchvision."""
    localizers = tmp_path / 'mmaction' / 'models' / 'localizers'
    (localizers / 'drn' / 'drn_utils').mkdir(parents=True)
    for folder in (
        *list((localizers / 'drn' / 'drn_utils').parents)[:4],
        localizers / 'drn' / 'drn_utils',
    ):
        (folder / '__init__.py').write_text('')
    (localizers / '__init__.py').write_text('from .drn.drn import DRN\n')
    (localizers / 'drn' / 'drn.py').write_text('from .drn_utils import loss\nclass DRN: pass\n')
    (localizers / 'drn' / 'drn_utils' / 'loss.py').write_text('import torchvision\n')
    (tmp_path / 'mmaction' / 'registry.py').write_text(
        'from mmengine.registry import Registry\nMODELS = Registry("model", locations=[])\n'
    )
    (tmp_path / 'torchvision.py').write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', SOURCE_LAYOUT, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=package_dir('egoexo_mm').parent,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert 'DRN cannot be built: it needs torchvision' in done.stdout
    assert 'operator torchvision::nms does not exist' in done.stdout
    assert 'pip install --no-deps "torchvision==0.' in done.stdout


@pytest.mark.parametrize('module', [drn, importlib_metadata_alias])
def test_inert_without_mmaction2(module, monkeypatch):
    monkeypatch.setattr(module, 'package_dir', lambda name: None)
    assert module.apply() == compat.Workaround(module.NAME, False, 'mmaction2 is not installed')


def test_the_alias_is_the_standard_library():
    module = ModuleType('importlib_metadata')
    importlib_metadata_alias._fill(module)
    assert module.distribution('numpy').version == importlib.metadata.version('numpy')
    assert module.PackageNotFoundError is importlib.metadata.PackageNotFoundError


@needs('mmaction2', '1.2', 'the import')
def test_mmaction_imports_without_importlib_metadata():
    script = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name == 'importlib_metadata'
        return None if hidden else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
from egoexo_mm import compat
compat.apply()
compat.import_mmaction_models()
print(sys.modules['importlib_metadata'].__spec__.origin)
"""
    done = subprocess.run(
        [sys.executable, '-c', script],
        capture_output=True,
        text=True,
        cwd=package_dir('egoexo_mm').parent,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == standin.ORIGIN
