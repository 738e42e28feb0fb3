"""Small real media and target stores for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter
from egoexo_mm.video import write_mp4


def write_video(path: Path, frames: np.ndarray, fps: float = 30, codec: str = 'mp4v') -> Path:
    """Encode (T, H, W, 3) uint8 RGB frames; ``codec`` FFV1 (in .avi) is lossless."""
    write_mp4(path, frames, fps, codec)
    return path


def noise_video(
    path: Path, seed: int, num_frames: int = 40, size: tuple[int, int] = (64, 48), fps: float = 30
) -> Path:
    """A smooth moving pattern, another for every seed."""
    width, height = size
    rng = np.random.default_rng(seed)
    phase, speed, slope = (
        rng.uniform(0, 6, 3),
        rng.uniform(-0.4, 0.4, 3),
        rng.uniform(-0.2, 0.2, (3, 2)),
    )
    y, x, t = np.meshgrid(np.arange(height), np.arange(width), np.arange(num_frames), indexing='ij')
    waves = [np.sin(phase[c] + speed[c] * t + slope[c, 0] * x + slope[c, 1] * y) for c in range(3)]
    return write_video(
        path, np.moveaxis(np.stack(waves, -1) * 100 + 128, 2, 0).astype(np.uint8), fps
    )


def write_kinetics(root: Path, num_videos: int = 8, num_classes: int = 2, **video) -> list[str]:
    """A Kinetics-style list ``list.txt`` of videos in ``videos/``; returns their ids."""
    rows, ids = [], []
    for i in range(num_videos):
        noise_video(root / 'videos' / f'clip_{i}.mp4', seed=i, **video)
        rows.append(f'clip_{i}.mp4 {i % num_classes}')
        ids.append(f'clip_{i}')
    (root / 'list.txt').write_text('\n'.join(rows) + '\n')
    return ids


def write_stores(
    root: Path,
    ids: list[str],
    num_objects: int = 1000,
    num_frames: int = 40,
    score_kind: str = 'logits',
) -> dict[str, str]:
    """Random targets of all three kinds for ``ids``: target name -> store."""
    rng = np.random.default_rng(0)
    stores = {
        name: str(root / 'targets' / name)
        for name in ('ego_score', 'object_score', 'interaction_map')
    }
    for name, length in (('ego_score', 2), ('object_score', num_objects)):
        manifest = Manifest(
            signal=name, dataset='test', teacher='random', score_kind=score_kind, num_scores=length
        )
        with StoreWriter(stores[name], manifest) as writer:
            for video_id in ids:
                scores = rng.standard_normal(length)
                if score_kind == 'probabilities':
                    scores = np.exp(scores) / np.exp(scores).sum()
                writer.add_scores(video_id, scores)
    manifest = Manifest(signal='interaction', dataset='test', teacher='random')
    with StoreWriter(stores['interaction_map'], manifest) as writer:
        for video_id in ids:
            corner = rng.uniform(0, 0.6, (2 * num_frames, 2))
            writer.add_detections(
                video_id,
                frame=np.repeat(np.arange(num_frames), 2),
                box=np.hstack([corner, corner + 0.3]),
                score=rng.uniform(0.5, 1, 2 * num_frames),
                kind=np.tile([HAND, OBJECT], num_frames),
                num_frames=num_frames,
                fps=30,
            )
    return stores
