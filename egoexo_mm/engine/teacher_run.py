"""A teacher at work on chunks of many videos: full batches in, rows of a store out.

Shape legend: ``L`` frames of an item, ``H x W`` pixels of a frame, ``h x w`` as the network sees
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from egoexo_mm.datasets.video_stream import Chunk
from egoexo_mm.models.teachers import Teacher
from egoexo_mm.models.teachers.base import HALF_DTYPES

from .full_batches import FullBatches
from .runner_parts import set_channels_last

Row = tuple[str, dict[str, Any]]  # video id, arguments of the store writer


@dataclass
class _Video:
    """A video on its way."""

    video_id: str
    # number -> (3, h, w), prepared; those that items still need
    frames: dict[int, Tensor] = field(default_factory=dict)
    size: tuple[int, int] = (0, 0)  # (H, W)
    items: dict[int, tuple[int, ...]] = field(default_factory=dict)  # index -> frame numbers
    results: dict[int, Any] = field(default_factory=dict)
    fps: float = 0.0
    num_frames: int | None = None  # known at its end


@dataclass
class _Item:
    """One input of the teacher."""

    video: _Video
    index: int
    frames: Tensor  # (L, 3, h, w), prepared


class TeacherRun:
    """Takes chunks, whose videos may mix, and gives a row for each video after its last item.

    Args:
        teacher: On ``device``.
        device: Where frames are sent.
        batch_size: Items of a full batch; they may be of different videos.
        max_waiting: Items that may wait for a full batch, by default 4 batches, see
            :class:`FullBatches`.
        amp: ``'bfloat16'`` or ``'float16'`` (short: ``'bf16'``, ``'fp16'``); None for float32.
        channels_last: Memory format of convolutions.

    Raises:
        ValueError: An unknown ``amp`` or a bad ``batch_size``.
    """

    def __init__(
        self,
        teacher: Teacher,
        device: torch.device,
        *,
        batch_size: int,
        max_waiting: int | None = None,
        amp: str | None = None,
        channels_last: bool = False,
    ) -> None:
        if amp not in (None, *HALF_DTYPES):
            raise ValueError(
                f"amp is {amp!r}, expected None, 'bf16' or 'fp16', short for bfloat16 and float16"
            )
        self.teacher, self.device = teacher, device
        self.amp, self.channels_last = amp, channels_last
        self.batches: FullBatches[_Item] = FullBatches(batch_size, max_waiting)
        self.videos: dict[str, _Video] = {}
        if channels_last:
            set_channels_last(teacher)

    @torch.no_grad()
    def take(self, chunk: Chunk) -> Iterator[Row]:
        """Rows of the videos that a chunk completes; the work is done as they are drawn."""
        video = self.videos.setdefault(chunk.video_id, _Video(chunk.video_id))
        if chunk.frames is not None:
            video.size = tuple(chunk.frames.shape[1:3])
            pixels = chunk.frames.to(self.device).permute(0, 3, 1, 2)
            video.frames.update(zip(chunk.numbers, self.teacher.prepare(pixels)))
        video.items.update(chunk.items)
        video.fps, video.num_frames = chunk.fps, chunk.num_frames
        for index, numbers in chunk.items:
            # stack copies: an item that waits does not hold its whole chunk
            item = _Item(video, index, torch.stack([video.frames[number] for number in numbers]))
            batch = self.batches.add(self.teacher.batch_key(item.frames, video.size), item)
            if batch:
                yield from self._infer(batch)
        for number in [number for number in video.frames if number < chunk.keep_from]:
            del video.frames[number]
        yield from self._complete([video])

    def drop(self, video_id: str) -> None:
        """Forget a video that turned out to be broken."""
        self.videos.pop(video_id, None)  # its items that wait are still run, for nothing

    @torch.no_grad()
    def finish(self) -> Iterator[Row]:
        """Run what waits for a full batch."""
        for batch in self.batches.rest():
            yield from self._infer(batch)

    def _infer(self, batch: list[_Item]) -> Iterator[Row]:
        items = torch.stack([item.frames for item in batch])
        if self.channels_last:
            items = (
                items.flatten(0, 1)
                .contiguous(memory_format=torch.channels_last)
                .unflatten(0, items.shape[:2])
            )
        try:
            with (
                torch.autocast(self.device.type, HALF_DTYPES[self.amp])
                if self.amp
                else nullcontext()
            ):
                results = self.teacher.infer(items, batch[0].video.size)
        except torch.cuda.OutOfMemoryError as error:
            raise RuntimeError(
                f'{self.teacher.name}: not enough memory for {len(batch)} items of '
                f'{tuple(items.shape[1:])}; set a smaller test_cfg.batch_size and run again'
            ) from error
        if len(results) != len(batch):
            raise RuntimeError(
                f'{type(self.teacher).__name__}.infer gave {len(results)} results for '
                f'{len(batch)} items'
            )
        for item, result in zip(batch, results):
            item.video.results[item.index] = result
        yield from self._complete([item.video for item in batch])

    def _complete(self, videos: list[_Video]) -> Iterator[Row]:
        """Rows of those videos that have ended and lack no result."""
        for video in videos:
            done = video.num_frames is not None and len(video.results) == len(video.items)
            if not done or self.videos.get(video.video_id) is not video:
                continue  # it goes on, its row was given before, or it was dropped
            del self.videos[video.video_id]
            order = sorted(video.items)
            height, width = video.size
            row = self.teacher.row(
                [video.results[i] for i in order], np.array([video.items[i] for i in order])
            )
            yield (
                video.video_id,
                dict(num_frames=video.num_frames, fps=video.fps, width=width, height=height, **row),
            )
