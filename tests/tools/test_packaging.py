"""Contents of wheels and editable installs; tools/release_dry_run.sh builds a real wheel."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
needs_setuptools = pytest.mark.skipif(
    importlib.util.find_spec('setuptools') is None, reason='setuptools is not installed'
)


def call(name, target):
    """A function of setup.py, in its own process: setuptools must come before distutils."""
    code = (
        'import pathlib, runpy, setuptools; setuptools.setup = lambda **kwargs: None\n'
        f'runpy.run_path({str(ROOT / "setup.py")!r})[{name!r}](pathlib.Path({str(target)!r}))'
    )
    subprocess.run([sys.executable, '-W', 'ignore', '-c', code], check=True, timeout=120)


def names(folder):
    return {
        path.relative_to(folder).as_posix() for path in Path(folder).rglob('*') if path.is_file()
    }


@needs_setuptools
def test_a_wheel_has_configs_tools_and_index(tmp_path):
    (tmp_path / '.mim').mkdir()
    (tmp_path / '.mim' / 'left_over.py').touch()
    call('copy', tmp_path / '.mim')
    got = names(tmp_path / '.mim')
    configs = {f'configs/{name}' for name in names(ROOT / 'configs') if '__pycache__' not in name}
    assert {name for name in got if name.startswith('configs/')} == configs
    assert {
        'model-index.yml',
        'tools/train.py',
        'tools/dist_train.sh',
        'tools/data/prepare_epic.py',
    } <= got
    assert (
        not {
            'left_over.py',
            'tools/run_demo.sh',
            'tools/run_tests.sh',
            'tools/setup_env.py',
            'tools/setup_env.sh',
            'tools/test_matrix.py',
            'tools/stacks.json',
            'tools/release_dry_run.sh',
        }
        & got
    )
    assert not [name for name in got if name.endswith('.pyc')]


@needs_setuptools
def test_an_editable_install_has_links(tmp_path):
    for _ in range(2):  # installing again replaces them
        call('link', tmp_path / '.mim')
        assert (tmp_path / '.mim' / 'configs').is_symlink()
        assert (tmp_path / '.mim' / 'tools' / 'train.py').samefile(ROOT / 'tools' / 'train.py')
        assert (tmp_path / '.mim' / 'model-index.yml').samefile(ROOT / 'model-index.yml')


def test_extras_name_their_needs():
    text = (ROOT / 'pyproject.toml').read_text()
    extras = dict(
        re.findall(
            r'^(\w+) = \[(.*?)\]',
            text.partition('optional-dependencies]')[2].partition('\n[')[0],
            re.M,
        )
    )
    assert {'host', 'detector', 'video', 'study', 'export', 'test'} <= set(extras)
    assert (
        'mmdet' in extras['detector']
        and '"av' in extras['video']
        and 'matplotlib' in extras['study']
    )
    required = re.search(r'^dependencies = \[(.*?)\]', text, re.M)[1]
    assert not re.search(
        'torch|mmcv|mmaction|mmengine|numpy|opencv', required
    )  # nothing that replaces a user's
