"""Which clips and pictures a world has: their names, actions and seeds.

An item renders to the same pictures in every run, on every machine and for any number of processes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .motions import VERBS
from .objects import NOUNS

KINETICS, CHARADES, EPIC, HANDS, OBJECTS = PARTS = (
    'kinetics',
    'charades_ego',
    'epic100',
    'hand_object',
    'objects',
)
SPLITS = ('train', 'val', 'test')
SEGMENTS = 4  # of an EPIC video
# part -> split -> number of clips, of pairs (charades_ego), or of pictures (hand_object; objects:
# of a class)
SIZES = dict(
    small=dict(
        kinetics=dict(train=96, val=48),
        charades_ego=dict(train=16, test=8),
        epic100=dict(train=96, val=24, test=48),
        hand_object=dict(train=96, val=24, test=24),
        objects=dict(train=16, val=4),
    ),
    short=dict(  # trains as full
        kinetics=dict(train=480, val=48),
        charades_ego=dict(train=64, test=16),
        epic100=dict(train=240, val=48, test=192),
        hand_object=dict(train=320, val=40, test=40),
        objects=dict(train=256, val=8),
    ),
    full=dict(
        kinetics=dict(train=480, val=96),
        charades_ego=dict(train=64, test=16),
        epic100=dict(train=240, val=480, test=960),
        hand_object=dict(train=320, val=80, test=80),
        objects=dict(train=256, val=32),
    ),
)


@dataclass(frozen=True)
class Item:
    """One clip (of both views in ``charades_ego``) or picture.

    Attributes:
        part: one of ``PARTS``.
        split: one of ``SPLITS``.
        number: in its split, from 0.
        seed: numbers for ``numpy.random.SeedSequence``; no other item of any world has the same.
        verb: number of the verb.
        noun: number of the noun.
    """

    part: str
    split: str
    number: int
    seed: tuple[int, ...]
    verb: int
    noun: int

    @property
    def name(self) -> str:
        """File stem, and id of the video in lists and target stores (of EPIC: of the segment)."""
        if self.part == CHARADES:
            return f'{self.split[:2].upper()}{self.number:03d}'
        if self.part == EPIC:
            return f'{self.video}_{self.number % SEGMENTS}'
        kind = f'_{NOUNS[self.noun]}' if self.part == OBJECTS else ''
        return f'{self.split}{kind}_{self.number:05d}'

    @property
    def participant(self) -> str:
        """Of an EPIC video; every split has its own, with two videos each."""
        return f'P{1 + SPLITS.index(self.split)}{self.number // SEGMENTS // 2:02d}'

    @property
    def video(self) -> str:
        """Id of the EPIC video that the segment is in."""
        return f'{self.participant}_{101 + self.number // SEGMENTS % 2}'

    @property
    def home(self) -> list[int]:
        """Seed of what the segments of an EPIC video share."""
        return [*self.seed[:3], 1 + self.number // SEGMENTS, 1]


def plan(part: str, size: str, seed: int) -> list[Item]:
    """Items of a part.

    The actions of a split are spread evenly over all pairs of verb and noun, in random order.
    """
    items = []
    for split, count in SIZES[size][part].items():
        key = (seed, PARTS.index(part), SPLITS.index(split))
        if part == OBJECTS:
            actions = [(0, noun) for noun in range(len(NOUNS)) for _ in range(count)]
        else:
            actions = even_actions(count, [*key, 0])
        items += [
            Item(part, split, number, (*key, number, 0), verb, noun)
            for number, (verb, noun) in enumerate(actions)
        ]
    return items


def even_actions(count: int, seed: list[int]) -> list[tuple[int, int]]:
    """Verbs and nouns of ``count`` clips, every pair about as often, in random order."""
    rng = np.random.default_rng(seed)
    pairs = len(VERBS) * len(NOUNS)
    order = np.concatenate([rng.permutation(pairs) for _ in range(-(-count // pairs))])[:count]
    return [divmod(int(number), len(NOUNS)) for number in order]
