"""Text in pictures, in one size, with OpenCV's built-in font (which has ASCII only)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import cv2
import numpy as np

LINE = 20  # pixels of a line of text
PAD = 4  # pixels left and right of a text
WHITE, BLACK, GREY, BACKGROUND = (255,) * 3, (0,) * 3, (150,) * 3, (32,) * 3
_FONT, _SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45
_BASELINE = 14  # of a line, from its top

Colour = tuple[int, int, int]


def to_ascii(text: str) -> str:
    """Letters without their accents, and ``?`` for other characters."""
    bare = (char for char in unicodedata.normalize('NFKD', text) if not unicodedata.combining(char))
    return ''.join(char if char.isascii() and char.isprintable() else '?' for char in bare)


def text_width(text: str) -> int:
    """Pixels of a text with its padding."""
    (width, _), _ = cv2.getTextSize(to_ascii(text), _FONT, _SCALE, 1)
    return width + 2 * PAD


def shorten(text: str, width: int) -> str:
    """The text, without its middle where it is wider than ``width`` pixels."""
    if text_width(text) <= width:
        return text
    for kept in range(len(text) - 1, 0, -1):
        short = text[: kept - kept // 2] + '...' + text[len(text) - kept // 2 :]
        if text_width(short) <= width:
            return short
    return ''


def draw_text(canvas: np.ndarray, text: str, left: int, top: int, colour: Colour = WHITE) -> None:
    """Write into ``canvas``; ``left, top`` is the corner of the line."""
    cv2.putText(
        canvas, to_ascii(text), (left + PAD, top + _BASELINE), _FONT, _SCALE, colour, 1, cv2.LINE_AA
    )


def draw_label(
    canvas: np.ndarray, text: str, left: int, top: int, background: Colour, colour: Colour = BLACK
) -> None:
    """Write on a filled rectangle of :func:`text_width` x ``LINE`` pixels."""
    cv2.rectangle(
        canvas, (left, top), (left + text_width(text) - 1, top + LINE - 1), background, cv2.FILLED
    )
    draw_text(canvas, text, left, top, colour)


def place_labels(
    boxes: Sequence[Sequence[int]], widths: Sequence[int], size: tuple[int, int]
) -> list[tuple[int, int]]:
    """Corners for the labels of boxes, which do not overlap where the picture has space.

    A label stands above, below or inside its box, or else on the nearest free line.

    Args:
        boxes: x1, y1, x2, y2 in pixels.
        widths: Of the labels, in pixels.
        size: (width, height) of the picture, which labels stay within.

    Returns:
        (left, top) of each.
    """
    taken: list[tuple[int, int, int]] = []  # left, top, width
    for (x1, y1, _, y2), width in zip(boxes, widths):
        left = max(0, min(x1, size[0] - width))
        lines = sorted(range(0, size[1] - LINE + 1), key=lambda top: abs(top - y1))
        tops = [top for top in (y1 - LINE, y2 + 1, y1 + 1) if 0 <= top <= size[1] - LINE] + lines
        free = (
            top
            for top in tops
            if all(
                abs(top - other) >= LINE or left >= start + length or start >= left + width
                for start, other, length in taken
            )
        )
        taken.append((left, next(free, max(0, y1 - LINE)), width))
    return [(left, top) for left, top, _ in taken]
