"""Worlds of a few clips."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from study.world import SIZES, items, make_world
from study.world.clips import render_clip

TINY = dict(
    kinetics=dict(train=2, val=1),
    charades_ego=dict(train=1, test=1),
    epic100=dict(train=5, val=1, test=1),
    hand_object=dict(train=8, val=2, test=2),
    objects=dict(train=2, val=1),
)
LEAST = {part: {split: 1 for split in splits} for part, splits in TINY.items()}


def tiny_world(root: Path, patch, *, counts: dict = TINY, procs: int = 1, seed: int = 3) -> dict:
    """What ``make_world`` returns for a world of these counts."""
    patch.setitem(SIZES, 'tiny', counts)
    return make_world(root, size='tiny', seed=seed, procs=procs)


def short_clips(patch) -> None:
    """Render one frame a clip, where a test looks at files and not into them."""
    patch.setattr(
        items,
        'render_clip',
        lambda *args, **kwargs: render_clip(*args, **{'times': np.zeros(1), **kwargs}),
    )


def digests(root: Path) -> dict[str, str]:
    """Relative path -> digest of what was rendered."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob('*')
        if path.suffix in ('.mp4', '.jpg', '.png', '.npz', '.xml')
    }
