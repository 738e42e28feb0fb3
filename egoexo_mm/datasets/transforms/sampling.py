"""Clips as the reference code samples them.

Shapes: N clips of T frames, L frames of the segment. Numbers in ``frame_inds`` count from
``start_index`` of the source.

In a video of variable rate (``frame_times``, from ``ClipReaderInit``) both samplers draw positions
that are evenly spaced in time and take the frame in sight at each.
"""

from __future__ import annotations

import math

import numpy as np
from mmaction.datasets.transforms import SampleFrames
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from egoexo_mm.video.times import duration, frame_at

from .clip_reader_init import ClipReaderInit


@TRANSFORMS.register_module()
class SampleTimeWindow(SampleFrames):
    """Clips of a fixed duration, as in the reference's Kinetics loader.

    A clip spans ``clip_len * frame_interval * fps / target_fps`` source frames. In training it
    starts anywhere (uniform real number). In testing clip ``i`` of ``n`` starts at ``i / n`` of the
    room that is left, as in the PySlowFast version of the paper. ``clip_len`` evenly spaced
    positions between its first and last frame are rounded down, after clamping to the video, so
    short videos repeat their last frame. ``SampleFrames(target_fps=30)`` follows a newer PySlowFast
    (whole starts, last clip at the end).

    In a video of variable rate the clip has the same duration in seconds. Of a segment
    (``segment_start``, ``source_frames`` as in :class:`SampleClampedFrames`) clips begin and end
    in the segment.

    Args:
        clip_len: Frames of a clip.
        frame_interval: Source frames per frame of the clip at ``target_fps``.
        num_clips: Clips of a video.
        target_fps: Frame rate that ``frame_interval`` refers to. A video of unknown rate (no
            ``avg_fps``) counts as having this one.
        test_mode: Fixed instead of random starts.
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
        """Add ``frame_inds`` (N*T,), ``clip_len``, ``frame_interval`` and ``num_clips``."""
        total, first = _count(results), results.get('segment_start', 0)
        fps = results.get('avg_fps') or self.target_fps
        window = self.clip_len * self.frame_interval * fps / self.target_fps
        times = results.get('frame_times')
        by_time = times is not None and len(times) == results.get('source_frames', total)
        start, stop = _span(times, first, total, fps) if by_time else (0.0, total / fps)
        room = max((stop - start) * fps - window if by_time else total - window, 0)
        if self.test_mode:
            starts = room * np.arange(self.num_clips) / self.num_clips
        else:
            starts = np.random.uniform(0, room, self.num_clips)
        frames = np.linspace(starts, starts + window - 1, self.clip_len, axis=1)
        frames = frame_at(times, start + frames / fps) if by_time else first + frames
        return _add_clips(results, self, np.clip(frames, first, first + total - 1))


@TRANSFORMS.register_module()
class SampleClampedFrames(BaseTransform):
    """Clips at a fixed frame step, clamped to the segment.

    The reference's Charades-Ego and EPIC loaders sample in this way. A clip spans
    ``(clip_len - 1) * frame_interval + 1`` frames. In training it starts at a random whole number
    in [0, L - span], or in [L - span, 0] where the segment is shorter. In testing clip ``i`` of
    ``num_clips`` starts at ``round(i * (L - span) / (num_clips - 1))``, a single one in the middle.
    Frames before the segment become its first, those after it its last.

    In a video of variable rate the L positions of a segment are evenly spaced over its duration, so
    that a step is ``frame_interval`` times the segment's mean time between frames.

    Required keys: ``total_frames`` (L), ``start_index``; ``segment_start`` for segments. Optional
    keys: ``frame_times``, ``avg_fps``, ``source_frames``. Added keys: ``frame_inds`` (N*T,),
    ``clip_len``, ``frame_interval``, ``num_clips``. A sample that has a ``filename`` instead of
    ``total_frames`` is a video that MMAction2's ``inference_recognizer`` was given; it is opened
    here.

    Args:
        clip_len: Frames of a clip, T.
        frame_interval: Step in source frames.
        num_clips: Clips of a segment, N.
        test_mode: Fixed instead of random starts.

    Raises:
        ValueError: For a segment without frames, or arguments below 1.
    """

    def __init__(
        self, clip_len: int, frame_interval: int, num_clips: int = 1, test_mode: bool = False
    ) -> None:
        if min(clip_len, frame_interval, num_clips) < 1:
            raise ValueError(
                'SampleClampedFrames: clip_len, frame_interval and num_clips must be at least 1, '
                f'got {clip_len}, {frame_interval} and {num_clips}'
            )
        self.clip_len = clip_len
        self.frame_interval = frame_interval
        self.num_clips = num_clips
        self.test_mode = test_mode

    def starts(self, total_frames: int) -> np.ndarray:
        """Whole numbers (N,), negative where the segment is shorter than a clip."""
        room = total_frames - ((self.clip_len - 1) * self.frame_interval + 1)
        if not self.test_mode:
            return np.random.randint(min(room, 0), max(room, 0) + 1, self.num_clips)
        if self.num_clips == 1:
            return np.array([math.floor(room / 2)])
        return np.rint(np.arange(self.num_clips) * room / (self.num_clips - 1)).astype(np.int64)

    def transform(self, results: dict) -> dict:
        """Add the frames of the clips, clip by clip."""
        if 'total_frames' not in results and 'filename' in results:
            results = ClipReaderInit().transform(results)
        total, first = _count(results), results.get('segment_start', 0)
        times, fps = results.get('frame_times'), results.get('avg_fps')
        if times is None or not fps or len(times) != results.get('source_frames', total):
            return _add_clips(results, self, first + self._positions(total))
        start, stop = _span(times, first, total, fps)
        frames = frame_at(times, start + self._positions(total) * (stop - start) / total)
        return _add_clips(results, self, np.clip(frames, first, first + total - 1))

    def _positions(self, length: int) -> np.ndarray:
        """Frames (N, T) of a segment of ``length`` frames, from its first."""
        steps = np.arange(self.clip_len) * self.frame_interval
        return np.clip(self.starts(length)[:, None] + steps, 0, length - 1)


class MoveToSegment(BaseTransform):
    """After a sampler of MMAction2, which takes the frames of a segment for those of a video.

    Such a sampler draws from ``total_frames`` and counts from ``start_index``. Data sets of this
    package put this step behind it (:func:`follow_segments`).
    """

    def transform(self, results: dict) -> dict:
        """Move ``frame_inds`` by ``segment_start``."""
        results['frame_inds'] = results['frame_inds'] + results.get('segment_start', 0)
        return results


def follow_segments(steps: list) -> None:
    """Put :class:`MoveToSegment` behind each sampler of MMAction2 in a pipeline, in place.

    Samplers of this package read ``segment_start`` themselves. One of your own must, too.
    """
    names = 'SampleFrames', 'UniformSample', 'UntrimmedSampleFrames'
    samplers = tuple(filter(None, map(TRANSFORMS.get, names)))
    for place in reversed(range(len(steps))):
        if isinstance(steps[place], samplers) and not isinstance(steps[place], SampleTimeWindow):
            steps.insert(place + 1, MoveToSegment())


def _span(times: np.ndarray, first: int, count: int, fps: float) -> tuple[float, float]:
    """Seconds at which the first of ``count`` frames begins and the last one ends."""
    after = first + count
    return times[first], times[after] if after < len(times) else duration(times, fps)


def _count(results: dict) -> int:
    """Number of frames to sample from.

    Raises:
        ValueError: There are none.
    """
    if results['total_frames'] < 1:
        source = results.get('filename') or results.get('frame_dir') or 'sample'
        raise ValueError(f'{source}: no frames to sample from; remove it from the list')
    return results['total_frames']


def _add_clips(
    results: dict, sampler: SampleTimeWindow | SampleClampedFrames, frames: np.ndarray
) -> dict:
    """Add clips of ``frames`` (N, T), numbered from 0; fractions are rounded down."""
    results.update(
        frame_inds=frames.astype(np.int32).ravel() + results['start_index'],
        clip_len=sampler.clip_len,
        frame_interval=sampler.frame_interval,
        num_clips=sampler.num_clips,
    )
    return results
