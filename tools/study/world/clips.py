"""Clips: a scene seen by a camera, with its ground truth.

Legend: ``T`` frames, ``n`` boxes of a clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from egoexo_mm.targets import HAND, OBJECT

from .cameras import HEIGHT, WIDTH, FirstPersonCamera, ThirdPersonCamera
from .render import FrameTruth, render_frame
from .scene import BESIDE, OPPOSITE, Scene, make_scene
from .textures import STYLES

NUM_FRAMES, FPS = 32, 24
_COLUMNS = (
    ('frame', int),
    ('box', float, 4),
    ('kind', int),
    ('side', int),
    ('contact', int),
    ('offset', float, 2),
)


@dataclass(frozen=True)
class Clip:
    """Frames (T, H, W, 3) uint8 RGB, and what is in each."""

    frames: np.ndarray
    truth: list[FrameTruth]


def render_clip(
    seed: Sequence[int],
    verb: int,
    noun: int,
    *,
    view: str,
    style: str | None = None,
    paired: bool = False,
    home: Sequence[int] | None = None,
    times: np.ndarray | None = None,
    camera: int = 0,
) -> Clip:
    """Render a clip; the same arguments give the same clip everywhere.

    Args:
        seed: numbers that name the clip, for ``numpy.random.SeedSequence``.
        verb: number of the verb.
        noun: number of the noun.
        view: ``'first'`` or ``'third'``.
        style: name of a style; by default the view's.
        paired: the other view has the same seed and shows the same scene.
        home: seed of room and actor that several clips share; by default they are the clip's own.
        times: (T,) moments from 0 to 1; by default ``NUM_FRAMES`` evenly spaced.
        camera: number of another camera on the same scene.
    """
    scene, camera, rng = stage_clip(
        seed, verb, noun, view=view, style=style, paired=paired, home=home, camera=camera
    )
    gain = rng.uniform(*scene.style.gain)
    times = np.arange(NUM_FRAMES) / NUM_FRAMES if times is None else times
    rendered = [_frame(scene, camera, float(t), view == 'first', gain, rng) for t in times]
    return Clip(np.stack([frame for frame, _ in rendered]), [truth for _, truth in rendered])


def stage_clip(
    seed: Sequence[int],
    verb: int,
    noun: int,
    *,
    view: str,
    style: str | None = None,
    paired: bool = False,
    home: Sequence[int] | None = None,
    camera: int = 0,
) -> tuple[Scene, FirstPersonCamera | ThirdPersonCamera, np.random.Generator]:
    """Scene and camera of :func:`render_clip`, and the source of what is drawn at random later.

    The arguments are those of :func:`render_clip`.
    """
    scene_seed, camera_seed = np.random.SeedSequence(seed).spawn(2)
    rng = np.random.default_rng(scene_seed)
    company = BESIDE if paired or (view == 'third' and rng.random() < 0.5) else OPPOSITE
    scene = make_scene(
        verb,
        noun,
        rng,
        STYLES[style or view],
        company,
        np.random.default_rng(home) if home else None,
    )
    number = [camera] if camera else []
    rng = np.random.default_rng([*camera_seed.generate_state(2), view == 'first', *number])
    camera = (
        FirstPersonCamera(rng)
        if view == 'first'
        else ThirdPersonCamera(rng, scene.company == OPPOSITE)
    )
    return scene, camera, rng


def _frame(
    scene: Scene,
    camera: FirstPersonCamera | ThirdPersonCamera,
    t: float,
    first_person: bool,
    gain: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, FrameTruth]:
    frame, truth = render_frame(scene, camera.at(t, scene.motion.place(t)), t, first_person, rng)
    return (gain * frame).clip(0, 255).astype(np.uint8), truth


def detections(truth: list[FrameTruth]) -> dict[str, np.ndarray]:
    """Ground truth as ``StoreWriter.add_detections`` takes it.

    Scores are 1; boxes and offsets are fractions of the frame.
    """
    rows = []
    for number, frame in enumerate(truth):
        for hand in frame.hands:
            offset = (
                (centre(hand.thing) - centre(hand.box)) / (WIDTH, HEIGHT)
                if hand.thing is not None
                else (np.nan,) * 2
            )
            rows.append((number, hand.box, HAND, hand.side, hand.contact, offset))
        rows += [(number, box, OBJECT, -1, -1, (np.nan,) * 2) for box in frame.objects]
    values = zip(*rows) if rows else [()] * len(_COLUMNS)
    columns = {
        name: np.array(value, dtype).reshape(len(rows), *shape)
        for (name, dtype, *shape), value in zip(_COLUMNS, values)
    }
    return dict(
        columns, box=columns['box'] / (WIDTH, HEIGHT, WIDTH, HEIGHT), score=np.ones(len(rows))
    )


def centre(box: np.ndarray) -> np.ndarray:
    """Middle (2,) of a box (4,)."""
    return (box[:2] + box[2:]) / 2
