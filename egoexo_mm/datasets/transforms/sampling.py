"""Clip sampling of the reference code, and reproducible random draws."""

from __future__ import annotations

import random

import numpy as np
import torch
from mmaction.datasets.transforms import SampleFrames
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from egoexo_mm.video.times import duration, frame_at


@TRANSFORMS.register_module()
class SampleTimeWindow(SampleFrames):
    """Clips of a fixed duration, as in the reference's Kinetics loader.

    A clip covers ``clip_len * frame_interval * fps / target_fps`` source frames. In training it starts anywhere (uniform
    real number); in testing clip ``i`` of ``n`` starts at ``i / n`` of the room that is left, as in the PySlowFast
    version the paper used. ``clip_len`` evenly spaced frames between its first and last are rounded down, after
    clamping to the video, so short videos repeat their last frame. ``SampleFrames(target_fps=30)`` follows a newer
    PySlowFast (whole starts, last clip at the end).

    In a video of variable rate (``frame_times``, of ``ClipReaderInit``) the clip covers as many seconds, and its frames are
    those in sight at evenly spaced times.

    Args:
        clip_len: frames of a clip.
        frame_interval: source frames per frame of the clip at ``target_fps``.
        num_clips: clips of a video.
        target_fps: frame rate that ``frame_interval`` refers to. A video of unknown rate (no ``avg_fps``) counts as
            having this one.
        test_mode: fixed instead of random starts.
    """

    def __init__(
        self,
        clip_len: int,
        frame_interval: int,
        num_clips: int = 1,
        target_fps: float = 30,
        test_mode: bool = False,
    ) -> None:
        super().__init__(
            clip_len, frame_interval, num_clips, target_fps=target_fps, test_mode=test_mode
        )

    def transform(self, results: dict) -> dict:
        """Add ``frame_inds`` (num_clips * clip_len,), ``clip_len``, ``frame_interval`` and ``num_clips``."""
        total = results['total_frames']
        if total < 1:
            raise ValueError(
                f'{results.get("filename", "video")}: no frames to sample from; remove it from the list'
            )
        fps = results.get('avg_fps') or self.target_fps
        window = self.clip_len * self.frame_interval * fps / self.target_fps
        times = results.get('frame_times')
        by_time = times is not None and len(times) == total
        room = max((duration(times, fps) * fps if by_time else total) - window, 0)
        if self.test_mode:
            starts = room * np.arange(self.num_clips) / self.num_clips
        else:
            starts = np.random.uniform(0, room, self.num_clips)
        frames = np.linspace(starts, starts + window - 1, self.clip_len, axis=1)
        if by_time:
            frames = frame_at(times, frames / fps)
        frames = np.clip(frames, 0, total - 1).astype(np.int32)
        results.update(
            frame_inds=frames.ravel() + results['start_index'],
            clip_len=self.clip_len,
            frame_interval=self.frame_interval,
            num_clips=self.num_clips,
        )
        return results


@TRANSFORMS.register_module()
class SeedAugmentations(BaseTransform):
    """Make the random draws of a sample depend on (seed, epoch, sample) alone.

    With it an interrupted and resumed run draws what an uninterrupted one draws, and so does any number of workers and
    ranks. Put it first in a training pipeline; ``SampleSeedHook`` tells it seed and epoch, and without the hook it does
    nothing. ``sample_idx`` comes with every MMEngine dataset.
    """

    def __init__(self) -> None:
        # shared memory, because persistent workers outlive the epoch in which they started
        self._state = torch.full((2,), -1, dtype=torch.int64).share_memory_()

    def set_epoch(self, seed: int, epoch: int) -> None:
        """Announce the epoch to every worker; call it before the epoch's data loader iterator is made."""
        self._state.copy_(torch.tensor([seed, epoch]))

    def state(self) -> tuple[int, int]:
        """Seed and epoch; -1 while they are not announced."""
        seed, epoch = self._state.tolist()
        return seed, epoch

    def transform(self, results: dict) -> dict:
        """Seed numpy's and Python's global generators, which the host's transforms draw from.

        ``redraw``, where there is one, tells a sample drawn in place of a broken one from the same one drawn by itself.
        """
        seed, epoch = self.state()
        if epoch >= 0:
            words = np.random.SeedSequence(
                [seed, epoch, results['sample_idx'], *results.get('redraw', ())]
            ).generate_state(2)
            np.random.seed(words[0])
            random.seed(int(words[1]))
        return results
