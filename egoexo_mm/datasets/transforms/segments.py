"""Segments of long videos, and labels of frames.

Shapes: N clips of T frames. Numbers in ``frame_inds`` count from ``start_index`` of the source.
"""

from __future__ import annotations

import math

import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from egoexo_mm.checks import check_choice
from egoexo_mm.video.times import duration, frame_at


@TRANSFORMS.register_module()
class TrimSegment(BaseTransform):
    """From start and stop of a segment in seconds to its frames.

    Put it after ``ClipReaderInit`` or ``DecordInit``. The first frame is ``floor(start * fps)`` and
    the last ``floor(stop * fps)``, the rule by which EPIC-KITCHENS made its frame numbers from its
    timestamps, clamped to the video. In a video of variable rate (``frame_times``, from
    ``ClipReaderInit``) they are the frames in sight at ``start`` and ``stop``. Without
    ``start_sec`` the segment is the full video.

    Required keys: ``total_frames``, and with ``start_sec`` also ``avg_fps`` and ``stop_sec``.
    Optional key: ``frame_times``. Added keys: ``segment_start`` (0-based), ``total_frames`` (now of
    the segment), ``source_frames`` (of the video).

    Raises:
        ValueError: The segment starts after the end of the video, or the video has no frame rate.
    """

    def transform(self, results: dict) -> dict:
        """Add the segment in frames."""
        total = results['total_frames']
        first, last = 0, total - 1
        if results.get('start_sec') is not None:
            first, last = self._frames(results, total)
        results.update(segment_start=first, total_frames=last - first + 1, source_frames=total)
        return results

    def _frames(self, results: dict, total: int) -> tuple[int, int]:
        source = results.get('filename') or results.get('frame_dir') or 'sample'
        fps, start, stop = results['avg_fps'], results['start_sec'], results['stop_sec']
        if not fps or fps <= 0:
            raise ValueError(
                f'{source}: has no frame rate, so {start:g} s cannot be found; re-encode it'
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
                f'{source}: the segment from {start:g} to {stop:g} s does not lie in its {total} '
                f'frames at {fps:g} fps; get the whole video or remove the row'
            )
        return first, last


@TRANSFORMS.register_module()
class UnionFrameLabels(BaseTransform):
    """Multi-hot label of the classes that occur in the sampled frames or in the video.

    Required keys: ``frame_labels`` (a list of class ids for each frame of the video); for
    ``scope='clip'`` also ``frame_inds``, ``start_index``, ``num_clips``. Removed key:
    ``frame_labels``. Added key: ``label``, float32 (num_classes,), all zero where no class occurs.

    Args:
        num_classes: Length of the label.
        scope: ``'clip'``: every frame from the first to the last sampled one of each clip, also
            those between the sampled ones (training). ``'video'``: all frames (testing).

    Raises:
        ValueError: For an unknown scope.
    """

    def __init__(self, num_classes: int, scope: str = 'clip') -> None:
        check_choice('UnionFrameLabels: scope', scope, ('clip', 'video'))
        self.num_classes = num_classes
        self.scope = scope

    def transform(self, results: dict) -> dict:
        """Replace ``frame_labels`` by ``label``; a video that no data set lists has none."""
        if 'frame_labels' not in results:
            return results
        frames = results.pop('frame_labels')
        if self.scope == 'clip':
            clips = results['frame_inds'] - results['start_index']
            clips = clips.reshape(results['num_clips'], -1)
            frames = [classes for clip in clips for classes in frames[clip.min() : clip.max() + 1]]
        label = torch.zeros(self.num_classes)
        label[sorted(set().union(*frames))] = 1
        results['label'] = label
        return results
