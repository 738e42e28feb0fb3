"""Colours and patterns; a style is what all pictures of one source have in common.

Legend: colours are RGB from 0 to 255, pictures (S, S, 3) uint8.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np

SKIN = ((236, 196, 170), (214, 164, 130), (178, 124, 90), (130, 86, 60), (94, 62, 46))


@dataclass(frozen=True)
class Style:
    """Ranges that the appearance of a picture is drawn from.

    Attributes:
        hue, saturation, value: of surroundings and clothes, from 0 to 1; hue may pass 1.
        object_shift: of the hue of things against what is typical of their noun.
        object_spread: standard deviation about it.
        walls, tables: names of patterns.
        period: of patterns on things, as a fraction of their size.
        gain: brightness of the picture.
        noise: standard deviation of the sensor's noise.
    """

    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]
    object_shift: float
    object_spread: float
    walls: tuple[str, ...]
    tables: tuple[str, ...]
    period: tuple[float, float]
    gain: tuple[float, float]
    noise: float


STYLES = dict(
    third=Style(
        hue=(0.45, 0.8),
        saturation=(0.1, 0.5),
        value=(0.45, 0.9),
        object_shift=0.0,
        object_spread=0.07,
        walls=('bricks', 'stripes'),
        tables=('plain', 'noise'),
        period=(0.36, 0.5),
        gain=(0.9, 1.1),
        noise=2.0,
    ),
    first=Style(
        hue=(0.0, 0.3),
        saturation=(0.1, 0.45),
        value=(0.3, 0.75),
        object_shift=0.06,
        object_spread=0.07,
        walls=('checks', 'noise'),
        tables=('noise', 'stripes', 'checks'),
        period=(0.26, 0.38),
        gain=(0.7, 1.15),
        noise=3.0,
    ),
    home=Style(
        hue=(0.0, 1.0),
        saturation=(0.1, 0.5),
        value=(0.35, 0.85),
        object_shift=0.03,
        object_spread=0.09,
        walls=('bricks', 'stripes', 'checks', 'noise'),
        tables=('plain', 'noise', 'stripes'),
        period=(0.26, 0.5),
        gain=(0.75, 1.15),
        noise=3.0,
    ),
    catalogue=Style(
        hue=(0.0, 1.0),
        saturation=(0.0, 0.5),
        value=(0.3, 1.0),
        object_shift=0.03,
        object_spread=0.12,
        walls=('plain', 'noise', 'waves', 'bricks', 'stripes', 'checks'),
        tables=('plain', 'noise', 'stripes'),
        period=(0.26, 0.5),
        gain=(0.8, 1.15),
        noise=2.0,
    ),
)


def colour(
    rng: np.random.Generator,
    hue: tuple[float, float],
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> np.ndarray:
    """A colour (3,)."""
    h, s, v = (rng.uniform(*limits) for limits in (hue, saturation, value))
    return 255 * np.array(colorsys.hsv_to_rgb(h % 1, s, v))


def surrounding(rng: np.random.Generator, style: Style) -> np.ndarray:
    """A colour of walls, tables and clothes."""
    return colour(rng, style.hue, style.saturation, style.value)


def pair(rng: np.random.Generator, style: Style, typical: float) -> np.ndarray:
    """A bright and a dark colour of one thing (2, 3), whose hue is about ``typical``."""
    hue = typical + style.object_shift + style.object_spread * rng.standard_normal()
    bright = colour(rng, (hue, hue), (0.5, 0.9), (0.75, 1.0))
    dark = colour(rng, (hue - 0.1, hue + 0.1), (0.5, 1.0), (0.15, 0.4))
    return np.stack([bright, dark])


def pattern(
    name: str,
    rng: np.random.Generator,
    size: int,
    colours: np.ndarray,
    period: float,
    angle: float = 0.0,
) -> np.ndarray:
    """A picture of two colours.

    Args:
        name: of a pattern below.
        rng: source of the phase and of noise.
        size: side in pixels.
        colours: (2, 3).
        period: fraction of ``size``.
        angle: radians.
    """
    y, x = np.mgrid[:size, :size] / size - 0.5
    u = (x * np.cos(angle) + y * np.sin(angle)) / period
    v = (y * np.cos(angle) - x * np.sin(angle)) / period
    phase = rng.uniform(0, 1, 2)
    mix = _PATTERNS[name](u + phase[0], v + phase[1], np.hypot(u, v) + phase[0], rng)[..., None]
    return (colours[0] + mix * (colours[1] - colours[0])).astype(np.uint8)


def _wave(x: np.ndarray) -> np.ndarray:
    """Steps of period 1 with soft edges, from 0 to 1."""
    return np.clip(0.5 + 2.5 * np.sin(2 * np.pi * x), 0, 1)


def _bricks(u: np.ndarray, v: np.ndarray, r: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shifted = u * 0.5 + 0.5 * (np.floor(v) % 2)
    return 0.7 * ((v % 1 < 0.15) | (shifted % 1 < 0.08))


def _noise(u: np.ndarray, v: np.ndarray, r: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    cells = max(3, round(2.5 * np.ptp(u)))
    return cv2.resize(
        rng.uniform(0, 1, (cells, cells)), u.shape, interpolation=cv2.INTER_CUBIC
    ).clip(0, 1)


_PATTERNS = dict(
    plain=lambda u, v, r, rng: 0.15 * (v - v.min()) / np.ptp(v),
    stripes=lambda u, v, r, rng: _wave(u),
    bands=lambda u, v, r, rng: _wave(v),
    diagonal=lambda u, v, r, rng: _wave((u + v) * 0.7),
    checks=lambda u, v, r, rng: _wave(u) * _wave(v) + (1 - _wave(u)) * (1 - _wave(v)),
    dots=lambda u, v, r, rng: np.clip(4 * (0.33 - np.hypot(u % 1 - 0.5, v % 1 - 0.5)), 0, 1),
    rings=lambda u, v, r, rng: _wave(r),
    waves=lambda u, v, r, rng: 0.5 + 0.3 * np.sin(2 * np.pi * u) * np.sin(2 * np.pi * v),
    rays=lambda u, v, r, rng: _wave(np.arctan2(v - v.mean(), u - u.mean()) * 5 / (2 * np.pi)),
    bricks=_bricks,
    noise=_noise,
)
