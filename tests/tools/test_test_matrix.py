"""tools/test_matrix.py on environments that are there."""

import json
import re
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
    monkeypatch.setattr(script, 'run_training', lambda python, name, checkpoints: 'passes')
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


def test_a_python_of_pyenv_that_is_not_switched_on(matrix, monkeypatch, tmp_path):
    shim = tmp_path / 'shims' / 'python3.10'
    monkeypatch.setattr(matrix.shutil, 'which', lambda name: str(shim))
    assert matrix.find_python('3.10') is None
    python = tmp_path / 'versions' / '3.10.13' / 'bin' / 'python3.10'
    python.parent.mkdir(parents=True)
    python.touch()
    assert matrix.find_python('3.10') == str(python)


@pytest.mark.parametrize('uv, told', [(False, '-m pip install'), (True, 'uv pip install -q')])
def test_an_installation_that_fails(matrix, monkeypatch, tmp_path, uv, told):
    monkeypatch.setitem(matrix.STACKS, 'none', matrix.Stack('3', '', ['no-such-package==0']))
    which = dict(python3=sys.executable, uv='/usr/bin/uv' if uv else None)
    monkeypatch.setattr(matrix.shutil, 'which', which.get)

    def run(command, **kwargs):
        Path(tmp_path, 'ran').touch()
        failed = 'pip' in command
        return matrix.subprocess.CompletedProcess(
            command, int(failed), '', 'ERROR: No matching distribution'
        )

    monkeypatch.setattr(matrix.subprocess, 'run', run)
    with pytest.raises(RuntimeError, match=f'{told} failed: ERROR: No matching distribution'):
        matrix.environment('none', tmp_path)
    assert not list(tmp_path.glob('none-*/complete'))


def test_a_stack_is_installed_once_with_its_variables(matrix, monkeypatch, tmp_path):
    stack = matrix.Stack('3', '', ['-r requirements.txt'], dict(CC='/bin/false'))
    monkeypatch.setitem(matrix.STACKS, 'made', stack)
    monkeypatch.setattr(matrix.shutil, 'which', dict(python3=sys.executable).get)
    ran = []

    def run(command, env, **kwargs):
        ran.append((command, env['CC']))
        if 'venv' in command:
            Path(command[-1]).mkdir()
        return matrix.subprocess.CompletedProcess(command, 0, '', '')

    monkeypatch.setattr(matrix.subprocess, 'run', run)
    python = matrix.environment('made', tmp_path)
    assert matrix.environment('made', tmp_path) == python
    assert [compiler for _, compiler in ran] == ['/bin/false', '/bin/false']
    assert ran[1][0][:7] == [str(python), '-m', 'pip', 'install', '-q', '-r', 'requirements.txt']


def test_resuming_across_stacks(monkeypatch, tmp_path):
    """Each stack leaves a checkpoint and resumes from those of the others; a failure is told."""
    matrix = load_script('tools/test_matrix.py')
    resumed = []

    def run(command, **kwargs):
        failed = False
        if '--work-dir' in command:
            work_dir = Path(command[command.index('--work-dir') + 1])
            epochs = next(word for word in command if 'max_epochs' in word)[-1]
            if '--resume' in command:
                resumed.append(Path(command[command.index('--resume') + 1]).name)
                failed = resumed[-1] == 'broken.pth'
            work_dir.mkdir()
            (work_dir / f'epoch_{epochs}.pth').write_text('weights')
        return matrix.subprocess.CompletedProcess(command, int(failed), '', 'Error: cannot read')

    monkeypatch.setattr(matrix.subprocess, 'run', run)
    kept = tmp_path / 'kept'
    assert matrix.run_training(Path(sys.executable), 'old', kept) == 'passes'
    assert matrix.run_training(Path(sys.executable), 'new', kept) == 'passes, old resumes'
    (kept / 'broken.pth').touch()
    told = matrix.run_training(Path(sys.executable), 'old', kept)
    assert told == 'passes, broken fails: Error: cannot read, new resumes'
    assert resumed == ['old.pth', 'broken.pth', 'new.pth']


def test_stacks_of_the_file(matrix, monkeypatch, capsys):
    """Each names Python and packages, and the workflow has every Python of pyproject.toml."""
    monkeypatch.setattr(sys, 'argv', ['test_matrix.py', '--hosted'])
    assert matrix.main() == 0
    hosted = json.loads(capsys.readouterr().out)
    text = (matrix.ROOT / 'pyproject.toml').read_text()
    pythons = set(re.findall(r'Python :: (3\.\d+)"', text))
    assert pythons == {stack['python'] for stack in hosted}
    assert 'py311_mmcv_full' not in [stack['name'] for stack in hosted]
    for name, stack in matrix.STACKS.items():
        assert stack.why and stack.packages
        assert name.partition('_')[0] == 'py' + stack.python.replace('.', '')
