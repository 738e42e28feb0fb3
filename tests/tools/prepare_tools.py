"""Running the scripts of tools/data as a user does, on small media."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.media import write_video

TOOLS = Path(__file__).resolve().parents[2] / 'tools/data'
needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which('ffmpeg') and shutil.which('ffprobe')),
    reason='ffmpeg and ffprobe are not installed',
)


def prepare(script: str, *args, path: str | None = None) -> subprocess.CompletedProcess:
    """Run ``tools/data/prepare_<script>.py`` in the current folder; ``path`` replaces PATH."""
    env = dict(os.environ, PATH=os.environ['PATH'] if path is None else path)
    return subprocess.run(
        [sys.executable, TOOLS / f'prepare_{script}.py', *map(str, args)],
        capture_output=True,
        text=True,
        env=env,
        timeout=60,
    )


def fake_program(folder: Path, name: str, body: str) -> None:
    """A shell script that stands in front of (or for) a program on the PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f'#!/bin/sh\n{body}\n')
    (folder / name).chmod(0o755)


def video(
    path: Path | str,
    num_frames: int = 30,
    fps: float = 30,
    size: tuple[int, int] = (64, 48),
    seed: int = 0,
) -> Path:
    """A small mp4 of a drifting pattern, under any suffix."""
    path = Path(path)
    y, x = np.mgrid[: size[1], : size[0]]
    base = np.stack([x * 2, y * 3, x + y], axis=-1) + 17 * seed
    shots = np.stack([127 + 100 * np.sin((base + 40 * t) / 40) for t in range(num_frames)]).astype(
        np.uint8
    )
    return write_video(path.with_name('made.mp4'), shots, fps).replace(path)


def table(done: subprocess.CompletedProcess) -> dict[str, list[str]]:
    """State -> [videos, length, what to do] of the final table."""
    lines = [
        line for line in done.stdout.splitlines() if line[:1].islower() and 'each of' not in line
    ]
    return {line.split()[0]: line.split(maxsplit=2)[1:] for line in lines[1:]}


def failures(out: Path | str) -> dict[str, tuple[str, str]]:
    """Video -> (state, reason)."""
    lines = [
        json.loads(line)
        for line in (Path(out) / 'failed.jsonl').read_text(encoding='utf-8').splitlines()
    ]
    return {line['video_id']: (line['state'], line['reason']) for line in lines}
