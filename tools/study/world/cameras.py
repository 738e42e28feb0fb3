"""Pinhole cameras on smooth ways.

Legend: positions as in :mod:`motions`; pixels count from the upper left corner of the picture,
whose first pixel is [0, 1] x [0, 1]; depth is along the camera's axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 96, 72


@dataclass(frozen=True)
class Camera:
    """A camera at one moment.

    Attributes:
        eye: (3,).
        axes: (3, 3) rows right, up and ahead.
        focal: in pixels.
    """

    eye: np.ndarray
    axes: np.ndarray
    focal: float

    def see(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (n, 2) and depths (n,) of points (n, 3).

        The pixels of a point behind the camera are far outside the picture.
        """
        seen = (np.atleast_2d(points) - self.eye) @ self.axes.T
        depth = np.maximum(seen[:, 2], 0.05)
        pixels = self.focal * seen[:, :2] / depth[:, None] * (1, -1) + (WIDTH / 2, HEIGHT / 2)
        return pixels, seen[:, 2]


def look(eye: np.ndarray, target: np.ndarray, focal: float, roll: float = 0.0) -> Camera:
    """A camera that has ``target`` in the middle; ``roll`` in radians."""
    ahead = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross((0, 1, 0), ahead)
    right /= np.linalg.norm(right)
    up = np.cross(ahead, right)
    cos, sin = np.cos(roll), np.sin(roll)
    return Camera(eye, np.stack([cos * right + sin * up, cos * up - sin * right, ahead]), focal)


class Sway:
    """Smooth random movement: a sum of sines for each of ``size`` numbers.

    Each has the standard deviation ``strength``.
    """

    def __init__(
        self, rng: np.random.Generator, size: int, strength: float, speed: tuple[float, float]
    ) -> None:
        self.phase = rng.uniform(0, 2 * np.pi, (3, size))
        self.speed = 2 * np.pi * rng.uniform(*speed, (3, size))
        self.strength = strength * np.sqrt(2 / 3)

    def at(self, t: float) -> np.ndarray:
        """(size,)."""
        return self.strength * np.sin(self.phase + self.speed * t).sum(0)


class ThirdPersonCamera:
    """Looks at the actor from the front or a side; stands still or pans slowly.

    Some are close and see little but hands.

    Args:
        rng: Source of what is random.
        side_only: Stay at the sides, since someone sits opposite.
    """

    def __init__(self, rng: np.random.Generator, side_only: bool = False) -> None:
        close = rng.random() < 0.25
        distance = rng.uniform(0.85, 1.1) if close else rng.uniform(1.2, 1.9)
        yaw = rng.choice([-1, 1]) * rng.uniform(*(1.0, 1.5) if side_only else (0.0, 1.4))
        height = rng.uniform(0.35, 0.7) * distance
        middle = np.array(
            [
                rng.uniform(-0.1, 0.1),
                0.1 if close else rng.uniform(0.15, 0.32),
                0.45 if close else 0.3,
            ]
        )
        flat = np.sqrt(distance**2 - (0.6 * height) ** 2)
        self.eye = middle + (flat * np.sin(yaw), height, flat * np.cos(yaw))
        self.middle = middle
        self.pan = rng.uniform(-0.25, 0.25, 3) * (1, 0.3, 1) if rng.random() < 0.5 else np.zeros(3)
        self.focal = rng.uniform(100, 125)
        self.roll = rng.normal(0, 0.03)

    def at(self, t: float, focus: np.ndarray) -> Camera:
        """The camera at time t; ``focus`` is ignored."""
        return look(self.eye, self.middle + self.pan * (t - 0.5), self.focal, self.roll)


class FirstPersonCamera:
    """On the actor's head: sways, and follows what the hands do."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.eye = np.array([0, rng.uniform(0.54, 0.66), rng.uniform(-0.04, 0.04)])
        self.aim = np.array(
            [rng.uniform(-0.08, 0.08), rng.uniform(-0.02, 0.1), rng.uniform(0.42, 0.52)]
        )
        self.follow = rng.uniform(0.1, 0.35)
        self.moves = Sway(rng, 3, rng.uniform(0.005, 0.02), (0.4, 1.6))
        self.turns = Sway(rng, 4, rng.uniform(0.01, 0.035), (0.4, 1.6))
        self.focal = rng.uniform(72, 100)

    def at(self, t: float, focus: np.ndarray) -> Camera:
        """The camera at time t, drawn to ``focus`` (3,)."""
        turn = self.turns.at(t)
        target = self.aim + self.follow * (focus - self.aim) + turn[:3]
        return look(self.eye + self.moves.at(t), target, self.focal, turn[3])
