"""tools/test_matrix.py on environments that are there."""

import sys
from pathlib import Path

import pytest

from tests.scripts import load_script

TEST = """import pytest

def test_a():
    pass

def test_b():
    assert {}

@pytest.mark.skip
def test_c():
    pass
"""


@pytest.fixture
def matrix(monkeypatch):
    script = load_script('tools/test_matrix.py')
    monkeypatch.setattr(script, 'run_training', lambda python: 'passes')
    return script


@pytest.mark.parametrize(
    'holds, code, counts',
    [('True', 0, '2 passed, 1 skipped'), ('False', 1, '1 failed, 1 passed, 1 skipped')],
)
def test_counts_of_an_environment(matrix, monkeypatch, capsys, tmp_path, holds, code, counts):
    (tmp_path / 'test_x.py').write_text(TEST.format(holds))
    monkeypatch.setattr(
        sys,
        'argv',
        ['test_matrix.py', str(tmp_path / 'test_x.py'), '--env', f'here={sys.executable}'],
    )
    assert matrix.main() == code
    out = capsys.readouterr().out
    row = out.splitlines()[-1].split(' | ')
    assert (
        row[0] == '| here'
        and row[1].startswith(f'python {sys.version.split()[0]}, torch ')
        and row[2] == counts
    )
    assert ('FAILED' in out) is (code == 1)


def test_a_python_that_is_not_there(matrix, monkeypatch, tmp_path):
    monkeypatch.setattr(matrix.shutil, 'which', lambda name: None)
    with pytest.raises(
        RuntimeError, match=r'no python3\.10 on PATH; install it .* or leave out py310_torch24'
    ):
        matrix.environment('py310_torch24', tmp_path)


def test_pip_that_fails(matrix, monkeypatch, tmp_path):
    monkeypatch.setitem(matrix.STACKS, 'none', ('3', ['no-such-package==0']))
    monkeypatch.setattr(matrix.shutil, 'which', lambda name: sys.executable)

    def run(command, **kwargs):
        Path(tmp_path, 'ran').touch()
        failed = '-m' in command and 'pip' in command
        return matrix.subprocess.CompletedProcess(
            command, int(failed), '', 'ERROR: No matching distribution'
        )

    monkeypatch.setattr(matrix.subprocess, 'run', run)
    with pytest.raises(
        RuntimeError, match='-m pip install failed: ERROR: No matching distribution'
    ):
        matrix.environment('none', tmp_path)
    assert not list(tmp_path.glob('none-*/complete'))
