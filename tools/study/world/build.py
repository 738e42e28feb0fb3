"""Making a world in parallel; a run that was stopped continues where it ended."""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from .cameras import HEIGHT, WIDTH
from .clips import FPS, NUM_FRAMES
from .items import make_item, marker
from .layouts import write_json, write_lists
from .motions import VERBS
from .objects import NOUNS
from .plan import PARTS, SIZES, plan

VERSION = 2  # changes when a seed renders to other pictures
ABOUT = 'world.json'


def make_world(
    root: str | Path, *, size: str = 'full', seed: int = 0, procs: int = 1
) -> dict[str, dict]:
    """Render a world into ``root``; items that exist are kept.

    Args:
        root: folder, new or begun with the same arguments.
        size: one of ``SIZES``.
        seed: of the world, 0 or more.
        procs: processes; the files do not depend on it.

    Returns:
        For each part ``items`` per split, how many of them were ``rendered`` now, and ``seconds``.

    Raises:
        ValueError: for a bad argument, or a folder that holds something else.
        OSError: a file cannot be written.
    """
    if size not in SIZES or seed < 0 or procs < 1:
        raise ValueError(
            f'size {size!r}, seed {seed} or procs {procs}: expected one of {", ".join(SIZES)}, '
            'a seed from 0 and at least one process'
        )
    root = Path(root)
    _claim(
        root,
        dict(
            version=VERSION,
            seed=seed,
            size=size,
            verbs=VERBS,
            nouns=NOUNS,
            frame_size=(WIDTH, HEIGHT),
            num_frames=NUM_FRAMES,
            fps=FPS,
        ),
    )
    if procs == 1:
        return {part: _make_part(root, part, size, seed, map) for part in PARTS}
    with ProcessPoolExecutor(procs) as pool:
        return {
            part: _make_part(root, part, size, seed, partial(pool.map, chunksize=4))
            for part in PARTS
        }


def _claim(root: Path, about: dict) -> None:
    """Note which world the folder holds, or check that it holds this one."""
    about = json.loads(json.dumps(about))  # tuples are lists in the file
    path = root / ABOUT
    if path.exists():
        try:
            found = json.loads(path.read_text(encoding='utf-8'))
        except ValueError:
            found = None
        if found != about:
            kind = 'not readable'
            if isinstance(found, dict):
                kind = ', '.join(
                    f'{name} {found.get(name)}' for name in ('size', 'seed', 'version')
                )
            raise ValueError(
                f'{path}: the folder holds another world ({kind}); give another folder, or delete '
                'this one'
            )
    elif root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ValueError(f'{root}: is no world and not empty; give a new folder')
    else:
        write_json(path, about)


def _make_part(root: Path, part: str, size: str, seed: int, run: object) -> dict:
    begin = time.monotonic()
    items = plan(part, size, seed)
    for folder in {marker(root, item).parent for item in items}:
        for leftover in folder.glob('.*'):  # of a killed run
            leftover.unlink()
    todo = [item for item in items if not marker(root, item).exists()]
    for _ in run(partial(make_item, root), todo):
        pass
    write_lists(root, part, items)
    counts = {split: sum(item.split == split for item in items) for split in SIZES[size][part]}
    return dict(items=counts, rendered=len(todo), seconds=time.monotonic() - begin)
