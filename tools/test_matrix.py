#!/usr/bin/env python
"""Tests and a training on several stacks of Python, torch and OpenMMLab packages, as a table.

    python tools/test_matrix.py --list
    python tools/test_matrix.py --stack py311_pins py311_numpy2
    python tools/test_matrix.py --env mine=/path/to/venv/bin/python tests/compat tests/models

tools/stacks.json lists the stacks. The environment of a stack is made below --cache, with uv where
it is installed and else with venv and pip (a plain torch from the package index brings 2 to 5 GB of
CUDA libraries). It stays there for the next call, unless --remove is given. In each environment the
tool runs pytest and one epoch of the tests' tiny config by MMAction2's own tools/train.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TESTS = ['tests/compat', 'tests/models', 'tests/targets', 'tests/datasets', 'tests/untrusted']
_ALSO = ['pytest', 'scikit-learn', 'matplotlib']
_SHOWN = (
    'torch',
    'torchvision',
    'numpy',
    'mmengine',
    'mmcv',
    'mmcv-lite',
    'mmdet',
    'mmaction2',
    'pyarrow',
    'opencv-python',
    'av',
)


class Stack(NamedTuple):
    """An entry of stacks.json.

    ``environment`` holds variables for the installation; CI leaves out what is not ``hosted``.
    """

    python: str
    why: str
    packages: list[str]
    environment: dict[str, str] = {}
    hosted: bool = True


STACKS = {
    name: Stack(**entry)
    for name, entry in json.loads((ROOT / 'tools' / 'stacks.json').read_text()).items()
}


def find_python(version: str) -> str | None:
    """Path of a Python.

    pyenv has a shim on PATH for every version that it installed, which works for those that are
    switched on; the Python itself always does.
    """
    found = shutil.which(f'python{version}')
    if found is None or Path(found).parent.name != 'shims':
        return found
    versions = sorted(Path(found).parents[1].glob(f'versions/{version}.*/bin/python{version}'))
    return str(versions[-1]) if versions else None


def environment(name: str, cache: Path) -> Path:
    """Return the Python of a stack's environment, which is made if it does not exist.

    Raises:
        RuntimeError: This machine has no such Python, or the installation failed.
    """
    stack = STACKS[name]
    told = [stack.python, *stack.packages, (ROOT / 'requirements.txt').read_text()]
    folder = cache / f'{name}-{hashlib.sha256(" ".join(told).encode()).hexdigest()[:12]}'
    python = folder / 'bin' / 'python'
    if (folder / 'complete').exists():
        return python
    interpreter = find_python(stack.python)
    if interpreter is None:
        raise RuntimeError(
            f'no python{stack.python} on PATH; install it (pyenv, uv, your distribution) '
            f'or leave out {name}'
        )
    shutil.rmtree(folder, ignore_errors=True)
    packages = [word for entry in stack.packages for word in entry.split()] + _ALSO
    if shutil.which('uv'):
        venv = ['uv', 'venv', '-q', '--seed', '--python', interpreter, folder]
        install = ['uv', 'pip', 'install', '-q', '--python', python, *packages]
    else:
        venv = [interpreter, '-m', 'venv', folder]
        install = [python, '-m', 'pip', 'install', '-q', *packages]
    for command in (venv, install):
        done = subprocess.run(
            list(map(str, command)),
            cwd=ROOT,
            env={**os.environ, **stack.environment},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise RuntimeError(
                f'{" ".join(map(str, command[:4]))} failed: ' + ' '.join(done.stderr.split()[-60:])
            )
    (folder / 'complete').touch()
    return python


def versions(python: Path) -> str:
    """What is installed, in one line."""
    code = (
        'import sys; from importlib import metadata as m\n'
        'print("python", sys.version.split()[0], end="")\n'
        f'for name in {_SHOWN!r}:\n'
        '    try: print(",", name, m.version(name), end="")\n'
        '    except m.PackageNotFoundError: pass'
    )
    return subprocess.run([str(python), '-c', code], capture_output=True, text=True).stdout


def run_tests(python: Path, tests: list[str]) -> str:
    """Counts that pytest prints."""
    done = subprocess.run(
        [str(python), '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *tests],
        cwd=ROOT,
        env=env_of(python),
        capture_output=True,
        text=True,
    )
    for line in done.stdout.splitlines():
        if line.startswith(('FAILED', 'ERROR')):
            print('  ', line, flush=True)
    counts = re.findall(
        r'(\d+ (?:passed|failed|errors?|skipped))',
        done.stdout.splitlines()[-1] if done.stdout else '',
    )
    if counts:
        return ', '.join(counts)
    last_words = ' '.join((done.stdout + done.stderr).split()[-20:])
    return f'pytest ended with {done.returncode}: {last_words}'


def run_training(python: Path, name: str, checkpoints: Path | None) -> str:
    """One epoch by MMAction2's train.py on generated videos: ``passes``, or the error.

    Args:
        python: Python of the environment.
        name: Name of the stack.
        checkpoints: Folder of checkpoints, one a stack. This stack's is added, and a second epoch
            resumes from each one of the others.
    """
    with tempfile.TemporaryDirectory() as folder:
        # conftest.py sees to it that `tests` is this project's, also beside a package of that name
        code = 'import sys; sys.path.insert(0, "tests"); import conftest, egoexo_mm; '
        code += 'from pathlib import Path; from tests.tiny import make_data; '
        error = _run(python, folder, '-c', f'{code}make_data(Path({folder!r}, "data"))')
        if not error:
            error = _train(python, folder, 'work', 1)
        written = Path(folder, 'work', 'epoch_1.pth')
        if error or not written.is_file():
            return error or 'fails: wrote no checkpoint'
        if checkpoints is None:
            return 'passes'
        checkpoints.mkdir(parents=True, exist_ok=True)
        shutil.copy(written, checkpoints / f'{name}.pth')
        others = sorted(path for path in checkpoints.glob('*.pth') if path.stem != name)
        told = ['passes']
        for path in others:
            # MMAction2's train.py has --resume FILE
            error = _train(python, folder, path.stem, 2, '--resume', str(path.absolute()))
            told.append(f'{path.stem} {error or "resumes"}')
        return ', '.join(told)


def _train(python: Path, folder: str, work_dir: str, epochs: int, *options: str) -> str:
    """Empty, or how training failed."""
    settings = [f'train_cfg.max_epochs={epochs}', f'train_cfg.val_begin={epochs}']
    train = ['-m', 'egoexo_mm', 'run', 'train.py', 'tests/data/tiny_slowfast.py', *options]
    work_dir = f'{folder}/{work_dir}'
    error = _run(python, folder, *train, '--work-dir', work_dir, '--cfg-options', *settings)
    if not error and not Path(work_dir, f'epoch_{epochs}.pth').is_file():
        error = f'fails: no epoch_{epochs}.pth'
    return error


def _run(python: Path, folder: str, *arguments: str) -> str:
    """Empty, or the last line of what a command told."""
    done = subprocess.run(
        [str(python), '-W', 'ignore', *arguments],
        cwd=ROOT,
        env=dict(env_of(python), TINY_DATA=f'{folder}/data'),
        capture_output=True,
        text=True,
    )
    if not done.returncode:
        return ''
    return 'fails: ' + (done.stderr.strip().splitlines() or ['no message'])[-1][:200]


def env_of(python: Path) -> dict[str, str]:
    """Environment variables: this checkout first, the stack's programs first, one thread."""
    return dict(
        os.environ,
        PYTHONPATH=str(ROOT),
        OMP_NUM_THREADS='1',
        PATH=f'{python.parent}{os.pathsep}{os.environ["PATH"]}',
    )


def main() -> int:
    """0 where every stack passed all that it ran."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'tests', nargs='*', default=TESTS, help='arguments of pytest (default: %(default)s)'
    )
    parser.add_argument(
        '--stack', nargs='+', choices=list(STACKS), default=[], help='stacks to run'
    )
    parser.add_argument(
        '--env', nargs='+', default=[], metavar='NAME=PYTHON', help='environments that exist'
    )
    parser.add_argument(
        '--cache',
        type=Path,
        default=Path.home() / '.cache' / 'egoexo_mm_stacks',
        help='folder of environments',
    )
    parser.add_argument(
        '--remove', action='store_true', help='remove the environment of a stack after its run'
    )
    parser.add_argument(
        '--checkpoints',
        type=Path,
        help="keep each stack's checkpoint in this folder and resume from those of other stacks",
    )
    parser.add_argument('--list', action='store_true', help='print the stacks')
    parser.add_argument(
        '--hosted', action='store_true', help='print the stacks of the CI workflow as JSON'
    )
    args = parser.parse_args()
    if args.list:
        for name, stack in STACKS.items():
            print(f'{name:18} python {stack.python:5} {stack.why}: {" ".join(stack.packages)}')
        return 0
    if args.hosted:
        print(json.dumps([dict(name=n, python=s.python) for n, s in STACKS.items() if s.hosted]))
        return 0
    if not args.stack and not args.env:
        parser.error('name a --stack or an --env; --list shows the stacks')
    for pair in args.env:
        if '=' not in pair:
            parser.error(f'--env {pair}: expected NAME=PYTHON, such as mine=/path/to/bin/python')
    wanted = [(name, None) for name in args.stack] + [
        tuple(pair.split('=', 1)) for pair in args.env
    ]
    rows, good = [], True
    for name, python in wanted:
        start = time.time()
        try:
            python = Path(python).absolute() if python else environment(name, args.cache.absolute())
            tests = run_tests(python, args.tests)
            training = run_training(python, name, args.checkpoints)
            row = [name, versions(python), tests, training]
        except RuntimeError as error:
            row = [name, '', f'not run: {error}', '']
        if args.remove and name in STACKS:
            for folder in args.cache.glob(f'{name}-*'):
                shutil.rmtree(folder)
        good = good and not re.search('failed|fails|error|ended|not run', row[2] + row[3])
        rows.append([*row, f'{time.time() - start:.0f} s'])
        print(f'{name}: {row[2]}; training {row[3]}', flush=True)
    print(f'\n{time.strftime("%Y-%m-%d")}, pytest {" ".join(args.tests)}\n')
    print("| stack | versions | tests | training by MMAction2's train.py | time |")
    print('|---|---|---|---|---|')
    print('\n'.join(f'| {" | ".join(row)} |' for row in rows))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
