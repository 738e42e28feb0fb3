"""Boxes, links and maps on a frame.

Shape legend: ``n`` detections of one frame, ``H x W`` pixels, ``h x w`` cells of a map.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from egoexo_mm.interaction_maps import CONTACTS, HAND, KINDS, OBJECT
from egoexo_mm.targets import Detections

from .text import BLACK, WHITE, Colour, draw_label, place_labels, text_width

# Colours of Okabe and Ito, which all common kinds of colour vision tell apart.
COLOURS: dict[str, Colour] = dict(
    hand=(86, 180, 233), object=(230, 159, 0), ego=(0, 158, 115), score=(204, 121, 167)
)
_OTHERS: tuple[Colour, ...] = (  # the same set, for kinds of boxes of other signals
    (240, 228, 66),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
)
_SIDES = {0: 'L', 1: 'R'}
_THICKNESS = 2


def kind_colours(kinds: Sequence[str]) -> list[Colour]:
    """Colours of kinds of boxes: of hands and objects as always, of others in turn."""
    return [COLOURS.get(kind, _OTHERS[i % len(_OTHERS)]) for i, kind in enumerate(kinds)]


def linked_objects(found: Detections, size: tuple[int, int]) -> np.ndarray:
    """The object that each hand touches: its centre is nearest to the tip of the offset vector.

    Args:
        found: Detections of one frame.
        size: (width, height) of the frame, since distances are compared in pixels.

    Returns:
        (n,) int64 rows of ``found``; -1 for objects, and for hands without contact or offset.
    """
    linked = np.full(len(found), -1)
    objects = np.flatnonzero(found.kind == OBJECT)
    hands = np.flatnonzero(
        (found.kind == HAND) & (found.contact != 0) & ~np.isnan(found.offset).any(1)
    )
    if len(objects) and len(hands):
        centre = (found.box[:, :2] + found.box[:, 2:]) / 2
        gap = (centre[hands] + found.offset[hands])[:, None] - centre[objects]
        linked[hands] = objects[np.square(gap * size).sum(-1).argmin(1)]
    return linked


def detection_label(found: Detections, i: int, kinds: Sequence[str] = KINDS) -> str:
    """``L 0.93 portable`` of hands (side, score, contact), ``object 0.88`` of other kinds."""
    name = kinds[found.kind[i]]
    if name != KINDS[HAND]:
        return f'{name} {found.score[i]:.2f}'
    contact = int(found.contact[i])
    state = '' if contact < 0 else f' {CONTACTS[contact].removesuffix(" object")}'
    return f'{_SIDES.get(int(found.side[i]), "hand")} {found.score[i]:.2f}{state}'


def pixel_boxes(box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(n, 4) boxes in fractions -> int corners within a frame of ``(width, height)``."""
    limit = np.array([*size, *size])
    return np.clip(np.rint(box * limit), 0, limit - 1).astype(int)


def draw_detections(
    frame: np.ndarray, found: Detections, kinds: Sequence[str] = KINDS
) -> np.ndarray:
    """The frame with labelled boxes, and a line from each hand to its object."""
    picture = np.ascontiguousarray(frame).copy()
    size = picture.shape[1], picture.shape[0]
    boxes = pixel_boxes(found.box, size)
    colours = [kind_colours(kinds)[kind] for kind in found.kind]
    for i in np.argsort(-found.kind, kind='stable'):  # hands over objects
        cv2.rectangle(picture, boxes[i, :2].tolist(), boxes[i, 2:].tolist(), colours[i], _THICKNESS)
    links = linked_objects(found, size) if tuple(kinds) == KINDS else ()
    for hand, thing in enumerate(links):
        if thing >= 0:
            draw_link(picture, *((boxes[i, :2] + boxes[i, 2:]) // 2 for i in (hand, thing)))
    order = np.argsort(-found.score, kind='stable')  # the best get the best places
    labels = [detection_label(found, i, kinds) for i in order]
    places = place_labels(boxes[order].tolist(), [text_width(label) for label in labels], size)
    for i, label, place in zip(order, labels, places):
        draw_label(picture, label, *place, colours[i])
    return picture


def draw_link(picture: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    """A line with a ring at its start and a dot at its end, (x, y) each."""
    start, end = start.tolist(), end.tolist()
    for colour, grow in ((BLACK, 2), (WHITE, 0)):
        cv2.line(picture, start, end, colour, 2 + grow, cv2.LINE_AA)
        cv2.circle(picture, end, 4 + grow // 2, colour, cv2.FILLED, cv2.LINE_AA)
        cv2.circle(picture, start, 6, colour, 2 + grow, cv2.LINE_AA)


def dim(frame: np.ndarray) -> np.ndarray:
    """A dark grey copy, as the background of an overlay."""
    grey = np.rint(frame.mean(2, keepdims=True) * 0.6).astype(np.uint8)
    return np.repeat(grey, 3, axis=2)


def overlay_map(
    frame: np.ndarray, cells: np.ndarray, colour: Colour, opacity: float = 0.85
) -> np.ndarray:
    """The frame with a map over it: a cell of 0 is clear, one of 1 shows ``opacity`` of the colour.

    Args:
        frame: (H, W, 3).
        cells: (h, w) in [0, 1].
        colour: Of the map.
        opacity: In [0, 1].
    """
    rows, columns = (
        np.arange(pixels) * count // pixels for pixels, count in zip(frame.shape[:2], cells.shape)
    )
    alpha = opacity * np.clip(cells, 0, 1)[rows[:, None], columns][..., None]
    return np.rint(frame * (1 - alpha) + np.array(colour) * alpha).astype(np.uint8)
