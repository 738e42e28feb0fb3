"""What the first-person segments of a world show, read off their scenes without drawing them.

Legend: ``N`` segments, ``T`` frames of each. Places are fractions of the frame's width and height.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from egoexo_mm.atomic_files import whole_file

from .build import ABOUT
from .cameras import HEIGHT, WIDTH, Camera
from .clips import NUM_FRAMES, stage_clip
from .objects import NOUNS
from .plan import EPIC, Item, plan
from .scene import Scene

# What the study's networks see of a frame in tests: 48 x 48 pixels in the middle of 69 x 52.
_MARGIN = np.array([0.5 - 24 / (52 * WIDTH / HEIGHT), 0.5 - 24 / 52])
LEFT, RIGHT, BOTH = 0, 1, 2


def write_records(root: str | Path, target: str | Path) -> int:
    """Write the records of all first-person segments of the world in ``root``.

    Args:
        root: Folder of a world.
        target: ``.npz`` to write, with ``name`` (N,), ``acting`` (N,) (``LEFT``, ``RIGHT`` or
            ``BOTH``: the hands that act), ``hand`` (N, T, 2) (middle of the palms that act, hidden
            or not), ``contact`` (N, T) bool (they are on the thing), and ``others`` (N,): other
            things of the eight kinds, and not of the segment's, that are in sight.

    Returns:
        Number of segments.

    Raises:
        ValueError: ``root`` is no world.
    """
    try:
        about = json.loads((Path(root) / ABOUT).read_text(encoding='utf-8'))
        items = plan(EPIC, about['size'], about['seed'])
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f'{root}: expected a world with {ABOUT} ({error!r}); render it with tools/miniworld.py'
        ) from None
    rows = [segment_record(item) for item in items]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    with whole_file(target) as temporary, open(temporary, 'wb') as file:
        np.savez(file, name=np.array([item.name for item in items]), **columns)
    return len(items)


def segment_record(item: Item) -> dict:
    """Record of one segment, with the names of :func:`write_records`."""
    scene, camera, _ = stage_clip(item.seed, item.verb, item.noun, view='first', home=item.home)
    times = np.arange(NUM_FRAMES) / NUM_FRAMES
    cameras = [camera.at(float(t), scene.motion.place(float(t))) for t in times]
    sides = np.flatnonzero(scene.motion.hands)
    hands = [_palms(scene, view, float(t), sides) for view, t in zip(cameras, times)]
    return dict(
        acting=BOTH if len(sides) == 2 else int(sides[0]),
        hand=np.array(hands, np.float32),
        contact=np.array([scene.motion.held(float(t)) for t in times]),
        others=sum(
            thing.noun in NOUNS
            and thing.noun != NOUNS[item.noun]
            and np.mean([_in_view(view, thing.place) for view in cameras]) >= 0.5
            for thing in scene.things[1:]
        ),
    )


def _palms(scene: Scene, camera: Camera, t: float, sides: np.ndarray) -> np.ndarray:
    """Mean place (2,) of the actor's palms of these sides."""
    hands = scene.hands(t)
    palms = np.stack([hands[side].limbs[0].b for side in sides])
    return (camera.see(palms)[0] / (WIDTH, HEIGHT)).mean(0)


def _in_view(camera: Camera, place: np.ndarray) -> bool:
    """Whether a point is in what the networks see, and before the camera."""
    pixels, depths = camera.see(place)
    return bool(depths[0] > 0 and (abs(pixels[0] / (WIDTH, HEIGHT) - 0.5) <= 0.5 - _MARGIN).all())
