#!/usr/bin/env python
"""Install what this checkout needs and the environment lacks, with standard library and pip alone.

A package that is installed in another version stays as it is, unless ``--exact`` is given (for the
checkout's own .venv).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from importlib import metadata
from pathlib import Path

try:  # pip is here, packaging may not be
    from pip._vendor.packaging.requirements import Requirement
except ImportError:
    sys.exit(
        f'{sys.executable} has no pip, which installs what is missing; run '
        f'`{sys.executable} -m ensurepip` or `uv pip install pip`, and this again'
    )

ROOT = Path(__file__).resolve().parents[1]
# a full mmcv brings compiled ops, and the others install the same import name
ALTERNATIVES = {
    'mmcv-lite': ['mmcv'],
    'decord': ['decord2'],
    'opencv-python': ['opencv-python-headless'],
    'opencv-contrib-python': ['opencv-contrib-python-headless'],
}
OPENCV = (
    'opencv-contrib-python',
    'opencv-python',
    'opencv-contrib-python-headless',
    'opencv-python-headless',
)


def requirements(extra: list[str]) -> list[Requirement]:
    """The lines of requirements.txt that are meant for this Python, and ``extra``."""
    lines = [
        line.partition('#')[0].strip()
        for line in (ROOT / 'requirements.txt').read_text().splitlines()
    ]
    found = [Requirement(line) for line in [*lines, *extra] if line]
    return [entry for entry in found if entry.marker is None or entry.marker.evaluate()]


def installed(name: str) -> str | None:
    """Version of a distribution, None if it is not there."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def is_missing(entry: Requirement, exact: bool) -> bool:
    """Whether pip has to install it."""
    if any(installed(other) for other in ALTERNATIVES.get(entry.name, ())):
        return False
    version = installed(entry.name)
    if version is None:
        return entry.name not in OPENCV or exact or not any(map(installed, OPENCV))
    return exact and not entry.specifier.contains(version.partition('+')[0], prereleases=True)


def to_install(entries: list[Requirement], exact: bool) -> list[str]:
    """What to give to pip.

    All of ``OPENCV`` install the same module, so one of them is enough. mmaction2 asks for
    opencv-contrib-python whatever is installed: it is kept to the major version of the other.
    """
    missing = [entry for entry in entries if is_missing(entry, exact)]
    there = None if exact else next(filter(None, map(installed, OPENCV)), None)
    lines = [f'{entry.name}{entry.specifier}' for entry in missing]
    if (
        there
        and not installed('opencv-contrib-python')
        and any(entry.name == 'mmaction2' for entry in missing)
    ):
        lines.append(f'opencv-contrib-python=={there.partition(".")[0]}.*')
    return lines


def is_linked() -> bool:
    """Whether ``import egoexo_mm`` finds this checkout from anywhere."""
    code = 'import importlib.util as u; s = u.find_spec("egoexo_mm"); print(s.origin if s else "")'
    origin = subprocess.run(
        [sys.executable, '-c', code], capture_output=True, text=True, cwd='/'
    ).stdout.strip()
    return bool(origin) and Path(origin).resolve().parents[1] == ROOT


def pip_install(*arguments: str) -> None:
    """Run pip, and end with its exit code if it fails."""
    code = subprocess.run([sys.executable, '-m', 'pip', 'install', '-q', *arguments]).returncode
    if code:
        sys.exit(f'pip install {" ".join(arguments)} failed; see its message above')


def write_caches() -> None:
    """Import yapf once.

    MMEngine's first import of it leaves a cache in the home folder. Two processes that start
    together find that file half written, since yapf renames it before it is flushed.
    """
    if installed('yapf'):
        subprocess.run([sys.executable, '-c', 'import yapf'])


def main() -> None:
    """Install what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--exact', action='store_true', help='replace versions that differ from requirements.txt'
    )
    parser.add_argument('extra', nargs='*', help='further requirements')
    args = parser.parse_args()
    if sys.version_info < (3, 9):
        sys.exit(
            f'Python 3.9 or newer is needed, this is {sys.version.split()[0]}; make an environment '
            'with a newer one'
        )
    torch = installed('torch')
    if torch and int(torch.partition('.')[0]) < 2:
        sys.exit(
            f'torch 2.0 or newer is needed, {torch} is installed; make an environment with a '
            'newer one'
        )
    missing = to_install(requirements(args.extra), args.exact)
    if missing:
        print(f'== installing {", ".join(missing)} (minutes, the first time)', flush=True)
        pip_install(*missing)
    if not is_linked():
        print('== installing egoexo_mm from this checkout', flush=True)
        pip_install('--no-deps', '-e', str(ROOT))
    write_caches()
    print('== environment ready', flush=True)


if __name__ == '__main__':
    main()
