"""Measure how fast training gets its targets, against how the released code gets them.

Both sides of a row run in turns in this process, after their outputs were found identical. A row
holds the median times and the ratio of the medians; ``spread`` is the lowest and highest ratio of
one round.

Example:
    python tools/benchmarks/raster.py --json targets.json
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pickle
import platform
import statistics
import sys
import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow
import torch

from egoexo_mm.interaction_maps import boxes_to_maps, slow_frame_index
from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter, TargetStore
from egoexo_mm.targets.conversion.frame_sizes import FrameSize
from egoexo_mm.targets.conversion.released_boxes import convert_boxes

GRID = 7, 7  # of a 224 crop
CLIP_LEN, NUM_SLOW = 32, 8
VIDEO_FRAMES = 300  # 10 s at 30 fps
# Powers of two, so that both sides get the same bits from pixels to fractions and back.
WIDTH, HEIGHT = 512, 256
NUM_SCORES = 1000


class Boxes(NamedTuple):
    """Detections of one or more clips as :func:`boxes_to_maps` takes them, arrays or tensors."""

    box: Any
    score: Any
    kind: Any
    slot: Any


def random_rows(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (count, 4) of 5 to 50 % of the frame's sides, and scores (count,); float32."""
    centre, half = rng.uniform(0, 1, (count, 2)), rng.uniform(0.025, 0.25, (count, 2))
    box = np.clip(np.concatenate([centre - half, centre + half], axis=1), 0, 1)
    # the store keeps scores as float16; others would differ in the last bits
    return box.astype(np.float32), rng.uniform(0.1, 1, count).astype(np.float16).astype(np.float32)


def random_boxes(rng: np.random.Generator, num_frames: int, per_frame: int) -> Boxes:
    """Boxes on every frame, with random kinds."""
    count = num_frames * per_frame
    return Boxes(
        *random_rows(rng, count),
        rng.integers(0, 2, count, np.int8),
        np.repeat(np.arange(num_frames), per_frame),
    )


# --- rasterising: three loops over boxes, from the released code's way to the quickest


def paint_torch(boxes: Boxes, num_frames: int) -> np.ndarray:
    """Tensors, and five numbers read back per box: what the released code does, here on the CPU."""
    maps = torch.zeros(2, num_frames, *GRID)
    for box, score, kind, slot in zip(*boxes):
        x1, x2 = (int((box[i] * GRID[1]).floor().clamp(0, GRID[1] - 1).item()) for i in (0, 2))
        y1, y2 = (int((box[i] * GRID[0]).floor().clamp(0, GRID[0] - 1).item()) for i in (1, 3))
        cells = maps[kind, int(slot.item()), y1 : y2 + 1, x1 : x2 + 1]
        cells.copy_(torch.maximum(cells, score))
    return maps.numpy()


def paint_numpy(boxes: Boxes, num_frames: int) -> np.ndarray:
    """The same on arrays: per box floor, clamp and fill."""
    maps = np.zeros((2, num_frames, *GRID), np.float32)
    cells = np.array([GRID[1], GRID[0]] * 2, np.float32)
    for box, score, kind, slot in zip(*boxes):
        x1, y1, x2, y2 = np.clip(np.floor(box * cells), 0, cells - 1).astype(int)
        part = maps[kind, slot, y1 : y2 + 1, x1 : x2 + 1]
        np.maximum(part, score, out=part)
    return maps


def paint_fill_only(boxes: Boxes, num_frames: int) -> np.ndarray:
    """Corners of all boxes at once, and only the fill box by box."""
    maps = np.zeros((2, num_frames, *GRID), np.float32)
    cells = np.array([GRID[1], GRID[0]] * 2, np.float32)
    corners = np.clip(np.floor(boxes.box * cells), 0, cells - 1).astype(int).tolist()
    for (x1, y1, x2, y2), score, kind, slot in zip(
        corners, boxes.score.tolist(), boxes.kind.tolist(), boxes.slot.tolist()
    ):
        part = maps[kind, slot, y1 : y2 + 1, x1 : x2 + 1]
        np.maximum(part, score, out=part)
    return maps


def paint_at_once(boxes: Boxes, num_frames: int) -> np.ndarray:
    """The maps as this package paints them."""
    return boxes_to_maps(*boxes, num_frames=num_frames, grid=GRID)


def raster_rows(compare: Callable) -> None:
    """Measure painting, for several numbers of clips, frames and boxes."""
    rng = np.random.default_rng(0)
    for clips, frames, per_frame in (
        (1, 8, 4),
        (1, 8, 10),
        (1, 32, 4),
        (1, 32, 10),
        (8, 32, 4),
        (8, 32, 10),
    ):
        boxes = random_boxes(rng, clips * frames, per_frame)
        tensors = Boxes(*map(torch.from_numpy, boxes))
        case = f'maps of {clips} x {frames} frames x {per_frame} boxes'
        for name, paint, given in (
            ('torch loop, .item()', paint_torch, tensors),
            ('numpy loop', paint_numpy, boxes),
            ('numpy loop, fill only', paint_fill_only, boxes),
        ):
            compare(
                case,
                name,
                lambda p=paint, g=given, n=clips * frames: p(g, n),
                lambda b=boxes, n=clips * frames: paint_at_once(b, n),
            )
    slow = slow_frame_index(CLIP_LEN, NUM_SLOW).numpy()
    for per_frame in (4, 10):  # training needs the slow frames only
        fast = random_boxes(rng, CLIP_LEN, per_frame)
        tensors = Boxes(*map(torch.from_numpy, fast))
        kept = np.isin(fast.slot, slow)
        seen = Boxes(*(column[kept] for column in fast))
        seen = seen._replace(slot=np.searchsorted(slow, seen.slot))
        for name, paint, given in (
            ('torch loop, .item()', paint_torch, tensors),
            ('this package', paint_at_once, fast),
        ):
            compare(
                f'maps of the {NUM_SLOW} slow frames x {per_frame} boxes',
                f'{name}, on all {CLIP_LEN} frames, then pick',
                lambda p=paint, g=given: p(g, CLIP_LEN)[:, slow],
                lambda b=seen: paint_at_once(b, NUM_SLOW),
            )


# --- reading


def write_released_boxes(folder: Path, videos: int, rng: np.random.Generator) -> None:
    """Write ``<video>.npy`` as released, with 1.5 objects and 1 hand per frame.

    A frame is (objects, hands), each None or float32 (k, 10) rows of x1, y1, x2, y2 in pixels,
    score, state, magnitude, dx, dy, side.
    """
    scale = np.array([WIDTH, HEIGHT] * 2, np.float32)
    for video in range(videos):
        pairs = np.empty((VIDEO_FRAMES, 2), object)
        for column, mean in ((0, 1.5), (1, 1.0)):
            for frame, count in enumerate(rng.poisson(mean, VIDEO_FRAMES)):
                if count:
                    pairs[frame, column] = np.zeros((count, 10), np.float32)
                    box, score = random_rows(rng, count)
                    pairs[frame, column][:, :4], pairs[frame, column][:, 4] = box * scale, score
        np.save(folder / f'video{video:05d}.npy', pairs)


def read_npy(folder: Path, video_id: str, frames: np.ndarray) -> Boxes:
    """Boxes of the frames asked for, from a whole file, as the released code reads it."""
    pairs = np.load(folder / f'{video_id}.npy', allow_pickle=True)
    parts, kind, slot = [np.zeros((0, 10), np.float32)], [], []
    for number, (objects, hands) in enumerate(pairs[frames]):
        for which, rows in ((OBJECT, objects), (HAND, hands)):
            if rows is not None:
                parts.append(rows)
                kind += [which] * len(rows)
                slot += [number] * len(rows)
    table = np.concatenate(parts)
    scale = np.array([WIDTH, HEIGHT] * 2, np.float32)
    return Boxes(table[:, :4] / scale, table[:, 4], np.array(kind, np.int8), np.array(slot, int))


def read_store(store: TargetStore, video_id: str, frames: np.ndarray) -> Boxes:
    """Boxes on some frames of a video in a store."""
    found = store.detections(video_id, frames)
    return Boxes(found.box, found.score, found.kind, found.slot)


def reading_rows(compare: Callable, folder: Path, videos: int) -> None:
    """Measure reading of boxes, from files and from a store."""
    rng = np.random.default_rng(1)
    npy = folder / 'npy'
    npy.mkdir()
    write_released_boxes(npy, videos, rng)
    with contextlib.redirect_stdout(sys.stderr):  # progress
        convert_boxes(npy, folder / 'boxes', lambda _: FrameSize(WIDTH, HEIGHT, 30.0))
    store = TargetStore(folder / 'boxes')
    slow = slow_frame_index(CLIP_LEN, NUM_SLOW).numpy() * 2  # every second frame of the video
    clips = [
        (f'video{rng.integers(videos):05d}', slow + rng.integers(VIDEO_FRAMES - slow[-1]))
        for _ in range(64)
    ]
    compare(
        f'boxes of {NUM_SLOW} frames of a random video (of {videos})',
        'np.load(allow_pickle=True)',
        lambda: [read_npy(npy, *clip) for clip in clips],
        lambda: [read_store(store, *clip) for clip in clips],
        per=len(clips),
    )
    opening_row(compare, folder, 8 * videos, rng)


def opening_row(compare: Callable, folder: Path, videos: int, rng: np.random.Generator) -> None:
    """What every process pays before its first sample, and then one video's scores."""
    table = {
        f'video{i:06d}': rng.normal(size=NUM_SCORES).astype(np.float16).astype(np.float32)
        for i in range(videos)
    }
    with open(folder / 'scores.pkl', 'wb') as file:
        pickle.dump(table, file)
    manifest = Manifest(
        signal='object_score',
        dataset='random',
        teacher='random',
        score_kind='logits',
        num_scores=NUM_SCORES,
    )
    with StoreWriter(folder / 'scores', manifest) as writer:
        for video_id, scores in table.items():
            writer.add_scores(video_id, scores)
    wanted = f'video{videos // 2:06d}'

    def unpickle() -> np.ndarray:
        with open(folder / 'scores.pkl', 'rb') as file:
            return pickle.load(file)[wanted]

    compare(
        f'open {videos} x {NUM_SCORES} scores, read one video',
        'pickle.load of a dict',
        unpickle,
        lambda: TargetStore(folder / 'scores').scores(wanted),
    )


# --- measuring


def identical(first: Any, second: Any) -> bool:
    """Same shapes and values, through any nesting of tuples and lists."""
    if isinstance(first, (tuple, list)):
        return len(first) == len(second) and all(map(identical, first, second))
    return np.array_equal(first, second)


def measure(
    case: str,
    baseline: str,
    before: Callable,
    after: Callable,
    rounds: int,
    least: float,
    per: int = 1,
) -> dict[str, Any]:
    """One row: microseconds per call (or per ``per``-th of one) of the two, run in turns.

    Args:
        case: Name of the row.
        baseline: Name of the other way.
        before: The other way.
        after: This package.
        rounds: Timings per side.
        per: Number of calls that one call stands for.
        least: Seconds that a single timing shall last; short calls are repeated.

    Raises:
        RuntimeError: the two outputs differ.
    """
    if not identical(before(), after()):
        raise RuntimeError(f'{case}: {baseline} gives another output; the times would mean nothing')
    timers = [timeit.Timer(call) for call in (before, after)]
    counts = [max(1, round(least / timer.timeit(1))) for timer in timers]
    times = [
        [timer.timeit(count) / count / per * 1e6 for timer, count in zip(timers, counts)]
        for _ in range(rounds)
    ]
    old, new = (statistics.median(column) for column in zip(*times))
    ratios = [slow / fast for slow, fast in times]
    return dict(
        case=case,
        baseline=baseline,
        identical=True,
        baseline_us=old,
        ours_us=new,
        ratio=old / new,
        spread=[min(ratios), max(ratios)],
    )


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        '| case | baseline | baseline, us | this package, us | ratio | spread |',
        '|---|---|---:|---:|---:|---:|',
    ]
    lines += [
        f'| {r["case"]} | {r["baseline"]} | {r["baseline_us"]:.0f} | {r["ours_us"]:.0f} | '
        f'{r["ratio"]:.1f} | {r["spread"][0]:.1f} - {r["spread"][1]:.1f} |'
        for r in rows
    ]
    return '\n'.join(lines)


def run(options: Any) -> list[dict[str, Any]]:
    """Rows for ``run.py``."""
    rows: list[dict[str, Any]] = []

    def compare(*what: Any, per: int = 1) -> None:
        row = measure(*what, options.rounds, 1e-4 if options.quick else 0.05, per)
        rows.append(
            {
                'case': row['case'],
                'baseline': row['baseline'],
                'baseline, us': row['baseline_us'],
                'ours, us': row['ours_us'],
                'times faster': row['ratio'],
            }
        )

    raster_rows(compare)
    with tempfile.TemporaryDirectory() as folder:
        reading_rows(compare, Path(folder), 2 if options.quick else 256)
    return rows


def main(argv: list[str] | None = None) -> list[dict[str, Any]]:
    """Measure, print the rows and return them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--json', type=Path, metavar='OUT', help='also write the rows there')
    parser.add_argument('--videos', type=int, default=256, help='box files to write and read')
    parser.add_argument('--rounds', type=int, default=9, help='timings per side of a row')
    parser.add_argument('--quick', action='store_true', help='short timings, to see it run')
    args = parser.parse_args(argv)
    if min(args.videos, args.rounds) < 1:
        parser.error('--videos and --rounds must be 1 or more')
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f'--json {args.json}: no such folder; make it first')
    torch.set_num_threads(1)  # one data-loading worker
    rows: list[dict[str, Any]] = []

    def compare(*what: Any, per: int = 1) -> None:
        rows.append(measure(*what, args.rounds, 1e-4 if args.quick else 0.05, per))

    raster_rows(compare)
    with tempfile.TemporaryDirectory() as folder:
        reading_rows(compare, Path(folder), args.videos)
    versions = dict(
        python=platform.python_version(),
        numpy=np.__version__,
        torch=torch.__version__,
        pyarrow=pyarrow.__version__,
        cpus=os.cpu_count(),
    )
    print(table(rows) + '\n\n' + ', '.join(f'{name} {value}' for name, value in versions.items()))
    if args.json:
        args.json.write_text(
            json.dumps(dict(versions=versions, rounds=args.rounds, rows=rows), indent=2) + '\n'
        )
    return rows


if __name__ == '__main__':
    main()
