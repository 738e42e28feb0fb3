#!/usr/bin/env python
"""Tests and a training on several stacks of Python, torch and OpenMMLab packages, as a table.

    python tools/test_matrix.py --list
    python tools/test_matrix.py --stack py311_pins py311_numpy2
    python tools/test_matrix.py --env mine=/path/to/venv/bin/python tests/compat tests/models

Each stack has an environment below --cache, made once (a plain torch from the package index brings 2 to 5 GB of CUDA
libraries). On each run pytest (by default the tests of compat, models, targets and datasets) and one epoch of the tests'
tiny config by MMAction2's own tools/train.py.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ['tests/compat', 'tests/models', 'tests/targets', 'tests/datasets']
_HOSTS = [
    'mmengine==0.10.7',
    'mmcv-lite==2.1.0',
    'mmdet==3.3.0',
    'mmaction2==1.2.0',
    'decord==0.6.0',
    'importlib_metadata',
]
_OPENCV_4 = ['opencv-python==4.11.0.86', 'opencv-contrib-python==4.11.0.86']
_OLD = [
    'mmcv-lite==2.0.1',
    'mmdet==3.2.0',
    'mmaction2==1.2.0',
    'decord==0.6.0',
    'importlib_metadata',
    'setuptools<82',
]
# Name -> Python and requirements. pip resolves each list in one go.
STACKS = {
    'py310_torch20': (
        '3.10',
        [
            'torch==2.0.1',
            'mmengine==0.10.4',
            *_OLD,
            'numpy==1.23.5',
            'opencv-python<4.9',
            'opencv-contrib-python<4.9',
            'pyarrow==14.0.2',
        ],
    ),
    'py310_torch24': (
        '3.10',
        ['torch==2.4.1', *_HOSTS, *_OPENCV_4, 'numpy==1.26.4', 'pyarrow==24.0.0'],
    ),
    'py311_pins': ('3.11', ['-r', str(ROOT / 'requirements.txt')]),
    'py311_numpy2': (
        '3.11',
        [
            'torch==2.13.0',
            *_HOSTS,
            'numpy==2.4.6',
            'opencv-python==5.0.0.93',
            'opencv-contrib-python==5.0.0.93',
            'pyarrow==26.0.1',
            'av==18.1.0',
        ],
    ),
    'py312_newest': (
        '3.12',
        ['torch', *_HOSTS, 'numpy', 'opencv-python', 'opencv-contrib-python', 'pyarrow', 'av'],
    ),
    'py313_pins': ('3.13', ['-r', str(ROOT / 'requirements.txt')]),
    'py314_newest': (
        '3.14',
        ['torch', *_HOSTS, 'numpy', 'opencv-python', 'opencv-contrib-python', 'pyarrow', 'av'],
    ),
}
_SHOWN = (
    'torch',
    'numpy',
    'mmengine',
    'mmcv',
    'mmcv-lite',
    'mmdet',
    'mmaction2',
    'pyarrow',
    'opencv-python',
)


def environment(name: str, cache: Path) -> Path:
    """The Python of a stack's environment, which is made if it is not there.

    Raises:
        RuntimeError: no such Python, or pip failed; the last lines of its output.
    """
    version, packages = STACKS[name]
    key = hashlib.sha256(
        ' '.join([version, *packages, (ROOT / 'requirements.txt').read_text()]).encode()
    ).hexdigest()[:12]
    folder = cache / f'{name}-{key}'
    python = folder / 'bin' / 'python'
    if (folder / 'complete').exists():
        return python
    interpreter = shutil.which(f'python{version}')
    if interpreter is None:
        raise RuntimeError(
            f'no python{version} on PATH; install it (pyenv, uv, your distribution) or leave out {name}'
        )
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        [interpreter, '-m', 'venv', folder],
        [python, '-m', 'pip', 'install', '-q', *packages, 'pytest', 'scikit-learn', 'matplotlib'],
    ):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
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
    """pytest's counts."""
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
    return (
        ', '.join(counts)
        or f'pytest ended with {done.returncode}: {" ".join((done.stdout + done.stderr).split()[-20:])}'
    )


def run_training(python: Path) -> str:
    """One epoch by MMAction2's train.py on generated videos: ``passes``, or the error."""
    with tempfile.TemporaryDirectory() as folder:
        data = (
            'import sys; from pathlib import Path; import egoexo_mm; from tests.tiny import make_data; '
            f'make_data(Path({folder!r}, "data"))'
        )
        train = [
            '-m',
            'egoexo_mm',
            'run',
            'train.py',
            'tests/data/tiny_slowfast.py',
            '--work-dir',
            f'{folder}/work',
            '--cfg-options',
            'train_cfg.max_epochs=1',
            'train_cfg.val_begin=1',
        ]
        for command in (['-c', data], train):
            done = subprocess.run(
                [str(python), '-W', 'ignore', *command],
                cwd=ROOT,
                env=dict(env_of(python), TINY_DATA=f'{folder}/data'),
                capture_output=True,
                text=True,
            )
            if done.returncode:
                return 'fails: ' + (done.stderr.strip().splitlines() or ['no message'])[-1][:200]
        return 'passes' if Path(folder, 'work', 'epoch_1.pth').is_file() else 'wrote no checkpoint'


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
        '--env', nargs='+', default=[], metavar='NAME=PYTHON', help='environments that are there'
    )
    parser.add_argument(
        '--cache',
        type=Path,
        default=Path.home() / '.cache' / 'egoexo_mm_stacks',
        help='folder of environments',
    )
    parser.add_argument('--list', action='store_true', help='print the stacks')
    args = parser.parse_args()
    if args.list:
        print(
            '\n'.join(
                f'{name:15} python {python}: {" ".join(packages)}'
                for name, (python, packages) in STACKS.items()
            )
        )
        return 0
    if not args.stack and not args.env:
        parser.error('name a --stack or an --env; --list shows the stacks')
    wanted = [(name, None) for name in args.stack] + [
        tuple(pair.split('=', 1)) for pair in args.env
    ]
    rows, good = [], True
    for name, python in wanted:
        start = time.time()
        try:
            python = Path(python).absolute() if python else environment(name, args.cache.absolute())
            row = [name, versions(python), run_tests(python, args.tests), run_training(python)]
        except RuntimeError as error:
            row = [name, '', f'not run: {error}', '']
        good = good and row[3] == 'passes' and not re.search('failed|error|ended|not run', row[2])
        rows.append([*row, f'{time.time() - start:.0f} s'])
        print(f'{name}: {row[2]}; training {row[3]}', flush=True)
    print(f'\n{time.strftime("%Y-%m-%d")}, pytest {" ".join(args.tests)}\n')
    print(
        "| stack | versions | tests | training by MMAction2's train.py | time |\n|---|---|---|---|---|"
    )
    print('\n'.join(f'| {" | ".join(row)} |' for row in rows))
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
