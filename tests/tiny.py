"""The small configuration that training tests run, and its data."""

from __future__ import annotations

from pathlib import Path

from tests.media import write_kinetics, write_stores

CONFIG = str(Path(__file__).parent / 'data' / 'tiny_slowfast.py')


def make_data(root: Path, num_videos: int = 8) -> dict[str, str]:
    """Videos, list and stores under ``root``; returns the environment that points configs there."""
    ids = write_kinetics(root, num_videos)
    write_stores(root, ids, num_objects=10)
    return dict(TINY_DATA=str(root))
