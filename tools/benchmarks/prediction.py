"""Predictions per second on a folder, beside a loop over MMAction2's ``inference_recognizer``."""

from __future__ import annotations

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import loader
import measuring
import torch
from mmaction.apis import inference_recognizer, init_recognizer
from mmaction.registry import MODELS
from mmcv.transforms import Compose
from mmengine.config import Config

from egoexo_mm.inference import EgoExoInferencer

# On the CPU a small network: ten times three views of a ResNet-50 take minutes there.
CPU_CONFIG, CUDA_CONFIG = 'demo/egoexo_slowfast_demo.py', 'egoexo_slowfast_k400.py'


AMP = 'bfloat16'
SIZES = ((456, 256), (1280, 720))  # of the videos that are made


def run(options: measuring.Options) -> list[dict]:
    """Rows of each kind of video, the loop first; scores are compared before anything is timed."""
    cfg = Config.fromfile(
        loader.CONFIGS / (CUDA_CONFIG if options.device == 'cuda' else CPU_CONFIG)
    )
    rows = []
    with tempfile.TemporaryDirectory() as name:
        weights = str(Path(name, 'weights.pth'))
        model = MODELS.build(cfg.model)
        model.init_weights()
        torch.save(dict(state_dict=model.state_dict()), weights)
        if options.videos:
            return _rows(cfg, weights, sorted(options.videos.iterdir()), options)
        for size in SIZES[: 1 if options.quick else None]:
            folder = Path(name, str(size[0]))
            folder.mkdir()
            count, frames = (2, 60) if options.quick else (6, loader.FRAMES)
            paths = loader.make_videos(folder, count, frames, size)
            found = _rows(cfg, weights, paths, options)
            rows += [{'videos': f'{size[0]}x{size[1]}', **row} for row in found]
    return rows


def _rows(cfg: Config, weights: str, paths: list[Path], options: measuring.Options) -> list[dict]:
    sides = _sides(cfg, weights, [str(path) for path in paths], options)
    expected, *others = (torch.stack(side()) for side in sides.values())
    for side, scores in zip([*sides][1:], others):
        limit = 0.05 if AMP in side else 1e-5
        torch.testing.assert_close(scores, expected, rtol=1e-4, atol=limit)
    spent = {side: [] for side in sides}
    for number in range(options.rounds):
        for side in list(sides)[:: -1 if number % 2 else 1]:
            spent[side].append(_seconds(sides[side]))
    base = next(iter(sides))
    wall = {side: [one[0] for one in times] for side, times in spent.items()}
    return [
        {
            'way': side,
            'videos/s': len(paths) / statistics.median(wall[side]),
            'times the loop': measuring.ratio(wall, base, side),
            'CPU s a video': statistics.median(one[1] for one in times) / len(paths),
        }
        for side, times in spent.items()
    ]


def _sides(
    cfg: Config, weights: str, paths: list[str], options: measuring.Options
) -> dict[str, Callable[[], list[torch.Tensor]]]:
    stock = init_recognizer(cfg.copy(), weights, options.device)
    pipeline = Compose(cfg.test_dataloader.dataset.pipeline)
    inferencer = EgoExoInferencer(cfg.copy(), weights, options.device)
    mixed = EgoExoInferencer(cfg.copy(), weights, options.device, amp=AMP)

    def loop() -> list[torch.Tensor]:
        found = (inference_recognizer(stock, path, pipeline) for path in paths)
        return [sample.pred_score.cpu() for sample in found]

    def ours(workers: int, model: EgoExoInferencer = inferencer) -> list[torch.Tensor]:
        found = model(paths, return_datasamples=True, batch_size=4, num_workers=workers)
        return [sample.pred_score for sample in found['predictions']]

    sides: dict[str, Callable[[], list[torch.Tensor]]] = {'loop of MMAction2': loop}
    for workers in options.workers:
        sides[f'{workers} workers'] = lambda workers=workers: ours(workers)
    sides[f'{workers} workers, {AMP}'] = lambda: ours(workers, mixed)
    return sides


def _seconds(call: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of processors, those of finished workers included."""
    start, before = time.perf_counter(), _processor()
    call()
    return time.perf_counter() - start, _processor() - before


def _processor() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = os.times()
    return own.user + own.system + children.ru_utime + children.ru_stime
