"""Modules that moved import under their former names."""

import importlib
import os
import subprocess
import sys

import pytest

from egoexo_mm import former_names
from tests.conftest import ROOT


@pytest.mark.parametrize('former', sorted(former_names.MOVED))
def test_former_name_is_the_same_module(former):
    present = importlib.import_module(former_names.MOVED[former])
    spec = present.__spec__
    sys.modules.pop(former, None)
    with pytest.warns(FutureWarning, match=f'{former} is now {present.__name__}'):
        module = importlib.import_module(former)
    assert module is present
    assert module.__spec__ is spec
    assert module.__name__ == former_names.MOVED[former]


def test_unknown_name_is_an_import_error():
    code = 'import egoexo_mm.no_such_module'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert "No module named 'egoexo_mm.no_such_module'" in done.stderr


def test_warns_once_a_process():
    former = next(iter(former_names.MOVED), None)
    if former is None:
        pytest.skip('nothing has moved')
    code = f'import {former}\nimport {former}\nfrom {former} import __doc__'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count('FutureWarning') == 1, done.stderr


def test_a_class_of_the_study_says_what_to_import():
    """In a process of its own: others have imported study.modules."""
    code = f"""
import egoexo_mm, mmaction.registry
names = {former_names.IN_STUDY!r}
pairs = [(getattr(mmaction.registry, kind), name) for kind in names for name in names[kind]]
for registry, name in pairs:
    try:
        registry.build(dict(type=name, anything=1))
    except ImportError as error:
        print(error)
import study.modules
for registry, name in pairs:
    assert registry.get(name).__module__.startswith('study.')
"""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT / 'tools')]))
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    names = [name for names in former_names.IN_STUDY.values() for name in names]
    assert len(told) == len(names)
    for line, name in zip(told, names):
        assert f'{name} is in study.modules now' in line
        assert "custom_imports = dict(imports=['egoexo_mm', 'study.modules'])" in line
