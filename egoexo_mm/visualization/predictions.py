"""Frames with what a model predicts: its best classes, and its maps of hands and objects.

Shape legend: ``H x W`` pixels of a frame, ``V`` views, ``h x w`` cells of a map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from .draw import kind_colours
from .panels import ScoreBar, score_strip
from .sheet import blank, grid, heading, stack
from .text import GREY, LINE, WHITE, draw_text, shorten, text_width

_SWATCH = 12  # pixels
_FAINT = 0.1  # a map this low is clear: sigmoids are never zero
_STRONGEST = 0.7  # opacity of a map of 1
_OUTLINED = 0.5
_UNSEEN = 0.45  # brightness of what no crop shows


def place_maps(maps: np.ndarray, regions: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """One map of a frame from those of its crops; where crops overlap, their mean.

    Args:
        maps: (V, h, w) in [0, 1].
        regions: (V, 4) ``x1, y1, x2, y2`` of the crops in units of the frame.
        size: ``(H, W)``.

    Returns:
        (H, W) float32, between cells interpolated, NaN outside of all crops.
    """
    height, width = size
    total, count = np.zeros((2, height, width), np.float32)
    for cells, region in zip(maps, regions):
        corners = np.rint(region * [width, height, width, height]).astype(int)
        x1, y1, x2, y2 = np.clip(corners, 0, [width, height] * 2)
        if x2 > x1 and y2 > y1:
            total[y1:y2, x1:x2] += cv2.resize(cells.astype(np.float32), (x2 - x1, y2 - y1))
            count[y1:y2, x1:x2] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def paint_maps(frame: np.ndarray, maps: Mapping[str, np.ndarray]) -> np.ndarray:
    """The frame with its maps over it, as opaque as they are high, and a line at 0.5.

    Args:
        frame: (H, W, 3).
        maps: Kind -> (H, W) in [0, 1]; NaN outside of the crops, which becomes dark.
    """
    unseen = np.isnan(next(iter(maps.values())))[..., None]
    picture = np.where(unseen, frame * _UNSEEN, frame)
    colours = kind_colours(list(maps))
    for colour, values in zip(colours, maps.values()):
        alpha = np.clip((np.nan_to_num(values) - _FAINT) / (1 - _FAINT), 0, 1)[..., None]
        alpha = alpha * _STRONGEST
        picture = picture * (1 - alpha) + np.array(colour) * alpha
    picture = np.rint(picture).astype(np.uint8)
    for colour, values in zip(colours, maps.values()):
        high = (np.nan_to_num(values) >= _OUTLINED).astype(np.uint8)
        lines, _ = cv2.findContours(high, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, lines, -1, colour, 2, cv2.LINE_AA)
    return picture


def prediction_panel(
    frame: np.ndarray,
    caption: str,
    bars: Sequence[ScoreBar],
    maps: Mapping[str, np.ndarray] | None = None,
) -> np.ndarray:
    """A frame under its caption, with maps over it; below, what the colours mean and the scores.

    Args:
        frame: (H, W, 3).
        caption: A line of text.
        bars: Of the best classes.
        maps: Kind (``'hand'``, ``'object'``) -> (H, W) in [0, 1], NaN outside of the crops.

    Returns:
        (H + LINE * (1 + len(bars)), W, 3), a line more with maps.
    """
    width = frame.shape[1]
    if maps:
        frame = paint_maps(frame, maps)
    parts = [heading([caption], width), frame]
    if maps:
        parts.append(legend(list(maps), width))
    return np.vstack([*parts, score_strip(bars, width)] if bars else parts)


def legend(kinds: Sequence[str], width: int) -> np.ndarray:
    """A line that says which colour is which map, (LINE, width, 3)."""
    out = blank(width, LINE)
    left = 4
    for kind, colour in zip(kinds, kind_colours(kinds)):
        top = (LINE - _SWATCH) // 2
        out[top : top + _SWATCH, left : left + _SWATCH] = colour
        draw_text(out, kind, left + _SWATCH, 0, WHITE)
        left += _SWATCH + text_width(kind) + 8
    draw_text(
        out, shorten('predicted by the model; outlined above 0.5', width - left), left, 0, GREY
    )
    return out


def prediction_sheet(panels: Sequence[np.ndarray], title: str, columns: int = 3) -> np.ndarray:
    """Panels of one size on one picture, under a title."""
    tiles = grid(panels, min(columns, len(panels)))
    return stack([heading([title], tiles.shape[1]), tiles])
