"""Takes of several cameras in the layout of Ego-Exo4D's keystep benchmark.

A take is two segments in one room, each seen by one first-person and three third-person cameras. It
is a set of its own: the worlds of :mod:`build` do not change by it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2

from egoexo_mm.video import write_mp4

from .clips import FPS, NUM_FRAMES, render_clip
from .layouts import pair_label, pair_names, write_json, write_table
from .plan import PARTS, Item, even_actions

TAKES = dict(small=4, short=32, full=32)
SEGMENTS, CAMERAS = 2, 3  # of a take; besides the first-person camera
EGO = 'aria01_214-1'


def make_takes(root: str | Path, *, size: str = 'full', seed: int = 0, procs: int = 1) -> int:
    """Render takes into ``root``; clips that exist are kept.

    ``clips/`` has the clips, ``keystep_segment_train.json`` lists them, and ``label_mapping.csv``
    names the 48 keysteps, which are pairs of verb and noun.

    Args:
        root: Folder.
        size: One of ``TAKES``.
        seed: Of the world, 0 or more.
        procs: Processes; the files do not depend on it.

    Returns:
        Number of clips.

    Raises:
        OSError: A file cannot be written.
    """
    root = Path(root)
    items = take_items(size, seed)
    jobs = [(item, camera) for item in items for camera in range(CAMERAS + 1)]
    make = partial(_make_clip, root / 'clips')
    if procs == 1:
        _run(map, make, jobs)
    else:
        with ProcessPoolExecutor(procs) as pool:
            _run(pool.map, make, jobs)
    names = [
        dict(label_id=label, step_unique_id=label, step_name=name, scenario_name='table')
        for label, name in enumerate(pair_names())
    ]
    write_table(root / 'label_mapping.csv', names)
    segments = [_segment(item) for item in items]
    write_json(root / 'keystep_segment_train.json', dict(segments=segments))
    return len(jobs)


def take_items(size: str, seed: int) -> list[Item]:
    """Segments of all takes, with actions spread evenly over the pairs of verb and noun."""
    key = (seed, len(PARTS), 0)  # no part of a world has this number
    actions = even_actions(SEGMENTS * TAKES[size], [*key, 0])
    return [
        Item('takes', 'train', number, (*key, number, 0), verb, noun)
        for number, (verb, noun) in enumerate(actions)
    ]


def clip_name(item: Item, camera: int) -> str:
    """Name of a clip below ``clips``; camera 0 is first-person."""
    start, stop = _span(item)
    name = f'cam{camera:02d}' if camera else EGO
    return f'train/{_take(item)}/start{start:.5f}_end{stop:.5f}_{name}.mp4'


def _run(run: Callable, make: Callable, jobs: list) -> None:
    for _ in run(make, jobs):
        pass


def _make_clip(root: Path, job: tuple[Item, int]) -> None:
    item, camera = job
    path = root / clip_name(item, camera)
    if path.exists():
        return
    cv2.setNumThreads(1)
    home = [*item.seed[:3], 1 + item.number // SEGMENTS, 1]
    clip = render_clip(
        item.seed,
        item.verb,
        item.noun,
        view='third' if camera else 'first',
        style='home',
        paired=True,
        home=home,
        camera=camera,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_mp4(path, clip.frames, FPS)


def _take(item: Item) -> str:
    return f'take_{item.number // SEGMENTS:03d}'


def _span(item: Item) -> tuple[float, float]:
    length = NUM_FRAMES / FPS
    start = item.number % SEGMENTS * length
    return start, start + length


def _segment(item: Item) -> dict:
    start, stop = _span(item)
    names = [clip_name(item, camera) for camera in range(CAMERAS + 1)]
    return dict(
        segment_name_list=names,
        ego_segment_name=names[0],
        take_uid=f'uid-{_take(item)}',
        take_name=_take(item),
        start_time=start,
        end_time=stop,
        step_unique_id=pair_label(item),
        label_id=pair_label(item),
        step_name=pair_names()[pair_label(item)],
    )
