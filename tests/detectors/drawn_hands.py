"""A folder of 100DOH with drawn hands, small enough that a detector learns it in minutes.

A hand is a palm, four fingers and a thumb. The thumb of a right hand, seen from its back with the
fingers up, is on its left. A left hand is the mirror image. The contact state follows from the
touched thing: nothing (0), a skin-coloured arm (1), a round red head (2), a blue cup (3) or a wide
green table (4).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 128, 96
# contact state -> colour (BGR), half width and half height as shares of a hand's size, shape
_OBJECTS = {
    1: ((110, 160, 225), (0.75, 0.25), 'ellipse'),
    2: ((60, 60, 190), (0.45, 0.45), 'ellipse'),
    3: ((190, 90, 30), (0.35, 0.5), 'box'),
    4: ((45, 95, 50), (0.8, 0.3), 'box'),
}


def write_drawn_hands(root: Path, train: int, test: int, seed: int = 0) -> Path:
    """``JPEGImages``, ``Annotations``, and ``trainval`` and ``test`` of ``ImageSets/Main``."""
    for folder in ('JPEGImages', 'Annotations', 'ImageSets/Main'):
        (root / folder).mkdir(parents=True)
    for split, count, stream in (('trainval', train, 0), ('test', test, 1)):
        rng = np.random.default_rng([seed, stream])
        stems = [f'{split}_{i:04d}' for i in range(count)]
        for stem in stems:
            image, hands = draw_image(rng)
            cv2.imwrite(
                str(root / 'JPEGImages' / f'{stem}.jpg'), image, [cv2.IMWRITE_JPEG_QUALITY, 95]
            )
            (root / 'Annotations' / f'{stem}.xml').write_text(_xml(hands))
        (root / 'ImageSets' / 'Main' / f'{split}.txt').write_text('\n'.join(stems) + '\n')
    return root


def draw_image(rng: np.random.Generator) -> tuple[np.ndarray, list[dict]]:
    """An image (HEIGHT, WIDTH, 3) in BGR and its one or two hands.

    A hand has ``box``, ``side``, ``state`` and ``object`` box or None, in pixels from 0, ends
    inside.
    """
    shade = np.linspace(*rng.uniform(190, 250, 2), WIDTH)[None, :, None] + rng.normal(
        0, 4, (HEIGHT, WIDTH, 3)
    )
    image = shade.clip(0, 255).astype(np.uint8)
    halves = rng.permutation(2)[: rng.integers(1, 3)]
    return image, [_draw_hand(image, rng, half * WIDTH // 2) for half in halves]


def _draw_hand(image: np.ndarray, rng: np.random.Generator, left: int) -> dict:
    """A hand, and what it touches, in the half of the image that starts at column ``left``."""
    state, side, size = int(rng.integers(5)), int(rng.integers(2)), rng.uniform(26, 34)
    around = rng.uniform(0, 2 * np.pi)
    reach = size * np.array([0.7 * np.cos(around), 0.75 * np.sin(around)])
    middle = np.array([left + WIDTH / 4, HEIGHT / 2]) + rng.uniform((-4, -12), (4, 12))
    centre, held = (middle - reach / 2, middle + reach / 2) if state else (middle, None)
    touched = _draw_object(image, state, held, size) if state else None
    box = _paste(image, _hand_mask(rng, centre, size, side), (130, 175, 235))
    return dict(box=box, side=side, state=state, object=touched)


def _draw_object(image: np.ndarray, state: int, centre: np.ndarray, size: float) -> list[int]:
    colour, shares, shape = _OBJECTS[state]
    mask = np.zeros(image.shape[:2], np.uint8)
    half = size * np.array(shares)
    if shape == 'ellipse':
        cv2.ellipse(mask, _point(centre), _point(half), 0, 0, 360, 1, -1)
    else:
        cv2.rectangle(mask, _point(centre - half), _point(centre + half), 1, -1)
    return _paste(image, mask, colour)


def _hand_mask(rng: np.random.Generator, centre: np.ndarray, size: float, side: int) -> np.ndarray:
    """A hand with its back to the viewer, fingers up, tilted a little."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    tilt = np.deg2rad(rng.uniform(-20, 20))
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    mirror = np.array([1 if side else -1, 1])

    def at(x: float, y: float) -> tuple[int, int]:
        return _point(centre + turn @ (mirror * (x, y)) * size)

    cv2.ellipse(
        mask, at(0.08, 0.2), _point((0.26 * size, 0.28 * size)), np.rad2deg(tilt), 0, 360, 1, -1
    )
    for x in (-0.1, 0.03, 0.16, 0.29):
        cv2.line(mask, at(x, 0.1), at(1.25 * x - 0.01, -0.42), 1, max(2, round(0.09 * size)))
    cv2.line(mask, at(0, 0.25), at(-0.42, -0.02), 1, max(3, round(0.14 * size)))
    return mask


def _paste(image: np.ndarray, mask: np.ndarray, colour: tuple) -> list[int]:
    """Fill the mask and give its box."""
    image[mask > 0] = colour
    rows, columns = np.nonzero(mask)
    return [int(value) for value in (columns.min(), rows.min(), columns.max(), rows.max())]


def _point(values) -> tuple[int, int]:
    return tuple(int(round(float(value))) for value in values)


def _xml(hands: list[dict]) -> str:
    """The annotation file: pixels from 1, the direction of an offset at length 0.1."""
    text = (
        f'<annotation><size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>'
    )
    for hand in hands:
        text += _element(
            'hand', hand['box'], contactstate=hand['state'], handside=hand['side'], **_offset(hand)
        )
        if hand['object']:
            text += _element('targetobject', hand['object'])
    return text + '</annotation>'


def _offset(hand: dict) -> dict:
    names = ('objxmin', 'objymin', 'objxmax', 'objymax')
    if not hand['object']:
        return dict.fromkeys((*names, 'magnitude', 'unitdx', 'unitdy'), 'None')
    box, held = np.array(hand['box']), np.array(hand['object'])
    way = (held[:2] + held[2:] - box[:2] - box[2:]) / 2
    length = np.linalg.norm(way)
    dx, dy = 0.1 * way / length
    return {**dict(zip(names, held + 1)), 'magnitude': length, 'unitdx': dx, 'unitdy': dy}


def _element(name: str, box: list[int], **fields) -> str:
    corners = ''.join(
        f'<{key}>{value + 1}</{key}>' for key, value in zip(('xmin', 'ymin', 'xmax', 'ymax'), box)
    )
    rest = ''.join(f'<{key}>{value}</{key}>' for key, value in fields.items())
    return (
        f'<object><name>{name}</name><pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>'
        f'<bndbox>{corners}</bndbox><contactright>0</contactright><contactleft>0</contactleft>{rest}</object>'
    )
