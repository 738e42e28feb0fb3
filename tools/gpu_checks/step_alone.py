"""The training step of a shipped config on ready batches: the GPU's speed without loading."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import memory
import rehearsal
import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from step_watch import SyncCounter
from torch.utils.flop_counter import FlopCounterMode

from egoexo_mm.engine import BackboneSpeedHook

BF16 = dict(type='AmpOptimWrapper', dtype='bfloat16')
LAST, COMPILE = dict(channels_last=True), dict(compile=True)
# name -> (optimizer wrapper, options of BackboneSpeedHook, other changes)
SIDES = {
    'fp32, TF32 off': (dict(type='OptimWrapper'), {}, 'exact'),
    'fp32': (dict(type='OptimWrapper'), {}, ''),
    'fp32, channels last': (dict(type='OptimWrapper'), LAST, ''),
    'amp (float16)': (dict(type='AmpOptimWrapper', loss_scale='dynamic'), {}, ''),
    'amp, channels last': (dict(type='AmpOptimWrapper', loss_scale='dynamic'), LAST, ''),
    'bf16': (BF16, {}, ''),
    'bf16, SGD not fused': (BF16, {}, 'plain SGD'),
    'bf16, channels last': (BF16, LAST, ''),
    'bf16, gradient checkpointing': (BF16, {}, 'checkpointing'),
    'bf16, compile': (BF16, COMPILE, ''),
    'bf16, channels last, compile': (BF16, LAST | COMPILE, ''),
}


def flops(cfg) -> int:
    """Of forward and backward pass of one clip, counted on the meta device."""
    model = rehearsal.build(cfg, 'meta')
    counts = []
    for clips in (2, 3):
        data = model.data_preprocessor(rehearsal.batch(cfg, clips), True)
        with FlopCounterMode(display=False) as counter:
            model.parse_losses(model(**data, mode='loss'))[0].backward()
        counts.append(counter.get_total_flops())
    return counts[1] - counts[0]


def ceiling(device: str, size: int) -> float:
    """FLOP/s of a bfloat16 matrix product, the best of some."""
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(12 if device == 'cuda' else 2):
        spent = timed(lambda: a @ b, device)
        best = max(best, 2 * size**3 / spent)
    return best


def timed(call, device: str) -> float:
    """Seconds of wall clock, until the device is done."""
    if device == 'cuda':
        torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    if device == 'cuda':
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(name: str, base, device: str, clips: int, rounds: int, steps: int) -> dict:
    """Figures of one way to train."""
    wrapper, speed, other = SIDES[name]
    cfg = memory.checkpointed(base) if other == 'checkpointing' else base.copy()
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = other != 'exact'
    model = rehearsal.build(cfg, device)
    optimizer = dict(cfg.optim_wrapper.optimizer, fused=other != 'plain SGD')
    optim = build_optim_wrapper(
        model, dict(wrapper, optimizer=optimizer, paramwise_cfg=cfg.optim_wrapper.paramwise_cfg)
    )
    BackboneSpeedHook(**speed).before_run(type('Run', (), dict(model=model)))
    data = rehearsal.batch(cfg, clips)
    if device == 'cuda':
        data['inputs'] = [clip.pin_memory() for clip in data['inputs']]
        torch.cuda.reset_peak_memory_stats()

    def train(count: int = steps) -> None:
        for _ in range(count):
            model.train_step(dict(data), optim)

    warm = timed(lambda: train(3), device)
    counter = SyncCounter()
    counter.start()
    train(1)
    syncs = len(counter.stop())
    spent = [timed(train, device) / steps for _ in range(rounds)]
    gib = torch.cuda.max_memory_allocated() / 2**30 if device == 'cuda' else None
    return {
        'step alone': name,
        'clips': clips,
        'ms': statistics.median(spent) * 1e3,
        'clips/s': clips / statistics.median(spent),
        'peak, GiB': gib,
        'host syncs': syncs if device == 'cuda' else None,
        'first steps, s': warm,
        'spread': (max(spent) - min(spent)) / statistics.median(spent),
    }


def main() -> None:
    """Measure every way to train and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('out', type=Path)
    parser.add_argument('--config', default='egoexo_slowfast_k400.py')
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cuda')
    parser.add_argument(
        '--sides', help='comma-separated numbers of the ways to train; all by default'
    )
    parser.add_argument('--clips', type=int, help="the config's batch by default")
    parser.add_argument(
        '--seconds', type=float, default=100, help='start no further way after so long'
    )
    parser.add_argument('--quick', action='store_true')
    args = parser.parse_args()
    MMLogger.get_current_instance().setLevel('ERROR')
    cfg = rehearsal.load(args.config)
    if args.quick:
        small = dict(clip_len=16, size=64)
        for step in rehearsal.pipeline(cfg):
            step.update({key: value for key, value in small.items() if key in step})
    per_clip, best, begin = (
        flops(cfg),
        ceiling(args.device, 1024 if args.quick else 8192),
        time.perf_counter(),
    )
    names = list(SIDES)
    if args.sides or args.quick:
        names = [names[int(i)] for i in (args.sides or '1,5').split(',')]
    if args.device == 'cpu':
        names = [
            name for name in names if SIDES[name][0]['type'] == 'OptimWrapper'
        ]  # MMEngine's AMP needs a GPU
    rows, failures = [], []

    def write() -> None:  # after each, so that a limit loses nothing
        args.out.write_text(
            json.dumps(
                dict(
                    config=args.config,
                    gflop_per_clip=per_clip / 1e9,
                    ceiling_tflops=best / 1e12,
                    rows=rows,
                    failures=failures,
                ),
                indent=2,
            )
            + '\n'
        )

    for name in names:
        if time.perf_counter() - begin > args.seconds:
            failures.append(f'{name}: no time left')
            continue
        try:
            clips = args.clips or (2 if args.quick else cfg.train_dataloader.batch_size)
            rows.append(
                measure(
                    name, cfg, args.device, clips, 1 if args.quick else 5, 1 if args.quick else 5
                )
            )
            rows[-1]['MFU'] = rows[-1]['clips/s'] * per_clip / best
            print(rows[-1], flush=True)
        except Exception as error:  # the other ways go on
            failures.append(f'{name}: {type(error).__name__}: {str(error)[:300]}')
            print(failures[-1], flush=True)
        write()
        if args.device == 'cuda':
            torch.cuda.empty_cache()
        torch._dynamo.reset()
    write()
    if failures:
        sys.exit('; '.join(failures))


if __name__ == '__main__':
    main()
