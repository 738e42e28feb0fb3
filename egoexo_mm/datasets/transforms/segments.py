"""Sampling of the reference's fine-tuning and testing: segments of long videos, clamped clips, three uniform crops.

Shapes: N clips of T frames, L frames of the segment. Numbers in ``frame_inds`` count from ``start_index`` of the source.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from egoexo_mm.video.times import duration, frame_at


def _source(results: dict) -> str:
    return results.get('filename') or results.get('frame_dir') or 'sample'


@TRANSFORMS.register_module()
class TrimSegment(BaseTransform):
    """From the start and stop of a segment in seconds to its frames; put it after ``ClipReaderInit`` or ``DecordInit``.

    The first frame is ``floor(start * fps)`` and the last ``floor(stop * fps)``, the rule by which EPIC-KITCHENS made its
    frame numbers of its timestamps, and neither leaves the video. In a video of variable rate (``frame_times``, of
    ``ClipReaderInit``) they are the frames in sight at ``start`` and ``stop``. Without ``start_sec`` the segment is the
    whole video.

    Required keys: ``total_frames``, and with ``start_sec`` also ``avg_fps`` and ``stop_sec``. Optional key:
    ``frame_times``. Added keys:
    ``segment_start`` (0-based), ``total_frames`` (now of the segment), ``source_frames`` (of the whole video).

    Raises:
        ValueError: the segment starts behind the end of the video, or the video has no frame rate.
    """

    def transform(self, results: dict) -> dict:
        """Add the segment in frames."""
        total = results['total_frames']
        first, last = 0, total - 1
        if results.get('start_sec') is not None:
            fps, start, stop = results['avg_fps'], results['start_sec'], results['stop_sec']
            if not fps or fps <= 0:
                raise ValueError(
                    f'{_source(results)}: has no frame rate, so {start:g} s cannot be found; re-encode it'
                )
            times = results.get('frame_times')
            if times is None:
                # decimal seconds times a rate fall just short of whole numbers
                first, last = (math.floor(time * fps + 1e-6) for time in (start, stop))
            else:
                first, last = (int(frame_at(times, time)) for time in (start, stop))
                first = total if start + 1e-6 >= duration(times, fps) else first
            last = min(last, total - 1)
            if first > last:
                raise ValueError(
                    f'{_source(results)}: the segment from {start:g} to {stop:g} s does not lie in its {total} '
                    f'frames at {fps:g} fps; get the whole video or remove the row'
                )
        results.update(segment_start=first, total_frames=last - first + 1, source_frames=total)
        return results


@TRANSFORMS.register_module()
class SampleClampedFrames(BaseTransform):
    """Clips at a fixed frame step, clamped to the segment, as in the reference's Charades-Ego and EPIC loaders.

    A clip spans ``(clip_len - 1) * frame_interval + 1`` frames. In training it starts at a random whole number in
    [0, L - span], or in [L - span, 0] where the segment is shorter. In testing clip ``i`` of ``num_clips`` starts at
    ``round(i * (L - span) / (num_clips - 1))``, a single one in the middle. Frames before the segment become its first,
    those behind it its last.

    Required keys: ``total_frames`` (L), ``start_index``; ``segment_start`` for segments. Added keys: ``frame_inds`` (N*T,),
    ``clip_len``, ``frame_interval``, ``num_clips``.

    Args:
        clip_len: frames of a clip, T.
        frame_interval: step in source frames.
        num_clips: clips of a segment, N.
        test_mode: fixed instead of random starts.

    Raises:
        ValueError: for a segment without frames, or arguments below 1.
    """

    def __init__(
        self, clip_len: int, frame_interval: int, num_clips: int = 1, test_mode: bool = False
    ) -> None:
        if min(clip_len, frame_interval, num_clips) < 1:
            raise ValueError(
                'SampleClampedFrames: clip_len, frame_interval and num_clips must be at least 1, got '
                f'{clip_len}, {frame_interval} and {num_clips}'
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
        total = results['total_frames']
        if total < 1:
            raise ValueError(
                f'{_source(results)}: no frames to sample from; remove it from the list'
            )
        frames = self.starts(total)[:, None] + np.arange(self.clip_len) * self.frame_interval
        frames = (
            np.clip(frames, 0, total - 1) + results.get('segment_start', 0) + results['start_index']
        )
        results.update(
            frame_inds=frames.ravel().astype(np.int32),
            clip_len=self.clip_len,
            frame_interval=self.frame_interval,
            num_clips=self.num_clips,
        )
        return results


@TRANSFORMS.register_module()
class UnionFrameLabels(BaseTransform):
    """Multi-hot label of the classes that occur in the sampled frames or in the video.

    Required keys: ``frame_labels`` (a list of class ids for each frame of the video); for ``scope='clip'`` ``frame_inds``,
    ``start_index``, ``num_clips``. ``frame_labels`` is removed. Added key: ``label``, float32 (num_classes,), all zero
    where no class occurs.

    Args:
        num_classes: length of the label.
        scope: ``'clip'``: every frame from the first to the last sampled one of each clip, inclusive, also those between
            the sampled ones (training); ``'video'``: all frames (testing).

    Raises:
        ValueError: for an unknown scope.
    """

    def __init__(self, num_classes: int, scope: str = 'clip') -> None:
        if scope not in ('clip', 'video'):
            raise ValueError(f"UnionFrameLabels: scope must be 'clip' or 'video', got {scope!r}")
        self.num_classes = num_classes
        self.scope = scope

    def transform(self, results: dict) -> dict:
        """Replace ``frame_labels`` by ``label``."""
        frames = results.pop('frame_labels')
        if self.scope == 'clip':
            clips = (results['frame_inds'] - results['start_index']).reshape(
                results['num_clips'], -1
            )
            frames = [classes for clip in clips for classes in frames[clip.min() : clip.max() + 1]]
        label = torch.zeros(self.num_classes)
        label[sorted(set().union(*frames))] = 1
        results['label'] = label
        return results


@TRANSFORMS.register_module()
class UniformThreeCrop(BaseTransform):
    """Three square crops along the longer side: left, centre, right or top, centre, bottom.

    As in the reference: the centre starts at ``ceil((side - size) / 2)`` and the last crop ends at the border. (The host's
    ``ThreeCrop`` orders left, right, centre, rounds down, and may miss the last column.) ``LoadTargets`` follows it.

    Required keys: ``imgs``, whose short side is ``crop_size``. Changed keys: ``imgs`` (all frames of the first crop, then of
    the second, then of the third), ``img_shape``. Added key: ``crop_bbox`` (3 * N * T, 4) pixels ``x1, y1, x2, y2``.

    Args:
        crop_size: side of the crops in pixels.

    Raises:
        ValueError: the short side of the frames differs from ``crop_size``, or the pipeline is lazy.
    """

    def __init__(self, crop_size: int) -> None:
        self.crop_size = crop_size

    def transform(self, results: dict) -> dict:
        """Crop every frame three times."""
        size, imgs = self.crop_size, results['imgs']
        height, width = imgs[0].shape[:2]
        if min(height, width) != size or 'lazy' in results:
            raise ValueError(
                f'UniformThreeCrop: expected frames with a short side of {size}, resized without lazy=True, '
                f'got {width} x {height}; put dict(type="Resize", scale=(-1, {size})) before it'
            )
        room = max(height, width) - size
        steps = [0, math.ceil(room / 2), room]
        corners = [(x, 0) for x in steps] if width >= height else [(0, y) for y in steps]
        results['imgs'] = [img[y : y + size, x : x + size] for x, y in corners for img in imgs]
        results['crop_bbox'] = np.repeat(
            [[x, y, x + size, y + size] for x, y in corners], len(imgs), axis=0
        )
        results['img_shape'] = (size, size)
        return results
