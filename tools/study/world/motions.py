"""Verbs: how a thing and the hands on it move.

Legend: time ``t`` runs from 0 to 1 over a clip; lengths are about metres; x is to the actor's
right, y up, z ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VERBS = ('lift', 'pull', 'push', 'put', 'rotate', 'shake')
REACH = (-0.42, 0.42)  # x of what is on the table in front of a person


def ease(x: float) -> float:
    """From 0 to 1, with a soft start and end."""
    x = min(max(x, 0.0), 1.0)
    return x * x * (3 - 2 * x)


@dataclass(frozen=True)
class Motion:
    """One action of one hand, or two, on one thing.

    Attributes:
        verb: one of ``VERBS``.
        start: (3,) where the thing is when the action begins.
        way: (3,) from there to where it is at the end; for ``shake`` to the turning point.
        turn: radians that it turns in all.
        cycles: of shaking.
        grasp: time at which the hands take it; below 0 or above 1 is outside the clip.
        begin: time from which it moves.
        end: time from which it is held still.
        release: time at which the hands let go.
        hands: (2,) bool, left and right: which take it.
    """

    verb: str
    start: np.ndarray
    way: np.ndarray
    turn: float
    cycles: float
    grasp: float
    begin: float
    end: float
    release: float
    hands: np.ndarray

    def place(self, t: float) -> np.ndarray:
        """Centre of the thing."""
        progress = (t - self.begin) / (self.end - self.begin)
        if self.verb == 'shake':
            fade = ease(min(progress, 1 - progress) * 6)
            return self.start + self.way * fade * np.sin(2 * np.pi * self.cycles * progress)
        return self.start + self.way * ease(progress)

    def roll(self, t: float) -> float:
        """Turn of the thing, in radians."""
        return self.turn * ease((t - self.begin) / (self.end - self.begin))

    def held(self, t: float) -> bool:
        """Whether the hands are on the thing."""
        return self.grasp <= t <= self.release

    def closeness(self, t: float, duration: float = 0.22) -> float:
        """0: the hands are at rest, 1: on the thing."""
        return ease(1 - (self.grasp - t) / duration) * ease(1 - (t - self.release) / duration)


def make_motion(verb: str, rng: np.random.Generator, radius: float) -> Motion:
    """An action of one of ``VERBS``; a thing of this radius stands on the table at y = 0."""
    table = 0.85 * radius
    spot = np.array([rng.uniform(-0.16, 0.16), table, rng.uniform(0.36, 0.5)])
    far = rng.uniform(0.15, 0.26)
    aside = rng.uniform(-0.06, 0.06)
    up, ahead = np.array([aside, far, 0.3 * aside]), np.array([aside, 0, far])
    start, way = dict(
        lift=(spot, up),
        put=(spot + up, -up),
        push=(spot, ahead),
        pull=(spot + ahead, -ahead),
        shake=(spot + rng.uniform(0, 1) * up, np.array([rng.uniform(0.05, 0.09), 0.3 * aside, 0])),
        rotate=(spot + rng.uniform(0, 1) * up, 0.4 * np.array([aside, 0, 0])),
    )[verb]
    turn = (
        rng.choice([-1, 1]) * rng.uniform(2.2, 4.2)
        if verb == 'rotate'
        else rng.uniform(-0.25, 0.25)
    )
    in_air = start[1] > table + 1e-6  # then it is in the hand from the first frame on
    grasp = -1.0 if in_air or rng.random() < 0.3 else rng.uniform(0.08, 0.25)
    begin = max(grasp + 0.05, rng.uniform(0.06, 0.25))
    end = begin + rng.uniform(0.45, 0.6)
    lands = (start + way)[1] <= table + 1e-6 and not (verb in ('shake', 'rotate') and in_air)
    release = end + rng.uniform(0.03, 0.12) if lands and rng.random() < 0.7 else 2.0
    hands = np.ones(2, bool) if rng.random() < 0.25 else np.arange(2) == rng.integers(2)
    return Motion(
        verb=verb,
        start=start,
        way=way,
        turn=turn,
        cycles=rng.uniform(2.0, 3.5),
        grasp=grasp,
        begin=begin,
        end=end,
        release=release,
        hands=hands,
    )
