"""Drawing scenes: pictures together with exact boxes of hands and of what they touch.

Everything is drawn at ``SUPER`` times the size from far to near. A fourth channel, the tag, tells
to which hand or thing a pixel belongs; boxes are those of what remains visible.

Legend: ``T`` frames of ``H x W`` pixels, ``n`` boxes in pixels from the corner of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from .bodies import HEAD, HIPS, SHOULDERS, Limb, Person
from .cameras import HEIGHT, WIDTH, Camera
from .objects import paste
from .scene import NONE, TABLE, Hand, Scene

SUPER = 2
LEAST = 4.0  # square pixels that must be visible of what gets a box
_NEAR = 0.12  # what is nearer to the camera is not drawn
_FIXED = 4  # fractional bits of OpenCV's coordinates


class HandBox(NamedTuple):
    """A visible hand.

    ``thing`` is the box (4,) of the thing it touches, None if there is none or it is hidden.
    """

    box: np.ndarray
    side: int
    contact: int
    thing: np.ndarray | None


@dataclass
class FrameTruth:
    """What is visible of hands and of the things they touch, each thing once."""

    hands: list[HandBox] = field(default_factory=list)
    objects: list[np.ndarray] = field(default_factory=list)


def render_frame(
    scene: Scene,
    camera: Camera,
    t: float,
    first_person: bool,
    noise: np.random.Generator | None = None,
) -> tuple[np.ndarray, FrameTruth]:
    """A picture (H, W, 3) uint8 RGB and what is in it.

    Args:
        scene: Everything in front of the camera.
        camera: Where the picture is taken from.
        t: Time, from 0 to 1.
        first_person: the actor's body is left out, but for hands and forearms.
        noise: source of brightness noise; None draws none.
    """
    hands = scene.hands(t)
    canvas = draw(scene, camera, t, hands, first_person)
    truth = _truth(canvas[..., 3].copy(), hands, len(scene.things))
    picture = cv2.resize(canvas, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)[..., :3]
    if noise is not None:
        grain = noise.standard_normal((HEIGHT, WIDTH, 1), dtype=np.float32)
        picture = (picture + scene.style.noise * grain).clip(0, 255).astype(np.uint8)
    return picture, truth


def draw(
    scene: Scene,
    camera: Camera,
    t: float,
    hands: list[Hand],
    first_person: bool,
    without: tuple[int, ...] = (),
) -> np.ndarray:
    """Draw a scene; ``without`` leaves out the hands of these numbers.

    Returns:
        (SUPER * H, SUPER * W, 4) RGB and the tag of what the pixel shows: 1 + number of a hand,
        1 + number of hands + number of a thing, or 0.
    """
    canvas = _backdrop(scene, camera)
    bodies = scene.people[first_person:]
    for person in sorted(bodies, key=lambda person: -_depth(camera, person.world(HEAD))):
        _draw_body(canvas, camera, person)
    _draw_table(canvas, camera, scene)
    _draw_shadows(canvas, camera, scene, t)
    layers = []
    for number in range(len(scene.things)):
        centre, roll = scene.pose(number, t)
        layers.append(
            (
                _depth(camera, centre),
                _draw_thing,
                (scene, number, centre, roll, 1 + len(hands) + number),
            )
        )
    for number, hand in enumerate(hands):
        person = scene.people[hand.person]
        layers.append(
            (
                _depth(camera, hand.upper_arm.b) + 0.02,
                _draw_limbs,
                ([hand.upper_arm], person.sleeve, 0),
            )
        )
        middle = (hand.forearm.a + hand.forearm.b) / 2
        layers.append((_depth(camera, middle), _draw_limbs, ([hand.forearm], person.sleeve, 0)))
        if number not in without:
            layers.append(
                (
                    _depth(camera, hand.limbs[0].b),
                    _draw_limbs,
                    (hand.limbs, person.skin, 1 + number),
                )
            )
    for _, drawing, arguments in sorted(layers, key=lambda layer: -layer[0]):
        drawing(canvas, camera, *arguments)
    return canvas


def _depth(camera: Camera, point: np.ndarray) -> float:
    return float((point - camera.eye) @ camera.axes[2])


def _fill(canvas: np.ndarray, pixels: np.ndarray, colour: np.ndarray, tag: int) -> None:
    """Fill a convex polygon (n, 2) given in pixels of the final picture."""
    points = np.rint((SUPER * pixels - 0.5) * 2**_FIXED).astype(np.int32)
    cv2.fillConvexPoly(canvas, points, (*colour.tolist(), tag), shift=_FIXED)


def _backdrop(scene: Scene, camera: Camera) -> np.ndarray:
    """The wall, which turns with the camera as if it were far away."""
    ahead, right = camera.axes[2], camera.axes[0]
    turn = np.array([np.arctan2(ahead[0], ahead[2]), np.arcsin(ahead[1])])
    scale = SUPER * camera.focal / 200
    roll = np.arcsin(right[1])
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    shift = SUPER * np.array([WIDTH, HEIGHT]) / 2 + SUPER * camera.focal * turn * (-1, 1)
    matrix = np.array([[cos, sin, shift[0] - 128 * cos], [-sin, cos, shift[1] - 128 * cos]])
    return cv2.warpAffine(
        scene.wall,
        matrix,
        (SUPER * WIDTH, SUPER * HEIGHT),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )


def _draw_table(canvas: np.ndarray, camera: Camera, scene: Scene) -> None:
    below = camera.see(TABLE - (0, 0.05, 0))[0]
    top = camera.see(TABLE)[0]
    _fill(
        canvas,
        cv2.convexHull(np.concatenate([below, top]).astype(np.float32))[:, 0],
        scene.table_edge,
        0,
    )
    side = len(scene.table)
    corners = np.array([[0, side], [side, side], [side, 0], [0, 0]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, (SUPER * top - 0.5).astype(np.float32))
    cv2.warpPerspective(
        scene.table, matrix, canvas.shape[1::-1], dst=canvas, borderMode=cv2.BORDER_TRANSPARENT
    )


def _draw_shadows(canvas: np.ndarray, camera: Camera, scene: Scene, t: float) -> None:
    shade = np.zeros(canvas.shape[:2], np.uint8)
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    for number, thing in enumerate(scene.things):
        centre = scene.pose(number, t)[0] * (1, 0, 1)
        rim = centre + thing.radius * np.stack(
            [0.9 * np.cos(angles), 0 * angles, 0.45 * np.sin(angles)], 1
        )
        pixels, depths = camera.see(rim)
        if depths.min() > _NEAR:
            cv2.fillConvexPoly(shade, (SUPER * pixels).round().astype(np.int32), 1)
    inside = shade > 0
    canvas[inside] = (canvas[inside] * np.array([0.6, 0.6, 0.6, 1.0])).astype(np.uint8)


def _draw_thing(
    canvas: np.ndarray,
    camera: Camera,
    scene: Scene,
    number: int,
    centre: np.ndarray,
    roll: float,
    tag: int,
) -> None:
    pixels, depths = camera.see(centre)
    if depths[0] > _NEAR:
        thing = scene.things[number]
        radius = SUPER * camera.focal * thing.radius / depths[0]
        paste(canvas, thing.sprite, SUPER * pixels[0] - 0.5, radius, roll, tag)


_ANGLES = np.linspace(0, 2 * np.pi, 14, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], 1)


def _draw_limbs(
    canvas: np.ndarray, camera: Camera, limbs: list[Limb], colour: np.ndarray, tag: int
) -> None:
    """Limbs with a dark outline each, the first on top."""
    ends = np.array([(limb.a, limb.b) for limb in limbs])
    radii = np.array([(limb.radius_a, limb.radius_b) for limb in limbs])
    depths = (ends - camera.eye) @ camera.axes[2]
    for number in np.flatnonzero(
        (depths.min(1) < _NEAR) & (depths.max(1) >= _NEAR)
    ):  # cut at the near plane
        (a, b), (depth_a, depth_b) = ends[number], depths[number]
        ends[number, int(depth_a > depth_b)] = a + (_NEAR - depth_a) / (depth_b - depth_a) * (b - a)
    pixels = camera.see(ends.reshape(-1, 3))[0].reshape(-1, 2, 1, 2)
    scale = camera.focal / np.maximum(depths, _NEAR)
    # outlines (limbs, 28, 2) of a limb and of the part within its dark edge
    sizes = [(scale * np.maximum(radii - edge, 0.004))[..., None, None] for edge in (0.0, 0.006)]
    outer, inner = ((pixels + size * _CIRCLE).reshape(len(limbs), -1, 2) for size in sizes)
    for number in range(len(limbs) - 1, -1, -1):
        if depths[number].max() >= _NEAR:
            for rims, shade in ((outer, 0.55), (inner, 1.0)):
                _fill(
                    canvas,
                    cv2.convexHull(rims[number].astype(np.float32))[:, 0],
                    shade * colour,
                    tag,
                )


def _draw_body(canvas: np.ndarray, camera: Camera, person: Person) -> None:
    if _depth(camera, person.world(HEAD)) < 0.3:
        return
    trunk = camera.see(person.world(np.concatenate([SHOULDERS, HIPS])))[0]
    across = np.concatenate([trunk, trunk + (3, 0), trunk - (3, 0)]).astype(np.float32)
    _fill(canvas, cv2.convexHull(across)[:, 0], 0.85 * person.sleeve, 0)
    head = person.world(HEAD)
    neck = person.world(HEAD - (0, 0.16, 0))
    _draw_limbs(canvas, camera, [Limb(neck, head, 0.05, 0.05)], person.skin, 0)
    back = person.world(HEAD + (0, 0.035, -0.045))
    face = (_depth(camera, head), [Limb(head, head, 0.1, 0.1)], person.skin)
    hair = (_depth(camera, back), [Limb(back, back, 0.105, 0.105)], person.hair)
    for _, limbs, colour in sorted((face, hair), key=lambda part: -part[0]):
        _draw_limbs(canvas, camera, limbs, colour, 0)


def tag_box(tags: np.ndarray, tag: int) -> np.ndarray | None:
    """Box (4,) of a tag's visible pixels, in pixels of the final picture.

    None where too little is visible.
    """
    inside = cv2.compare(tags, tag, cv2.CMP_EQ)
    if cv2.countNonZero(inside) < LEAST * SUPER**2:
        return None
    x, y, width, height = cv2.boundingRect(inside)
    return np.array([x, y, x + width, y + height]) / SUPER


def _truth(tags: np.ndarray, hands: list[Hand], num_things: int) -> FrameTruth:
    boxes = {number: tag_box(tags, 1 + len(hands) + number) for number in range(num_things)}
    truth, shown = FrameTruth(), set()
    for number, hand in enumerate(hands):
        box = tag_box(tags, 1 + number)
        if box is None:
            continue
        thing = boxes[hand.thing] if hand.contact != NONE else None
        truth.hands.append(HandBox(box, hand.side, hand.contact, thing))
        if thing is not None and hand.thing not in shown:
            shown.add(hand.thing)
            truth.objects.append(thing)
    return truth
