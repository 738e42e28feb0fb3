"""A checkout of MMAction2 with our configs copied in, made of the installed package's files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from egoexo_mm.compat.workaround import package_dir

ROOT = Path(__file__).parents[2]
HOST = package_dir('mmaction')
HOST = (
    HOST / '.mim' if (HOST / '.mim' / 'configs').is_dir() else HOST.parent
)  # a wheel, or from source

# srun with one task, on this machine; what it was asked for goes to srun.txt
SRUN = """#!/usr/bin/env bash
echo "$@" >> srun.txt
while [ "$1" != python ]; do shift; done
SLURM_PROCID=0 SLURM_NTASKS=1 SLURM_NODELIST=localhost MASTER_ADDR=127.0.0.1 exec "$@"
"""


def make_checkout(folder: Path) -> Path:
    """``configs`` and ``tools`` of MMAction2, ours copied over them, and a user's config."""
    shutil.copytree(HOST / 'configs', folder / 'configs')
    shutil.copytree(HOST / 'tools', folder / 'tools')
    shutil.copytree(ROOT / 'configs', folder / 'configs', dirs_exist_ok=True)
    tiny = (ROOT / 'tests' / 'data' / 'tiny_slowfast.py').read_text()
    ours = "_base_ = '../../configs/egoexo_slowfast_k400.py'"
    assert ours in tiny
    (folder / 'configs' / 'mine').mkdir()
    (folder / 'configs' / 'mine' / 'tiny.py').write_text(
        tiny.replace(ours, "_base_ = '../egoexo_slowfast_k400.py'")
    )
    (folder / 'bin').mkdir()
    (folder / 'bin' / 'srun').write_text(SRUN)
    (folder / 'bin' / 'srun').chmod(0o755)
    return folder


def run(checkout: Path, *command: object, **env: str) -> str:
    """Run a command in the checkout, as its user would; all it printed."""
    paths = [str(checkout / 'bin'), str(Path(sys.executable).parent), os.environ['PATH']]
    env = dict(
        os.environ, PATH=os.pathsep.join(paths), PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', **env
    )
    done = subprocess.run(
        [str(word) for word in command],
        cwd=checkout,
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr
