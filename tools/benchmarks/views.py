"""CPU time and bytes of a video in the 10 x 3 test pipeline: frames sent once or per view."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import cv2
import loader
import measuring
import torch
from mmcv.transforms import Compose
from mmengine.config import Config

from egoexo_mm.models.raw_views import FrameViews


def pipelines() -> dict[str, Compose]:
    """The shipped test pipeline, and the same with MMAction2's ``FormatShape``."""
    shipped = [
        dict(step)
        for step in Config.fromfile(loader.CONFIGS / 'egoexo_slowfast_k400.py').test_pipeline
    ]
    stock = [
        step
        for step in shipped
        if step['type'] not in ('UniqueFrames', 'RepeatFrames', 'FormatViews')
    ]
    stock[-1:] = [dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]
    return {'every view copied': Compose(stock), 'each frame once': Compose(shipped)}


def tensors(packed: dict) -> list[torch.Tensor]:
    """What a loading process hands on."""
    inputs = packed['inputs']
    return list(inputs.values()) if isinstance(inputs, dict) else [inputs]


def spend(pipeline: Compose, path: Path) -> tuple[float, float, dict]:
    """CPU seconds of the pipeline and of copying its result to shared memory, and the result."""
    start = time.process_time()
    packed = pipeline(loader.sample(path, 0))
    middle = time.process_time()
    for tensor in tensors(packed):
        tensor.clone().share_memory_()
    return middle - start, time.process_time() - middle, packed


def run(options: measuring.Options) -> list[dict]:
    """A row per way; the views are found equal first."""
    cv2.setNumThreads(0)  # as in a data worker
    sides, spent = pipelines(), {}
    with tempfile.TemporaryDirectory() as name:
        paths = (
            sorted(options.videos.iterdir())
            if options.videos
            else loader.make_videos(
                Path(name), 1 if options.quick else 2, 80 if options.quick else loader.FRAMES
            )
        )
        views, once = (spend(side, paths[0])[2]['inputs'] for side in sides.values())
        if not torch.equal(torch.stack(list(FrameViews(**once))), views):
            raise AssertionError('the views differ')
        for number in range(options.rounds):
            for side in list(sides)[:: -1 if number % 2 else 1]:
                spent.setdefault(side, []).extend(spend(sides[side], path) for path in paths)
    rows = []
    for side, times in spent.items():
        both = [sum(statistics.median(column) for column in list(zip(*times))[:2])]
        rows.append(
            {
                'frames': side,
                'pipeline, ms': statistics.median(t[0] for t in times) * 1e3,
                'handing on, ms': statistics.median(t[1] for t in times) * 1e3,
                'videos/s of a core': 1 / both[0],
                'MB a video': sum(
                    tensor.untyped_storage().nbytes() for tensor in tensors(times[0][2])
                )
                / 1e6,
            }
        )
    rows[1]['times'] = rows[1]['videos/s of a core'] / rows[0]['videos/s of a core']
    return rows
