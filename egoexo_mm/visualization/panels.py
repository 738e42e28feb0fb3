"""One frame with the teachers' targets, and the scores of its video.

Shape legend: ``H x W`` pixels of a frame, ``h x w`` cells of a map, ``K`` kinds of boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from egoexo_mm.interaction_maps import KINDS, boxes_to_maps
from egoexo_mm.targets import Detections

from .draw import dim, draw_detections, kind_colours, overlay_map
from .sheet import blank, heading, resized
from .text import LINE, Colour, draw_text, shorten, text_width

_GAP = 4  # pixels between a frame and its maps
_MAPS = 2  # below each other
_MAX_STRIP = 640  # pixels; longer bars are no easier to read


class ScoreBar(NamedTuple):
    """A line of :func:`score_strip`: a name and a share in [0, 1]."""

    name: str
    share: float
    colour: Colour


def fit_short_side(frame: np.ndarray, short_side: int) -> np.ndarray:
    """The frame with a shorter side of about ``short_side``.

    Both sides are multiples of 4, so half of a side is even too.
    """
    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    return resized(frame, *(max(4, 4 * round(side * scale / 4)) for side in (width, height)))


def map_grid(frame: np.ndarray, cells: int) -> tuple[int, int]:
    """``(h, w)`` of square cells, ``cells`` of them along the shorter side."""
    height, width = frame.shape[:2]
    return tuple(max(1, round(cells * side / min(height, width))) for side in (height, width))


def maps_of_frame(
    found: Detections, grid: tuple[int, int], num_kinds: int = len(KINDS)
) -> np.ndarray:
    """(K, h, w) maps of the detections of one frame, as training paints them."""
    return boxes_to_maps(
        found.box,
        found.score,
        found.kind,
        np.zeros(len(found), int),
        num_frames=1,
        grid=grid,
        num_kinds=num_kinds,
    )[:, 0]


def above(found: Detections, min_score: float) -> Detections:
    """The detections that score ``min_score`` or more."""
    kept = found.score >= min_score
    return Detections(**{name: column[kept] for name, column in vars(found).items()})


def frame_panel(
    frame: np.ndarray,
    caption: str,
    found: Detections | None = None,
    *,
    cells: int = 7,
    min_score: float = 0.0,
    kinds: Sequence[str] = KINDS,
) -> np.ndarray:
    """A frame with its boxes under a caption; on its right, smaller, a map of each kind of box.

    Args:
        frame: (H, W, 3), sides multiples of 4 (see :func:`fit_short_side`).
        caption: A line of text.
        found: Detections of the frame; None leaves out boxes and maps.
        cells: Cells of the maps along the shorter side of the frame. The default is the map of a
            224 crop with cells of 32.
        min_score: Lowest score of the boxes that are drawn; the maps hold all.
        kinds: Names of the kinds of boxes.

    Returns:
        (H + LINE, W, 3), with two maps about half wider; both sides are even.
    """
    height, width = frame.shape[:2]
    if found is None:
        return np.vstack([heading([caption], width), frame])
    main = np.vstack(
        [heading([caption], width), draw_detections(frame, above(found, min_score), kinds)]
    )
    maps = maps_of_frame(found, map_grid(frame, cells), len(kinds))
    named = list(zip(kinds, maps, kind_colours(kinds)))
    parts = [main]
    for i in range(0, len(named), _MAPS):
        parts += [blank(_GAP, len(main)), _map_column(frame, named[i : i + _MAPS])]
    return np.hstack(parts)


def _map_column(frame: np.ndarray, maps: list[tuple[str, np.ndarray, Colour]]) -> np.ndarray:
    """Up to two maps (h, w) over small copies of the frame, each under its name; H + LINE high."""
    height = (len(frame) - LINE) // _MAPS
    ground = resized(dim(frame), 2 * round(height * frame.shape[1] / len(frame) / 2), height)
    parts = []
    for kind, cells, colour in maps:
        parts += [heading([f'{kind} map'], ground.shape[1], colour)]
        parts += [overlay_map(ground, cells, colour)]
    parts += [blank(ground.shape[1], LINE + height)] * (_MAPS - len(maps))
    return np.vstack(parts)


def score_bars(
    scores: np.ndarray, kind: str, names: Sequence[str] | None, top: int, colour: Colour
) -> list[ScoreBar]:
    """The highest scores of a video with their shares; the share of logits is their softmax.

    Scores of kind ``'scores'`` are shown as they are.

    Args:
        scores: (C,).
        kind: ``'logits'`` or ``'probabilities'``.
        names: Of the classes; None for their numbers.
        top: Number of bars.
        colour: Of the bars.
    """
    share = shares(scores, kind)
    best = np.argsort(-share, kind='stable')[:top].tolist()
    return [ScoreBar(names[i] if names else f'class {i}', float(share[i]), colour) for i in best]


def shares(scores: np.ndarray, kind: str) -> np.ndarray:
    """Scores (..., C) as probabilities; those that are neither these nor logits stay."""
    if kind != 'logits':
        return scores
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def score_strip(bars: Sequence[ScoreBar], width: int) -> np.ndarray:
    """A line per score: name, bar over a dark trough, value; (len(bars) * LINE, width, 3)."""
    out = blank(width, LINE * len(bars))
    used = min(width, _MAX_STRIP)
    name_width = min(max((text_width(bar.name) for bar in bars), default=0), used * 2 // 5)
    left, right = name_width + 4, used - text_width('0.000') - 4
    for number, bar in enumerate(bars):
        top = number * LINE
        draw_text(out, shorten(bar.name, name_width), 0, top)
        out[top + 4 : top + LINE - 4, left:right] = 64
        end = left + round((right - left) * float(np.clip(bar.share, 0, 1)))
        out[top + 4 : top + LINE - 4, left:end] = bar.colour
        draw_text(out, f'{bar.share:.3f}', right, top)
    return out
