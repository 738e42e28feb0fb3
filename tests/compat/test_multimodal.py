"""A transformers that mmaction2's multimodal models do not fit leaves the other models usable."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.hosts import needs

ROOT = Path(__file__).parents[2]
START = """
import egoexo_mm
from egoexo_mm import compat
from mmaction.registry import MODELS
assert 'SlowOnly' in str(MODELS.get('ResNet3dSlowOnly'))
reasons = {one.name: one.reason for one in compat.active_workarounds()}
print(reasons["mmaction2's multimodal models"])
"""


def run(folder):
    """Import the package in a process that has the packages of ``folder`` too."""
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', START],
        capture_output=True,
        text=True,
        cwd=folder,
        env=dict(PATH='', PYTHONPATH=f'{folder}:{ROOT}', HOME=str(Path.home())),
        timeout=300,
    )


def distribution(folder, name, version, source):
    """A package that an environment takes for ``name``."""
    (folder / name).mkdir()
    (folder / name / '__init__.py').write_text(source)
    info = folder / f'{name}-{version}.dist-info'
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


@needs('mmaction2', '1.2', 'multimodal models')
@pytest.mark.parametrize(
    ('source', 'said'),
    [
        ('from . import configuration_utils', 'transformers has no BertTokenizer'),
        ('raise ImportError("tokenizers is too old")', 'transformers: ImportError'),
    ],
)
def test_other_models_import(tmp_path, source, said):
    distribution(tmp_path, 'transformers', '5.24.0', source)
    # torch 2.1 looks at it
    (tmp_path / 'transformers' / 'configuration_utils.py').write_text(
        'class PretrainedConfig: pass'
    )
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == f'they cannot be imported here ({said}); all other models can'


def test_mmpretrain_beside_a_torchvision_of_another_torch(tmp_path):
    broken = 'raise RuntimeError("operator torchvision::nms does not exist")'
    distribution(tmp_path, 'torchvision', '0.29.0', broken)
    distribution(tmp_path, 'mmpretrain', '1.2.0', broken)
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
