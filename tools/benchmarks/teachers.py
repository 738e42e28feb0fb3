r"""Measure teachers: frames per second at several batch sizes, share of decoding, peak memory.

Decodes a video (its own, drawn with OpenCV, unless one is given), then runs each teacher's
``prepare`` and ``infer`` on its frames, batch after batch. Decoding and inference are timed one
after the other; the decode share is what decoding would take of a process that does both in turn,
at the best batch. Weights do not change the speed of a network, but how much a detector finds does;
``--random`` measures with random weights. Multiplications of convolutions and matrices are counted
(``gmacs_per_frame``; none of networks outside torch). On a machine that does other work as well,
``--processor-time`` gives frames per second of a core.

Example:
    python tools/benchmarks/teachers.py configs/teachers/*_k400.py --video clip.mp4 \
        --device cuda --amp fp16 --json out.json
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config, DictAction

import egoexo_mm  # noqa: F401  (registers the teachers)
from egoexo_mm.models.teachers import ScoreTeacher, Teacher
from egoexo_mm.visualization import VideoFrames, VisualizationError, write_mp4

BATCHES = 1, 2, 4, 8, 16, 32, 64
DTYPES = dict(bf16=torch.bfloat16, fp16=torch.float16)
MIB = 2**20
CHUNK = 32  # frames that are prepared at once, whatever the batch


# --- frames


def draw_video(path: Path, num_frames: int, size: tuple[int, int]) -> None:
    """A moving, textured MPEG-4 video of ``(width, height)``."""
    width, height = size
    rng = np.random.default_rng(0)
    scene = cv2.resize(
        rng.integers(0, 255, (height // 4, (width + 4 * num_frames) // 4, 3), dtype=np.uint8),
        (width + 4 * num_frames, height),
        interpolation=cv2.INTER_CUBIC,
    )
    write_mp4(path, (scene[:, 4 * i : 4 * i + width] for i in range(num_frames)), 30)


def decode(path: Path, limit: int) -> np.ndarray:
    """The first frames of a video, (T, H, W, 3) uint8 RGB."""
    video = VideoFrames(path)
    return np.stack([video[i] for i in range(min(limit, len(video)))])


def decode_rate(path: Path, limit: int, rounds: int) -> tuple[np.ndarray, float]:
    """Frames, and how many are decoded per second: the median of some rounds."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        frames = decode(path, limit)
        seconds.append(time.perf_counter() - begin)
    return frames, len(frames) / statistics.median(seconds)


# --- memory


class PeakMemory:
    """Peak memory since the last ``reset``: of the device; on a CPU of the process (Linux)."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device if device.type == 'cuda' else None

    def reset(self) -> None:
        """Forget the peak so far."""
        gc.collect()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats(self.cuda)
        else:
            try:
                Path('/proc/self/clear_refs').write_text('5')  # the kernel forgets the old peak
            except OSError:
                pass  # then the peak is that of the process so far

    def read(self) -> float | None:
        """MiB; None where the system does not say."""
        if self.cuda:
            return torch.cuda.max_memory_allocated(self.cuda) / MIB
        try:
            lines = Path('/proc/self/status').read_text().splitlines()
        except OSError:
            return None
        return next(
            (int(line.split()[1]) / 1024 for line in lines if line.startswith('VmHWM:')), None
        )


# --- teachers


def build_teacher(
    path: str,
    changes: dict[str, Any] | None,
    device: torch.device,
    channels_last: bool,
    random: bool = False,
) -> Teacher:
    """The ``model`` of a config file.

    Raises:
        ValueError: it is no teacher, or it cannot be built.
    """
    from mmaction.registry import MODELS

    cfg = Config.fromfile(path)
    cfg.merge_from_dict(changes or {})
    if random:
        _drop_checkpoints(cfg.get('model'))
    teacher = MODELS.build(cfg.model) if cfg.get('model') else None
    if not isinstance(teacher, Teacher):
        raise ValueError(
            f'{path}: its model is {type(teacher).__name__}, expected a Teacher; give a config of '
            'configs/teachers that is made for extraction'
        )
    teacher = teacher.to(device)
    if channels_last:
        formats = {4: torch.channels_last, 5: torch.channels_last_3d}
        for parameter in teacher.parameters():
            if parameter.dim() in formats:
                parameter.data = parameter.data.contiguous(memory_format=formats[parameter.dim()])
    return teacher


def _drop_checkpoints(cfg: Any) -> None:
    if isinstance(cfg, dict):
        for name, value in cfg.items():
            if name == 'checkpoint':
                cfg[name] = None
            _drop_checkpoints(value)


def item_length(teacher: Teacher, num_frames: int) -> int:
    """Frames of an item: of scores, as in a training clip of so many frames; of boxes, 1."""
    return teacher.clip_items(num_frames).shape[1] if isinstance(teacher, ScoreTeacher) else 1


def item_frames(frames: np.ndarray, length: int, batch: int, first: int) -> torch.Tensor:
    """(batch * length, 3, H, W) uint8: items from ``first`` on; the video is repeated."""
    index = np.arange(first * length, (first + batch) * length) % len(frames)
    return torch.from_numpy(frames[index]).permute(0, 3, 1, 2)


@torch.no_grad()
def run_batch(
    teacher: Teacher, pixels: torch.Tensor, batch: int, device: torch.device
) -> list[Any]:
    """Results of one batch, from frames on the host to results there."""
    prepared = torch.cat([teacher.prepare(part.to(device)) for part in pixels.split(CHUNK)])
    results = teacher.infer(prepared.unflatten(0, (batch, -1)), tuple(pixels.shape[-2:]))
    if len(results) != batch:
        raise RuntimeError(
            f'{type(teacher).__name__} gave {len(results)} results for {batch} items; its times '
            'mean nothing'
        )
    return results


def count_gmacs(teacher: Teacher, frames: np.ndarray, device: torch.device) -> float | None:
    """Billions of multiply-adds of a frame; None where torch does not compute."""
    from torch.utils.flop_counter import FlopCounterMode

    length = item_length(teacher, len(frames))
    with FlopCounterMode(display=False) as counter:
        run_batch(teacher, item_frames(frames, length, 1, 0), 1, device)
    return counter.get_total_flops() / 2e9 / length or None


def measure(
    call: Callable[[int], Any], seconds: float, clock: Callable[[], float] | None = None
) -> tuple[int, float]:
    """Number of calls, 1 or more, that fill so many seconds, and the seconds they took.

    The results of a call are on the host, so a call that has returned is done on the device too.
    One more call comes first, untimed.
    """
    clock = clock or time.perf_counter
    call(0)
    begin, count = clock(), 0
    while True:
        call(count)
        count += 1
        took = clock() - begin
        if took >= seconds:
            return count, took


def measure_batches(
    teacher: Teacher, frames: np.ndarray, args: argparse.Namespace
) -> list[dict[str, Any]]:
    """A row per batch size, up to the first that does not fit the device."""
    memory, rows = PeakMemory(args.device), []
    length = item_length(teacher, len(frames))
    for batch in sorted(set(args.batches)):
        autocast = torch.autocast(args.device.type, DTYPES[args.amp]) if args.amp else nullcontext()
        memory.reset()
        try:
            with autocast:
                calls, seconds = measure(
                    lambda i, n=batch: run_batch(
                        teacher, item_frames(frames, length, n, i * n), n, args.device
                    ),
                    args.seconds,
                    time.process_time if args.processor_time else None,
                )
        except torch.OutOfMemoryError:
            print(f'  batch {batch}: out of memory', file=sys.stderr)
            break
        rows.append(
            dict(
                batch=batch,
                frames=calls * batch * length,
                seconds=seconds,
                frames_per_s=calls * batch * length / seconds,
                peak_mib=memory.read(),
            )
        )
        print(f'  batch {batch}: {rows[-1]["frames_per_s"]:.3g} frames/s', file=sys.stderr)
    return rows


def summary(
    path: str, teacher: Teacher, length: int, rows: list[dict[str, Any]], decoded: float
) -> dict[str, Any]:
    """The row of the table: the smallest batch against the best.

    Args:
        path: The config.
        teacher: Built from it.
        length: Frames per item.
        rows: Figures of each batch size.
        decoded: Frames decoded per second.
    """
    best = max(rows, key=lambda row: row['frames_per_s'])
    rate = best['frames_per_s']
    # time per frame is 1 / decoded + 1 / rate, of which the first is decoding
    return dict(
        config=path,
        teacher=type(teacher).__name__,
        name=teacher.name,
        frames_per_item=length,
        first=rows[0],
        best=best,
        ratio=rate / rows[0]['frames_per_s'],
        decode_share=rate / (rate + decoded),
        batches=rows,
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        '| teacher | frames per item | batch | frames/s | peak, MiB | best batch | frames/s | '
        'peak, MiB | ratio | decode share |',
        '|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|',
    ]
    for row in rows:
        cells = [f'{row["teacher"]} {row["name"]}', row['frames_per_item']]
        for part in (row['first'], row['best']):
            peak = '?' if part['peak_mib'] is None else f'{part["peak_mib"]:.0f}'
            cells += [part['batch'], f'{part["frames_per_s"]:.3g}', peak]
        cells += [f'{row["ratio"]:.2f}', f'{row["decode_share"]:.0%}']
        lines.append(f'| {" | ".join(map(str, cells))} |')
    return '\n'.join(lines)


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Arguments of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'configs', nargs='+', metavar='CONFIG', help='config files whose model is a teacher'
    )
    parser.add_argument(
        '--video', type=Path, help='video whose frames are used; by default one is drawn'
    )
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(456, 256),
        metavar=('WIDTH', 'HEIGHT'),
        help='of the drawn video; default 456 256',
    )
    parser.add_argument(
        '--frames', type=int, default=128, help='frames of the video that are used; default 128'
    )
    parser.add_argument(
        '--batches',
        type=int,
        nargs='+',
        default=BATCHES,
        help='batch sizes, in items; default 1 to 64',
    )
    parser.add_argument(
        '--seconds', type=float, default=5.0, help='each batch size runs so long; default 5'
    )
    parser.add_argument(
        '--device',
        type=torch.device,
        default=torch.device('cuda' if torch.cuda.is_available() else 'cpu'),
    )
    parser.add_argument('--amp', choices=sorted(DTYPES), help='mixed precision')
    parser.add_argument(
        '--channels-last', action='store_true', help='memory format of the convolutions'
    )
    parser.add_argument('--threads', type=int, help="CPU threads of torch; default torch's")
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='changes to every config',
    )
    parser.add_argument('--random', action='store_true', help='no checkpoints: random weights')
    parser.add_argument(
        '--processor-time', action='store_true', help="seconds of the process's cores, not the wall"
    )
    parser.add_argument('--json', type=Path, metavar='OUT', help='also write all figures there')
    args = parser.parse_args(argv)
    if min(args.frames, *args.batches, *args.size, args.threads or 1) < 1 or args.seconds < 0:
        parser.error(
            '--frames, --batches, --size and --threads must be 1 or more, --seconds 0 or more'
        )
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f'--json {args.json}: no such folder; make it first')
    if args.device.type == 'cuda' and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: torch sees no CUDA device')
    return args


def measure_teachers(args: argparse.Namespace) -> tuple[list[dict[str, Any]], np.ndarray, float]:
    """A row for each config, the frames used, and how many are decoded per second."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = args.video or Path(folder, 'drawn.mp4')
        if not args.video:
            draw_video(path, args.frames, tuple(args.size))
        frames, decoded = decode_rate(path, args.frames, rounds=3)
    for config in args.configs:
        teacher = build_teacher(
            config, args.cfg_options, args.device, args.channels_last, args.random
        )
        print(f'{config}: {teacher.name}', file=sys.stderr)
        found = measure_batches(teacher, frames, args)
        if found:
            rows.append(summary(config, teacher, item_length(teacher, len(frames)), found, decoded))
            rows[-1]['gmacs_per_frame'] = count_gmacs(teacher, frames, args.device)
        del teacher
    return rows, frames, decoded


def run(options: Any) -> list[dict[str, Any]]:
    """The shipped teachers for ``run.py``; the classifier has weights, the others random ones."""
    rows = []
    for config in sorted(
        (Path(__file__).resolve().parents[2] / 'configs' / 'teachers').glob('*_k400.py')
    ):
        changes = (
            ['--cfg-options', 'model.checkpoint=None']
            if 'checkpoint' in Config.fromfile(config).model
            else []
        )
        quick = (
            ['--batches', '1', '2', '--seconds', '0', '--size', '64', '48', '--frames', '8']
            if options.quick
            else []
        )
        try:
            measured, _, _ = measure_teachers(
                parse_args([str(config), '--device', options.device, *quick, *changes])
            )
        except ImportError as error:  # names the packages to install
            print(f'teachers: left out {config.name}: {error}', file=sys.stderr)
            continue
        for row in measured:
            first, best = row['first'], row['best']
            rows.append(
                {
                    'teacher': row['teacher'],
                    'frames per item': row['frames_per_item'],
                    'frames/s at 1': first['frames_per_s'],
                    'best batch': best['batch'],
                    'frames/s': best['frames_per_s'],
                    'times at 1': row['ratio'],
                    'decoding': f'{row["decode_share"]:.0%}',
                    'peak MiB': best['peak_mib'],
                }
            )
    return rows


def main(argv: list[str] | None = None) -> list[dict[str, Any]]:
    """Measure, print the rows and return them."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    rows, frames, decoded = measure_teachers(args)
    device = f'CPU, {torch.get_num_threads()} threads'
    if args.device.type == 'cuda':
        device = torch.cuda.get_device_name(args.device)
    facts = dict(
        device=device,
        amp=args.amp,
        clock='processor' if args.processor_time else 'wall',
        channels_last=args.channels_last,
        cfg_options=args.cfg_options,
        frame_size=list(frames.shape[2:0:-1]),
        video=str(args.video or 'drawn'),
        decoded_frames_per_s=round(decoded, 1),
        python=platform.python_version(),
        torch=torch.__version__,
        cpus=os.cpu_count(),
    )
    counted = [
        f'{row["name"]}: {row["gmacs_per_frame"]:.3g} billion multiply-adds a frame\n'
        for row in rows
        if row['gmacs_per_frame']
    ]
    print(
        table(rows)
        + '\n\n'
        + ''.join(counted)
        + ', '.join(f'{name} {value}' for name, value in facts.items())
    )
    if args.json:
        args.json.write_text(json.dumps(dict(facts, rows=rows), indent=2) + '\n')
    return rows


if __name__ == '__main__':
    try:
        main()
    except (ValueError, ImportError, OSError, VisualizationError) as error:
        sys.exit(f'teachers: error: {error}')
