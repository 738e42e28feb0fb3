"""Starting whole runs from tests."""

import json
import os
import socket
import subprocess
import sys
from importlib import util
from pathlib import Path

from egoexo_mm.checkpoints.reading import read_checkpoint

ROOT = Path(__file__).parents[2]
OUR_TOOLS = ROOT / 'tools'
HOST_TOOLS = Path(util.find_spec('mmaction').origin).parent / '.mim' / 'tools'


# What sometimes ends processes on gloo through no fault of the run: an abort once all work is
# done, and a port that another process took meanwhile. Such a run is started once more.
_CHANCE = (
    'terminate called without an active exception',
    'EADDRINUSE',
    'ddress already in use',
    'onnection reset',
)


def launch(command: list, *, timeout: int = 300, fails: bool = False, **env: str) -> str:
    """Run a script with the test's interpreter and return its output.

    ``fails`` expects the script to fail; any other outcome fails the test and shows the output.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    env = dict(
        os.environ,
        PORT=port,
        OMP_NUM_THREADS='1',
        PYTHONPATH=str(ROOT),
        PATH=f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}',
        **env,
    )
    for _ in range(2):
        done = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if not done.returncode or not any(text in done.stdout + done.stderr for text in _CHANCE):
            break
    assert bool(done.returncode) == fails, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def train(
    config, work_dir, *options, procs: int = 1, tools: Path = OUR_TOOLS, flags: tuple = (), **env
) -> str:
    """Train with MMAction2's flags; ``env`` are those of ``launch``."""
    script = (
        [sys.executable, tools / 'train.py', config]
        if procs == 1
        else ['bash', tools / 'dist_train.sh', config, procs]
    )
    changes = ['--cfg-options', *options] if options else []
    return launch([*script, '--work-dir', work_dir, *flags, *changes], **env)


def test(
    config, checkpoint, work_dir, *flags, procs: int = 1, tools: Path = OUR_TOOLS, **env: str
) -> str:
    """Test with MMAction2's flags."""
    script = [sys.executable, tools / 'test.py', config, checkpoint]
    if procs > 1:
        script = ['bash', tools / 'dist_test.sh', config, checkpoint, procs]
    return launch([*script, '--work-dir', work_dir, *flags], **env)


test.__test__ = False  # a helper, not a test


def log(work_dir: Path) -> list[dict]:
    """The training records of all runs in a work dir, in order."""
    lines = [
        json.loads(line)
        for path in sorted(work_dir.glob('*/vis_data/scalars.json'))
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if 'loss' in line]


def metrics(work_dir: Path) -> dict:
    """What the last test in a work dir measured."""
    return json.loads(sorted(work_dir.glob('*/*.json'))[-1].read_text().splitlines()[-1])


def weights(work_dir: Path, epoch: int) -> dict:
    return read_checkpoint(work_dir / f'epoch_{epoch}.pth')['state_dict']
