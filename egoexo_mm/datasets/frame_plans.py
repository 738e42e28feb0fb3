"""Which frames of a video a teacher sees, and how they make up its items (single frames or clips).

Shape legend: ``N`` items of a video, ``L`` frames of an item.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from mmaction.datasets.transforms import SampleFrames
from mmaction.registry import TASK_UTILS

Item = tuple[int, tuple[int, ...]]  # position among the items of the video, frame numbers


class Schedule(Protocol):
    """The plan of one video, followed while it is read front to back."""

    def next(self, position: int) -> int | None:
        """The first wanted frame from ``position`` on; None where there is no more."""

    def complete(self, number: int) -> list[Item]:
        """Items that are complete once frame ``number`` (the latest) has been read."""

    def finish(self, last: int) -> list[Item]:
        """Items still open when the video ends early; they repeat ``last``, the last frame read."""

    def keep_from(self, number: int) -> int:
        """No frame below this is needed by items that are open after frame ``number``."""


@TASK_UTILS.register_module()
class EveryKthFrame:
    """Frames 0, ``stride``, 2 * ``stride``, ... to the end of the video, each an item.

    Raises:
        ValueError: ``stride`` is below 1.
    """

    needs_length = False

    def __init__(self, *, stride: int = 1) -> None:
        if stride < 1:
            raise ValueError(f'stride is {stride}, expected 1 or more')
        self.stride = stride

    def __str__(self) -> str:
        return 'every frame' if self.stride == 1 else f'every {self.stride} frames'

    def schedule(self, num_frames: int, fps: float) -> Schedule:
        """Follows the video to its true end, whatever length it claims."""
        return self

    def next(self, position: int) -> int:
        """The first multiple of the stride from ``position`` on."""
        return -(-position // self.stride) * self.stride

    def complete(self, number: int) -> list[Item]:
        """The frame itself."""
        return [(number // self.stride, (number,))]

    def finish(self, last: int) -> list[Item]:
        """Nothing is ever open."""
        return []

    def keep_from(self, number: int) -> int:
        """Nothing is needed twice."""
        return number + 1


@TASK_UTILS.register_module()
class SampledClips:
    """Clips as MMAction2's ``SampleFrames`` draws them in testing, evenly spread over the video.

    Clips may share frames.

    Args:
        **kwargs: Those of ``SampleFrames``: ``clip_len``, ``frame_interval``, ``num_clips``, ...
    """

    needs_length = True
    stride = None  # its frames are no regular grid

    def __init__(self, **kwargs: Any) -> None:
        self.sample = SampleFrames(test_mode=True, **kwargs)
        self.kwargs = kwargs

    def __str__(self) -> str:
        return 'clips of ' + ', '.join(f'{name} {value}' for name, value in self.kwargs.items())

    def items(self, num_frames: int, fps: float) -> np.ndarray:
        """Frame numbers (N, L)."""
        sampled = self.sample.transform(dict(total_frames=num_frames, avg_fps=fps, start_index=0))
        return np.asarray(sampled['frame_inds'], dtype=np.int64).reshape(-1, sampled['clip_len'])

    def schedule(self, num_frames: int, fps: float) -> Schedule:
        """For a video of ``num_frames`` frames."""
        return _Table(self.items(num_frames, fps))


@TASK_UTILS.register_module()
class EvenFrames(SampledClips):
    """The middle frames of ``num_frames`` equal parts of a video; all frames of a shorter one.

    Each frame is an item.
    """

    def __init__(self, *, num_frames: int) -> None:
        super().__init__(clip_len=1, num_clips=num_frames)

    def __str__(self) -> str:
        return f'{self.kwargs["num_clips"]} frames evenly spaced'

    def items(self, num_frames: int, fps: float) -> np.ndarray:
        """Frame numbers (N, 1)."""
        return np.unique(super().items(num_frames, fps))[:, None]


class _Table:
    """Schedule of given items (N, L); they may share frames, repeat them and come in any order."""

    def __init__(self, items: np.ndarray) -> None:
        self._wanted = np.unique(items)
        self._order = np.argsort(items.max(axis=1), kind='stable')  # in which items become complete
        self._items = items[self._order]
        self._last = self._items.max(axis=1)
        first = self._items.min(axis=1)[::-1]
        self._first = np.minimum.accumulate(first)[::-1]  # of an item and all that complete later
        self._done = 0

    def next(self, position: int) -> int | None:
        i = np.searchsorted(self._wanted, position)
        return int(self._wanted[i]) if i < len(self._wanted) else None

    def complete(self, number: int) -> list[Item]:
        return self._take(int(np.searchsorted(self._last, number, side='right')), number)

    def finish(self, last: int) -> list[Item]:
        return self._take(len(self._items), last)

    def keep_from(self, number: int) -> int:
        if self._done == len(self._items):
            return number + 1
        # the latest frame too, since ``finish`` may repeat it
        return min(number, int(self._first[self._done]))

    def _take(self, stop: int, last: int) -> list[Item]:
        taken = slice(self._done, stop)
        self._done = max(self._done, stop)
        frames = np.minimum(self._items[taken], last).tolist()
        return list(zip(self._order[taken].tolist(), map(tuple, frames)))
