"""A table with things on it, an actor who acts on one, and sometimes somebody else.

Legend: as in :mod:`motions`; thing 0 is what is acted on, person 0 the actor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bodies import OUTWARDS, Limb, Person
from .cameras import Sway
from .motions import REACH, VERBS, Motion, make_motion
from .objects import NOUNS, Thing, make_sprite
from .textures import SKIN, Style, pattern, surrounding

NONE, PORTABLE, STATIONARY = 0, 3, 4  # contact states of 100DOH
TABLE = np.array([[-0.62, 0, 0.14], [0.62, 0, 0.14], [0.62, 0, 0.95], [-0.62, 0, 0.95]])
REST = np.array([0.2, 0.03, 0.26])  # of a hand that does nothing, x outwards
OPPOSITE, BESIDE = 'opposite', 'beside'


@dataclass(frozen=True)
class Idle:
    """A hand that takes no part: it rests on the table or on a thing, or is out of sight."""

    place: np.ndarray  # (3,) of the wrist, in the scene
    aim: np.ndarray  # (3,) where it points
    thing: int | None
    contact: int
    sway: Sway


@dataclass(frozen=True)
class Hand:
    """A hand at one moment."""

    person: int
    side: int  # 0 left, 1 right
    upper_arm: Limb
    forearm: Limb
    limbs: list[Limb]
    contact: int
    thing: int | None


@dataclass(frozen=True)
class Scene:
    """Everything in front of the camera; :meth:`hands` and :meth:`pose` give places at a time."""

    style: Style
    wall: np.ndarray  # (S, S, 4) uint8 RGB0, as the table
    table: np.ndarray
    table_edge: np.ndarray
    motion: Motion
    things: list[Thing]
    people: list[Person]
    idle: list[list[Idle]]  # person, side
    company: str | None  # where the second person sits

    def pose(self, number: int, t: float) -> tuple[np.ndarray, float]:
        """Centre (3,) and roll of a thing."""
        thing = self.things[number]
        if number:
            return thing.place, thing.roll
        return self.motion.place(t), thing.roll + self.motion.roll(t)

    def hands(self, t: float) -> list[Hand]:
        """Left and right hand of every person."""
        return [
            self._hand(person, side, t) for person in range(len(self.people)) for side in (0, 1)
        ]

    def _hand(self, number: int, side: int, t: float) -> Hand:
        person, idle, motion = self.people[number], self.idle[number][side], self.motion
        wrist, aim = idle.place + idle.sway.at(t), idle.aim
        contact, thing = idle.contact, idle.thing
        grip = 0.8 if thing is not None else 0.2
        if number == 0 and motion.hands[side]:
            near = motion.closeness(t)
            centre, radius = motion.place(t), self.things[0].radius
            taken = centre + grasp_offset(side, radius)
            wrist = wrist + near * (taken - wrist) + (0, 0.12 * near * (1 - near), 0)
            aim, grip = aim + near * (centre - aim), max(grip * (1 - near), near)
            contact, thing = (PORTABLE, 0) if motion.held(t) else (NONE, None)
        upper, forearm = person.arm(side, wrist)
        return Hand(
            number, side, upper, forearm, person.hand(side, forearm, aim, grip), contact, thing
        )


def grasp_offset(side: int, radius: float) -> np.ndarray:
    """From a thing's centre to the wrist that holds it, for a person who looks along z."""
    return np.array([OUTWARDS[side] * (0.8 * radius + 0.02), 0.0, -0.85 * radius - 0.06])


def make_scene(
    verb: int,
    noun: int,
    rng: np.random.Generator,
    style: Style,
    company: str = OPPOSITE,
    home: np.random.Generator | None = None,
) -> Scene:
    """A random scene of an action.

    Args:
        verb: number in ``VERBS``.
        noun: number in ``NOUNS``.
        rng: source of what is random.
        style: appearance.
        home: source of room, table and actor; by default ``rng``.
        company: where somebody else sits, if there is anybody: ``'opposite'`` or ``'beside'``.
    """
    radius = rng.uniform(0.1, 0.135)
    motion = make_motion(VERBS[verb], rng, radius)
    tilt = rng.uniform(-0.25, 0.25)
    things = [Thing(NOUNS[noun], make_sprite(NOUNS[noun], rng, style), radius, motion.start, tilt)]
    people = [_person(home or rng, style, np.zeros(3), 0.0)]
    others = rng.random() < 0.3
    if others:
        away = (
            np.array([0, 0, 1.12])
            if company == OPPOSITE
            else np.array([rng.choice([-1, 1]) * 0.62, 0, 0.05])
        )
        people.append(_person(rng, style, away, np.pi if company == OPPOSITE else 0.0))
    taken = [motion.start, motion.start + motion.way]
    for other in rng.permutation([n for n in range(len(NOUNS)) if n != noun])[: rng.integers(2)]:
        size = rng.uniform(0.08, 0.11)
        place = _free_place(rng, taken, 0.85 * size)
        if place is not None:
            taken.append(place)
            things.append(
                Thing(
                    NOUNS[other],
                    make_sprite(NOUNS[other], rng, style),
                    size,
                    place,
                    rng.uniform(-0.25, 0.25),
                )
            )
    idle = [
        [_idle(rng, people, number, side, things, taken, style) for side in (0, 1)]
        for number in range(len(people))
    ]
    wall, table, edge = _room(home or rng, style)
    return Scene(
        style, wall, table, edge, motion, things, people, idle, company if others else None
    )


def _room(rng: np.random.Generator, style: Style) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (S, S, 4) of wall and table, and the colour (3,) of the table's edge."""
    colours = np.stack([surrounding(rng, style) for _ in range(4)])
    wall = pattern(
        str(rng.choice(style.walls)),
        rng,
        256,
        _near(colours[:2]),
        rng.uniform(0.05, 0.16),
        rng.uniform(-0.2, 0.2),
    )
    table = pattern(
        str(rng.choice(style.tables)),
        rng,
        128,
        _near(colours[2:]),
        rng.uniform(0.06, 0.3),
        rng.uniform(0, np.pi),
    )
    wall, table = (
        np.dstack([picture, np.zeros(picture.shape[:2], np.uint8)]) for picture in (wall, table)
    )
    return wall, table, 0.6 * colours[2]


def _near(colours: np.ndarray) -> np.ndarray:
    """Two colours of a surrounding, closer to each other than those of a thing."""
    return np.stack([colours[0], 0.6 * colours[0] + 0.4 * colours[1]])


def _person(rng: np.random.Generator, style: Style, origin: np.ndarray, yaw: float) -> Person:
    skin = np.array(SKIN[rng.integers(len(SKIN))]) * rng.uniform(0.92, 1.05)
    hair = np.array([[40, 30, 25], [90, 60, 30], [150, 120, 60], [120, 120, 120]][rng.integers(4)])
    return Person(
        origin=origin,
        yaw=yaw,
        skin=np.minimum(skin, 255),
        sleeve=surrounding(rng, style),
        hair=hair,
        size=rng.uniform(0.8, 1.05),
    )


def _free_place(
    rng: np.random.Generator, taken: list[np.ndarray], height: float
) -> np.ndarray | None:
    """A place on the table that is not too near the others, None if ten draws find none."""
    for _ in range(10):
        place = np.array([rng.uniform(*REACH), height, rng.uniform(0.32, 0.8)])
        if _is_free(place, taken):
            return place
    return None


def _is_free(place: np.ndarray, taken: list[np.ndarray]) -> bool:
    return min(np.hypot(*(place - other)[[0, 2]]) for other in taken) > 0.2


def _idle(
    rng: np.random.Generator,
    people: list[Person],
    number: int,
    side: int,
    things: list[Thing],
    taken: list[np.ndarray],
    style: Style,
) -> Idle:
    """A hand at rest.

    One in six of the actor's lies on a stand, one in two of another person's on a thing.
    """
    person = people[number]
    sway = Sway(rng, 3, 0.008, (0.3, 1.2))
    outwards, choice = OUTWARDS[side], rng.random()
    if number == 0 and choice < 0.17:
        place = np.array([outwards * rng.uniform(0.28, 0.36), 0.1, rng.uniform(0.36, 0.44)])
        if _is_free(place, taken):
            taken.append(place)
            things.append(Thing('stand', make_sprite('stand', rng, style), 0.11, place))
            return Idle(
                place + (outwards * 0.02, 0.1, -0.14),
                place + (0, 0.05, 0),
                len(things) - 1,
                STATIONARY,
                sway,
            )
    elif number and choice < 0.5:
        size = 0.09
        place = person.world(
            np.array([outwards * rng.uniform(0.14, 0.24), 0.85 * size, rng.uniform(0.3, 0.42)])
        )
        if _is_free(place, taken):
            taken.append(place)
            noun = NOUNS[rng.integers(len(NOUNS))]
            things.append(Thing(noun, make_sprite(noun, rng, style), size, place))
            wrist = place + person.world(grasp_offset(side, size)) - person.origin
            return Idle(wrist, place, len(things) - 1, PORTABLE, Sway(rng, 3, 0.003, (0.3, 1.2)))
    if choice > 0.8:  # under the table
        place = person.world(REST * (outwards, -4, -0.2))
    else:
        place = person.world(REST * (outwards, 1, 1) + rng.uniform(-0.06, 0.06, 3) * (1, 0, 1))
    return Idle(
        place,
        place + person.world(np.array([-0.3 * outwards, 0, 1])) - person.origin,
        None,
        NONE,
        sway,
    )
