"""Things: flat shapes with a pattern each, which stand up in the scene and face the camera.

Legend: a sprite is (S, S, 4) uint8, RGB and whether the pixel belongs to the thing (0 or 255).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .textures import STYLES, Style, pair, pattern, surrounding

SPRITE = 96
# in the order of the folders of classes
NOUNS = ('ball', 'bar', 'box', 'cone', 'cross', 'moon', 'ring', 'star')
PATTERNS = dict(
    ball='dots',
    box='checks',
    cone='bands',
    star='rays',
    ring='plain',
    cross='diagonal',
    moon='noise',
    bar='stripes',
    stand='plain',
)


@dataclass(frozen=True)
class Thing:
    """Something on the table.

    Attributes:
        noun: one of ``NOUNS``, or ``'stand'`` for what cannot be moved.
        sprite: how it looks.
        radius: half of the sprite's side in the scene.
        place: (3,) centre at rest.
        roll: radians at rest.
    """

    noun: str
    sprite: np.ndarray
    radius: float
    place: np.ndarray
    roll: float = 0.0


def make_sprite(noun: str, rng: np.random.Generator, style: Style) -> np.ndarray:
    """A thing in colours of the style; shape, pattern and the typical hue are the noun's."""
    typical = NOUNS.index(noun) / len(NOUNS) if noun in NOUNS else rng.uniform()
    colours = pair(rng, style, typical)
    picture = pattern(PATTERNS[noun], rng, SPRITE, colours, rng.uniform(*style.period))
    inside = _mask(noun)
    edge = inside & (cv2.erode(inside, np.ones((7, 7), np.uint8)) == 0).astype(np.uint8) * 255
    picture[edge > 0] = 0.45 * colours[1]
    return np.dstack([picture, inside])


def _mask(noun: str) -> np.ndarray:
    """Where the shape is, 255 inside."""
    mask = np.zeros((SPRITE, SPRITE), np.uint8)
    middle, reach = SPRITE // 2, SPRITE // 2 - 1
    if noun in ('ball', 'ring', 'moon'):
        cv2.circle(mask, (middle, middle), reach, 255, -1)
        if noun == 'ring':
            cv2.circle(mask, (middle, middle), round(0.5 * reach), 0, -1)
        if noun == 'moon':
            cv2.circle(mask, (middle + round(0.65 * reach), middle), round(0.85 * reach), 0, -1)
        return mask
    points = np.array(_OUTLINES[noun]) * reach + middle
    return cv2.fillPoly(mask, [points.round().astype(np.int32)], 255)


def _star() -> list[tuple[float, float]]:
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    lengths = np.tile([1.0, 0.45], 5)
    return list(zip(lengths * np.cos(angles), lengths * np.sin(angles)))


_ARM = 0.36  # half the width of an arm of the cross
_OUTLINES = dict(
    box=[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
    cone=[(0, -0.95), (0.95, 0.85), (-0.95, 0.85)],
    star=_star(),
    cross=[
        *((-_ARM, -1), (_ARM, -1), (_ARM, -_ARM)),
        *((1, -_ARM), (1, _ARM), (_ARM, _ARM)),
        *((_ARM, 1), (-_ARM, 1), (-_ARM, _ARM)),
        *((-1, _ARM), (-1, -_ARM), (-_ARM, -_ARM)),
    ],
    bar=[(-1, -0.38), (1, -0.38), (1, 0.38), (-1, 0.38)],
    stand=[(-0.6, -0.6), (0.6, -0.6), (0.9, 1), (-0.9, 1)],
)


def catalogue_picture(noun: str, rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """One thing, large or small, before a wall and a table, for a classifier of objects.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    style = STYLES['catalogue']
    big = 2 * np.array([width, height])
    side = int(big.max())
    colours = np.stack([surrounding(rng, style), surrounding(rng, style)])
    picture = pattern(
        str(rng.choice(style.walls)),
        rng,
        side,
        colours,
        rng.uniform(0.3, 1.0),
        rng.uniform(0, np.pi),
    )
    edge = int(rng.uniform(0.2, 1.0) * big[1])
    table = pattern(
        str(rng.choice(style.tables)),
        rng,
        side,
        np.stack([surrounding(rng, style), surrounding(rng, style)]),
        rng.uniform(0.3, 1.0),
        rng.uniform(0, np.pi),
    )
    picture[edge:] = table[edge:]
    picture = picture[: big[1], : big[0]]
    sprite = make_sprite(noun, rng, style)
    radius = rng.uniform(0.1, 0.4) * big[1]
    centre = rng.uniform(0.8 * radius, big - 0.8 * radius)
    paste(
        picture,
        sprite,
        centre,
        radius,
        rng.uniform(-np.pi, np.pi) if rng.random() < 0.5 else rng.uniform(-0.3, 0.3),
    )
    picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA) * rng.uniform(
        *style.gain
    )
    return (picture + rng.normal(0, style.noise, picture.shape)).clip(0, 255).astype(np.uint8)


def paste(
    canvas: np.ndarray,
    sprite: np.ndarray,
    centre: np.ndarray,
    radius: float,
    roll: float,
    tag: int | None = None,
) -> None:
    """Draw a sprite into a picture.

    Args:
        canvas: (H, W, 3), or (H, W, 4) whose last channel gets ``tag``.
        sprite: (S, S, 4).
        centre: (2,) x, y in pixels.
        radius: half of the sprite's side, in pixels.
        roll: radians.
        tag: number of the thing.
    """
    reach = 1.5 * radius
    low = np.maximum(np.floor(centre - reach), 0).astype(int)
    high = np.minimum(np.ceil(centre + reach) + 1, canvas.shape[1::-1]).astype(int)
    if (high <= low).any():
        return
    scale = 2 * radius / SPRITE
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    middle = (SPRITE - 1) / 2
    offset = centre - low
    matrix = np.array(
        [
            [cos, -sin, offset[0] - (cos - sin) * middle],
            [sin, cos, offset[1] - (sin + cos) * middle],
        ]
    )
    if scale < 0.7:  # what is drawn smaller is smoothed before
        sprite = cv2.blur(sprite, (round(1 / scale),) * 2)
    drawn = cv2.warpAffine(sprite, matrix, tuple((high - low).tolist()), flags=cv2.INTER_LINEAR)
    inside = drawn[..., 3] > 127
    region = canvas[low[1] : high[1], low[0] : high[0]]
    region[..., :3][inside] = drawn[..., :3][inside]
    if tag is not None:
        region[..., 3][inside] = tag
