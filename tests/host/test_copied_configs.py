"""Our configs copied into the configs of an MMAction2, which must stay as they are."""

import shutil
from pathlib import Path

import pytest
from mmengine.config import Config

from egoexo_mm.compat.workaround import package_dir

ROOT = Path(__file__).parents[2]
HOST = package_dir('mmaction') / '.mim' / 'configs'
if not HOST.is_dir():  # from source
    HOST = package_dir('mmaction').parent / 'configs'
# What the main branch of MMAction2 has beside that of the wheel, with its docs and projects.
HOST_NAMES = {
    '_base_',
    'detection',
    'localization',
    'multimodal',
    'recognition',
    'recognition_audio',
    'retrieval',
    'skeleton',
}


def files(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob('*')
        if path.is_file() and '__pycache__' not in path.parts
    }


@pytest.fixture
def checkout(tmp_path):
    """The configs of the installed MMAction2 with ours copied into them."""
    shutil.copytree(HOST, tmp_path / 'configs')
    shutil.copytree(ROOT / 'configs', tmp_path / 'configs', dirs_exist_ok=True)
    return tmp_path / 'configs'


def test_no_file_of_the_host_is_replaced(checkout):
    host, both = files(HOST), files(checkout)
    assert len(host) > 200
    assert {name: both[name] for name in host} == host
    assert set(both) == set(host) | set(files(ROOT / 'configs'))


def test_no_folder_is_shared():
    ours = {path.name for path in (ROOT / 'configs').iterdir() if path.is_dir()}
    assert not ours & (HOST_NAMES | {path.name for path in HOST.iterdir()})


def test_copied_configs_are_ours(checkout):
    for name in ('egoexo_slowfast_k400.py', 'miniworld/maps.py', 'teachers/hand_object_k400.py'):
        copied, ours = (Config.fromfile(root / name) for root in (checkout, ROOT / 'configs'))
        assert repr(copied).replace(str(checkout), '') == repr(ours).replace(
            str(ROOT / 'configs'), ''
        )


@pytest.mark.slow
def test_every_config_of_the_host_loads_as_before(checkout):
    names = [path.relative_to(HOST) for path in sorted(HOST.rglob('*.py'))]
    assert len(names) > 200
    for name in names:
        before, after = (
            Config.fromfile(root / name, import_custom_modules=False) for root in (HOST, checkout)
        )
        assert after._cfg_dict.to_dict() == before._cfg_dict.to_dict(), name
