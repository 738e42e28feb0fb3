"""People: torso, head, and two arms of which each ends in a hand with four fingers and a thumb.

Legend: positions as in :mod:`motions`; sides 0 left, 1 right. A person's own axes have x to the
right and z ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

UPPER_ARM, FOREARM = 0.34, 0.32
SHOULDERS = np.array([[-0.2, 0.4, 0.02], [0.2, 0.4, 0.02]])
HIPS = np.array([[-0.15, -0.15, -0.03], [0.15, -0.15, -0.03]])
HEAD = np.array([0.0, 0.62, 0.03])
OUTWARDS = np.array([-1.0, 1.0])  # x of the sides


@dataclass(frozen=True)
class Limb:
    """A cone with round ends from ``a`` to ``b`` (3,), of the radii there."""

    a: np.ndarray
    b: np.ndarray
    radius_a: float
    radius_b: float


@dataclass(frozen=True)
class Person:
    """Who sits at the table.

    Attributes:
        origin: (3,) of the person's axes.
        yaw: radians about y; 0 looks along z.
        skin, sleeve, hair: colours (3,).
        size: of the hands, about 1.
    """

    origin: np.ndarray
    yaw: float
    skin: np.ndarray
    sleeve: np.ndarray
    hair: np.ndarray
    size: float = 1.0

    def world(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the person's own axes in the scene."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        return points @ np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]) + self.origin

    def arm(self, side: int, wrist: np.ndarray) -> tuple[Limb, Limb]:
        """Upper arm and forearm to a wrist (3,) in the scene; one out of reach is drawn nearer."""
        shoulder = self.world(SHOULDERS[side])
        reach = wrist - shoulder
        distance = np.linalg.norm(reach)
        direction = reach / distance
        distance = min(distance, 0.98 * (UPPER_ARM + FOREARM))
        wrist = shoulder + direction * distance
        along = (distance**2 + UPPER_ARM**2 - FOREARM**2) / (2 * distance)
        hint = self.world(np.array([0.5 * OUTWARDS[side], -1.0, 0.0])) - self.origin
        hint -= direction * (hint @ direction)
        elbow = (
            shoulder
            + direction * along
            + hint / np.linalg.norm(hint) * np.sqrt(max(UPPER_ARM**2 - along**2, 0))
        )
        return Limb(shoulder, elbow, 0.065, 0.055), Limb(elbow, wrist, 0.052, 0.034)

    def hand(self, side: int, forearm: Limb, aim: np.ndarray, grip: float) -> list[Limb]:
        """Thumb, fingers and palm of a hand that points from the wrist to ``aim``.

        Args:
            side: 0 left, 1 right.
            forearm: It ends at the wrist.
            aim: (3,).
            grip: 0 flat, 1 closed round something.
        """
        wrist = forearm.b
        ahead = _unit(_unit(wrist - forearm.a) + 0.9 * _unit(aim - wrist))
        across = (
            self.world(np.array([-OUTWARDS[side], 0.25, 0.0])) - self.origin
        )  # towards the thumb
        across = _unit(across - ahead * (across @ ahead))
        down = _unit(np.cross(ahead, across)) * (1 if side == 1 else -1)
        down *= -np.sign(down[1]) if down[1] else 1
        size = self.size
        palm = wrist + 0.075 * size * ahead
        limbs = [Limb(wrist + 0.02 * size * ahead, palm, 0.034 * size, 0.046 * size)]
        for offset, length in ((-1.2, 0.05), (-0.4, 0.068), (0.4, 0.072), (1.2, 0.062)):
            root = palm + 0.03 * size * offset * across + 0.02 * size * ahead
            tip = root + size * length * (
                (1 - 0.35 * grip) * ahead + 0.5 * grip * down + 0.1 * offset * across
            )
            limbs.append(Limb(root, tip, 0.0145 * size, 0.0125 * size))
        root = wrist + size * (0.045 * ahead + 0.035 * across)
        tip = root + size * ((0.045 + 0.02 * grip) * ahead + (0.06 - 0.02 * grip) * across)
        return [*limbs, Limb(root, tip, 0.017 * size, 0.014 * size)]


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(np.linalg.norm(vector), 1e-9)
