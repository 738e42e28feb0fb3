"""Maps of teachers beside those that a student predicts.

Shape legend: ``H x W`` pixels of a frame, ``K`` kinds of maps, ``h x w`` cells of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from egoexo_mm.interaction_maps import KINDS

from .draw import dim, kind_colours, overlay_map
from .panels import fit_short_side
from .sheet import blank, heading, stack
from .text import GREY, WHITE

_GAP = 4  # pixels between pictures of a row


class ComparedMaps(NamedTuple):
    """A row of :func:`comparison_sheet`.

    Args:
        caption: A line of text.
        frame: (H, W, 3) uint8 RGB.
        target: (K, h, w) in [0, 1]; None where there is none.
        predicted: (K, h, w) in [0, 1].
    """

    caption: str
    frame: np.ndarray
    target: np.ndarray | None
    predicted: np.ndarray


def comparison_sheet(
    rows: Sequence[ComparedMaps],
    title: str,
    kinds: Sequence[str] = KINDS,
    short_side: int = 160,
) -> np.ndarray:
    """A row a clip: the frame, then target and prediction of each kind of map over it.

    Args:
        rows: Of one frame size.
        title: A line of text.
        kinds: Names of the K kinds.
        short_side: Of the drawn frames, in pixels.
    """
    lines = [_row(row, kinds, short_side) for row in rows]
    names = [('frame', WHITE)]
    for kind, colour in zip(kinds, kind_colours(kinds)):
        names += [(f'{kind} target', colour), (f'{kind} predicted', colour)]
    width = (lines[0].shape[1] + _GAP) // len(names) - _GAP
    head = _beside([heading([name], width, colour) for name, colour in names])
    parts = [heading([title], lines[0].shape[1]), head]
    for row, line in zip(rows, lines):
        parts += [heading([row.caption], line.shape[1], GREY), line]
    return stack(parts)


def _row(row: ComparedMaps, kinds: Sequence[str], short_side: int) -> np.ndarray:
    frame = fit_short_side(row.frame, short_side)
    ground, pictures = dim(frame), [frame]
    for number, colour in enumerate(kind_colours(kinds)):
        for maps in (row.target, row.predicted):
            if maps is None:
                pictures.append(blank(frame.shape[1], len(frame)))
            else:
                pictures.append(overlay_map(ground, maps[number], colour))
    return _beside(pictures)


def _beside(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures of one height in a row, with a gap between them."""
    parts = [pictures[0]]
    for picture in pictures[1:]:
        parts += [blank(_GAP, len(picture)), picture]
    return np.hstack(parts)
