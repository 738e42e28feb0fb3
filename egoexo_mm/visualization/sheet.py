"""Putting pictures beside and below one another."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .text import BACKGROUND, BLACK, LINE, WHITE, Colour, draw_text, shorten


def blank(width: int, height: int, colour: Colour = BACKGROUND) -> np.ndarray:
    """An empty picture."""
    return np.full((height, width, 3), colour, np.uint8)


def resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture in another size, by area where it shrinks."""
    smaller = width * height < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=method)


def letterbox(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The picture as large as it fits, its aspect kept, in the middle of ``width`` x ``height``."""
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = resized(
        picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    )
    out = blank(width, height, BLACK)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    out[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return out


def heading(lines: Sequence[str], width: int, colour: Colour = WHITE) -> np.ndarray:
    """Lines of text, each shortened to the width; (len(lines) * LINE, width, 3)."""
    out = blank(width, LINE * len(lines))
    for number, line in enumerate(lines):
        draw_text(out, shorten(line, width), 0, number * LINE, colour)
    return out


def stack(pictures: Sequence[np.ndarray], gap: int = 0) -> np.ndarray:
    """Pictures below one another; narrower ones are filled up on the right."""
    width = max(picture.shape[1] for picture in pictures)
    rows = []
    for picture in pictures:
        rows += [blank(width, gap)] * bool(gap and rows)
        rows.append(np.hstack([picture, blank(width - picture.shape[1], picture.shape[0])]))
    return np.vstack(rows)


def grid(pictures: Sequence[np.ndarray], columns: int, gap: int = 8) -> np.ndarray:
    """Pictures of one size in rows of ``columns``, with a gap between them and around."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    out = blank(columns * (width + gap) + gap, rows * (height + gap) + gap)
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        top, left = gap + row * (height + gap), gap + column * (width + gap)
        out[top : top + height, left : left + width] = picture
    return out
