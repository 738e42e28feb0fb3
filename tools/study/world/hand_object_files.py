"""Annotation files in the format of 100DOH.

See :mod:`egoexo_mm.datasets.annotations.hand_object_xml` for the fields.
"""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

import numpy as np

from .cameras import HEIGHT, WIDTH
from .clips import centre
from .render import FrameTruth, HandBox

_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def annotation_text(stem: str, truth: FrameTruth) -> str:
    """An XML file for an image."""
    size = f'<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>'
    objects = [*map(_hand, truth.hands), *(_object('targetobject', box) for box in truth.objects)]
    return '\n'.join(
        [
            f'<annotation><filename>{escape(stem)}.jpg</filename>',
            size,
            *objects,
            '</annotation>',
            '',
        ]
    )


def _pixels(box: np.ndarray) -> list[int]:
    """The pixels that a box touches, counted from 1, both ends inside."""
    return [math.floor(box[0]) + 1, math.floor(box[1]) + 1, math.ceil(box[2]), math.ceil(box[3])]


def _object(name: str, box: np.ndarray, **fields: object) -> str:
    corners = ''.join(
        f'<{corner}>{value}</{corner}>' for corner, value in zip(_CORNERS, _pixels(box))
    )
    truncated = int((box <= 0).any() or (box[2:] >= (WIDTH, HEIGHT)).any())
    others = ''.join(f'<{field}>{value}</{field}>' for field, value in fields.items())
    return (
        f'<object><name>{name}</name><pose>Unspecified</pose><truncated>{truncated}</truncated><difficult>0</difficult>'
        f'<bndbox>{corners}</bndbox>{others}</object>'
    )


def _hand(hand: HandBox) -> str:
    fields = dict(
        contactstate=hand.contact,
        contactright=int(hand.contact > 0 and hand.side == 1),
        contactleft=int(hand.contact > 0 and hand.side == 0),
        handside=hand.side,
    )
    held = [None] * 4 if hand.thing is None else _pixels(hand.thing)
    fields.update({f'obj{corner}': value for corner, value in zip(_CORNERS, held)})
    way = (
        None if hand.thing is None else centre(np.array(held)) - centre(np.array(_pixels(hand.box)))
    )
    length = 0.0 if way is None else float(np.hypot(*way))
    direction = (
        (None, None) if way is None else 0.1 * way / max(length, 1e-9)
    )  # the authors' unit is 0.1
    fields.update(
        magnitude=None if way is None else f'{length:.4f}',
        **{
            f'unitd{axis}': None if way is None else f'{value:.6f}'
            for axis, value in zip('xy', direction)
        },
    )
    return _object('hand', hand.box, **fields)
