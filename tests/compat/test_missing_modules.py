"""``pkg_resources`` without setuptools, and ``pkgutil.find_loader`` of older Pythons."""

import importlib
import importlib.metadata
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

from egoexo_mm import compat
from egoexo_mm.compat import find_loader, pkg_resources_standin, standin


@pytest.fixture
def standin_here(monkeypatch):
    """``pkg_resources`` as our stand-in, also where the real one is installed."""
    monkeypatch.setattr(standin._FIRST, 'entries', {})
    monkeypatch.delitem(sys.modules, 'pkg_resources', raising=False)
    standin.provide('pkg_resources', pkg_resources_standin._fill, replace=True)
    yield importlib.import_module('pkg_resources')
    sys.modules.pop('pkg_resources', None)


def test_mmengine_finds_packages_with_it(standin_here):
    from mmengine.utils import get_installed_path, is_installed

    assert standin.is_standin(standin_here)
    assert (
        is_installed('mmengine')
        and is_installed('mmaction2')
        and not is_installed('no-such-package')
    )
    assert Path(get_installed_path('mmaction2')).name == 'mmaction'  # by top_level.txt
    assert Path(get_installed_path('mmengine')).name == 'mmengine'
    with pytest.raises(standin_here.DistributionNotFound):
        get_installed_path('no-such-package')


def test_a_base_of_mmaction2_is_read_with_it(standin_here, tmp_path):
    from mmengine.config import Config

    (tmp_path / 'c.py').write_text("_base_ = 'mmaction::_base_/default_runtime.py'\n")
    assert Config.fromfile(tmp_path / 'c.py').default_scope == 'mmaction'


def test_a_distribution(standin_here):
    found = standin_here.get_distribution('mmaction2')
    assert (found.project_name, found.version) == (
        'mmaction2',
        importlib.metadata.version('mmaction2'),
    )
    assert found.has_metadata('METADATA') and not found.has_metadata('nothing')
    with pytest.raises(FileNotFoundError, match='mmaction2 has no metadata file nothing'):
        found.get_metadata('nothing')
    with pytest.raises(AttributeError):
        _ = standin_here.working_set


def test_what_others_ask_of_it(standin_here, tmp_path, monkeypatch):
    for part in 'ab':
        (tmp_path / part / 'egoexo_old_namespace').mkdir(parents=True)
        (tmp_path / part / 'egoexo_old_namespace' / '__init__.py').write_text(
            '__import__("pkg_resources").declare_namespace(__name__)\n'
        )
        (tmp_path / part / 'egoexo_old_namespace' / f'{part}.py').write_text('')
        monkeypatch.syspath_prepend(
            str(tmp_path / part)
        )  # pytest calls fixup_namespace_packages here
    importlib.import_module('egoexo_old_namespace.a')
    importlib.import_module('egoexo_old_namespace.b')
    with pytest.raises(ImportError):
        from pkg_resources import parse_version  # noqa: F401


def test_inert_where_it_is_installed(monkeypatch):
    monkeypatch.setattr(pkg_resources_standin, 'package_dir', lambda name: Path('.'))
    assert not pkg_resources_standin.apply().active


def test_find_loader(monkeypatch):
    monkeypatch.delattr(pkgutil, 'find_loader', raising=False)  # Python 3.14
    assert find_loader.apply().active
    assert pkgutil.find_loader('json').name == 'json'
    assert pkgutil.find_loader('egoexo_no_such_module') is None
    from mmengine.utils.dl_utils.misc import mmcv_full_available

    assert mmcv_full_available() in (True, False)
    assert find_loader.apply().active  # and again


def test_find_loader_of_the_standard_library_stays(monkeypatch):

    def own(name):
        return None

    monkeypatch.setattr(pkgutil, 'find_loader', own, raising=False)
    assert not find_loader.apply().active
    assert pkgutil.find_loader is own


@pytest.mark.parametrize(
    'command, expected',
    [
        (['python', '-m', 'egoexo_mm', 'train'], True),
        (['python', '-W', 'ignore', '-m', 'egoexo_mm.doctor'], True),
        (['python', '-m', 'pytest'], False),
        (['python', '-m', 'other', 'egoexo_mm'], False),
        (['python', 'tools/train.py'], False),
    ],
)
def test_started_as_command(monkeypatch, command, expected):
    monkeypatch.setattr(sys, 'orig_argv', command, raising=False)
    assert compat.started_as_command() is expected
    monkeypatch.delattr(sys, 'orig_argv')
    monkeypatch.setattr(compat, '_command_line', lambda: command)  # Python 3.9
    assert compat.started_as_command() is expected


def test_empty_module_has_no_more():
    module = ModuleType('pkg_resources')
    pkg_resources_standin._fill(module)
    assert module.get_distribution('numpy').version == importlib.metadata.version('numpy')
