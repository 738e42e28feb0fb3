"""Measure what the targets of 1,000 videos cost with each teacher, side by side in one run.

Each round runs every teacher once on the same drawn frames, so that what else the machine does
affects all alike; a figure is the median of the rounds. Seconds are those of the process on its
cores, so use one thread. Weights are random, but for the teachers whose package has them. A teacher
whose package is missing is left out. Frames of a video are those of the teacher's config. Decoding
is a row of its own.

Example:
    OMP_NUM_THREADS=1 python tools/benchmarks/teacher_costs.py --rounds 3 --json costs.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import string
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import measuring
import numpy as np
import torch
from mmaction.registry import TASK_UTILS
from mmengine.config import Config
from teachers import build_teacher, decode, draw_video, item_frames, item_length, run_batch

import egoexo_mm  # noqa: F401  (registers the teachers)
from egoexo_mm.models.teachers import Teacher

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'teachers'
WORDS = 'model.model.checkpoint'
# What the row is called, config, changes to it.
TEACHERS = (
    ('HandObjectTeacher, R101-C4', 'hand_object_k400', {}),
    ('BoxTeacher, RTMDet-nano and RTMDet-tiny', 'boxes_rtmdet', {}),
    ('BoxTeacher, RTMDet-nano alone', 'boxes_rtmdet', {'model.objects': None}),
    ('MediaPipeHandTeacher', 'hands_mediapipe', {}),
    ('MediaPipeHandTeacher, squares', 'hands_mediapipe', {'model.squares': True}),
    ('ObjectScoreTeacher, EfficientNet-Lite0', 'object_score_k400', {}),
    (
        'ZeroShotObjectTeacher, CLIP ViT-B/32, 300 names',
        'objects_by_words',
        {WORDS: None, 'model.vocabulary': [f'name {i}' for i in range(300)]},
    ),
    ('ZeroShotEgoTeacher, CLIP ViT-B/32', 'ego_score_by_words', {WORDS: None}),
    ('EgoScoreTeacher, SlowFast 8x8 R50', 'ego_score_k400', {}),
)


def write_clip_folder(folder: Path) -> None:
    """CLIP ViT-B/32 without weights, with a tokenizer of letters and a small network for texts.

    Texts are read once, which is not measured here.
    """
    from transformers import CLIPConfig

    # The defaults are those of ViT-B/32.
    CLIPConfig(text_config=dict(num_hidden_layers=1)).save_pretrained(folder)
    letters = [letter + end for end in ('', '</w>') for letter in string.printable.strip()]
    tokens = [*letters, '<|startoftext|>', '<|endoftext|>']
    (folder / 'merges.txt').write_text('#version: 0.2\n')
    files = {
        'vocab.json': {token: number for number, token in enumerate(tokens)},
        'tokenizer_config.json': dict(tokenizer_class='CLIPTokenizer'),
        'preprocessor_config.json': dict(
            size=dict(shortest_edge=224),
            crop_size=dict(height=224, width=224),
            resample=3,
            image_mean=[0.5] * 3,
            image_std=[0.25] * 3,
        ),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))


def frames_of_video(plan: dict[str, Any], num_frames: int, fps: float) -> int:
    """Frames that a teacher sees of a video, counted as often as it sees them."""
    built = TASK_UTILS.build(plan)
    if built.stride is not None:
        return -(-num_frames // built.stride)
    return built.items(num_frames, fps).size


def core_hours(seconds_a_frame: float, frames: int, videos: int = 1000) -> float:
    """Hours that one core works on so many videos."""
    return seconds_a_frame * frames * videos / 3600


@contextmanager
def random_clip(config: str, changes: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Changes with a folder for a CLIP model where they ask for one."""
    if WORDS not in changes:
        yield changes
        return
    with tempfile.TemporaryDirectory() as folder:
        write_clip_folder(Path(folder))
        yield {
            **changes,
            WORDS: folder,
            'model.model.pretrained': False,
            'model.text_cache': None,
        }


def build(config: str, changes: dict[str, Any]) -> Teacher:
    """The teacher of a shipped config, with random weights.

    Raises:
        ImportError: Its package is missing.
    """
    with random_clip(config, changes) as changed:
        device = torch.device('cpu')
        path = str(CONFIGS / f'{config}.py')
        return build_teacher(path, changed, device, False, random=WORDS not in changes)


def batch_call(teacher: Teacher, frames: np.ndarray, batch: int) -> tuple[Callable[[], Any], int]:
    """A call that runs about ``batch`` frames, and how many frames they are."""
    length = item_length(teacher, len(frames))
    items = max(1, batch // length)
    pixels = item_frames(frames, length, items, 0)
    return lambda: run_batch(teacher, pixels, items, torch.device('cpu')), items * length


def in_rounds(
    calls: dict[str, Callable[[], Any]], rounds: int, least: float
) -> dict[str, list[float]]:
    """Processor seconds of a call, in each round; a call is repeated for ``least`` seconds."""
    spent = {label: [] for label in calls}
    for call in calls.values():
        call()  # to warm up
    for _ in range(rounds):
        for label, call in calls.items():
            begin, took, count = time.process_time(), 0.0, 0
            while not count or took < least:
                call()
                count, took = count + 1, time.process_time() - begin
            spent[label].append(took / count)
    return spent


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each teacher that runs here, and one for decoding."""
    calls, counts, plans = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, 'drawn.mp4')
        draw_video(video, 64, tuple(args.size))
        frames = decode(video, 64)
        calls['decoding'], counts['decoding'] = lambda: decode(video, 64), 64
        for label, config, changes in TEACHERS:
            if args.only and args.only not in label:
                continue
            try:
                teacher = build(config, changes)
            except ImportError as error:
                print(f'left out {label}: {error}', file=sys.stderr)
                continue
            calls[label], counts[label] = batch_call(teacher, frames, args.batch)
            plans[label] = Config.fromfile(CONFIGS / f'{config}.py').test_dataloader.dataset.plan
        spent = in_rounds(calls, args.rounds, args.least)
    length = round(args.seconds * args.fps)
    rows = []
    for label, seconds in spent.items():
        a_frame = statistics.median(seconds) / counts[label]
        seen = frames_of_video(plans[label], length, args.fps) if label in plans else length
        rows.append(
            {
                'teacher': label,
                'frames a video': seen,
                'core-seconds a frame': a_frame,
                'core-hours a 1,000 videos': core_hours(a_frame, seen),
            }
        )
    return rows


def main(argv: list[str] | None = None) -> list[dict[str, Any]]:
    """Measure, print the table and return its rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--rounds', type=int, default=3, help='default 3')
    parser.add_argument(
        '--least', type=float, default=1.0, help='seconds of a teacher in a round; default 1'
    )
    parser.add_argument('--batch', type=int, default=4, help='frames at once; default 4')
    parser.add_argument('--seconds', type=float, default=10, help='of a video; default 10')
    parser.add_argument('--fps', type=float, default=30, help='of a video; default 30')
    parser.add_argument(
        '--size',
        type=int,
        nargs=2,
        default=(456, 256),
        metavar=('WIDTH', 'HEIGHT'),
        help='of the drawn frames; default 456 256',
    )
    parser.add_argument('--only', metavar='TEXT', help='teachers whose row has this text')
    parser.add_argument('--json', type=Path, metavar='OUT', help='also write the rows there')
    args = parser.parse_args(argv)
    if min(args.rounds, args.batch, args.seconds, args.fps, *args.size) <= 0:
        parser.error('--rounds, --batch, --seconds, --fps and --size must be positive')
    rows = measure(args)
    print(measuring.table(rows))
    print(
        f'\nvideos of {args.seconds:g} s at {args.fps:g} fps, {args.size[0]} x {args.size[1]}; '
        f'torch {torch.__version__}, {torch.get_num_threads()} thread(s)'
    )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=2) + '\n')
    return rows


if __name__ == '__main__':
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f'teacher_costs: error: {error}')
