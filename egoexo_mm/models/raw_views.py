"""Views of test videos whose pixels are cut and normalised when their turn comes.

Shape legend: ``S`` videos of ``V`` views each (clips x crops), ``T`` frames of a view, ``h x w``
its pixels; ``U`` frames (``H x W`` pixels) of a video, ``N`` clips, ``C`` crops, ``k`` views of a
batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class FrameViews(Sequence):
    """The ``C * N`` views of a video: all clips of the first crop first, as in ``FormatShape``.

    Args:
        frames: (U, H, W, 3) pixels, on the device where views shall be.
        clip_frames: (N, T) places of a clip's frames in ``frames``, on the same device.
        crops: (C, 4) pixels ``x1, y1, x2, y2``.
    """

    def __init__(self, frames: Tensor, clip_frames: Tensor, crops: Tensor) -> None:
        self.frames = frames
        self.clip_frames = clip_frames
        self.crops = crops.tolist()

    def __len__(self) -> int:
        return len(self.crops) * len(self.clip_frames)

    def __getitem__(self, i: int) -> Tensor:
        """View i, (3, T, h, w)."""
        if not 0 <= i < len(self):
            raise IndexError(f'view {i} of {len(self)}')
        crop, clip = divmod(i, len(self.clip_frames))
        x1, y1, x2, y2 = self.crops[crop]
        cut = self.frames[:, y1:y2, x1:x2].index_select(0, self.clip_frames[clip])
        return cut.permute(3, 0, 1, 2).contiguous()


class RawViews:
    """The views of a batch of videos before normalisation.

    Pixels of this type are raw, and those of a plain tensor are normalised.
    ``EgoExoDataPreprocessor`` makes raw views and ``EgoExoRecognizer`` takes them, a few at a time.

    Args:
        videos: ``S`` times ``V`` views (3, T, h, w), as a (V, 3, T, h, w) tensor or
            ``FrameViews``.
        normalize: From a list of k views to (k, 3, T, h, w) float32 on the model's device.

    Raises:
        ValueError: For videos with unequally many views, or none.
    """

    def __init__(
        self, videos: Sequence[Tensor | FrameViews], normalize: Callable[[list[Tensor]], Tensor]
    ) -> None:
        counts = sorted({len(video) for video in videos})
        if len(counts) != 1 or not counts[0]:
            raise ValueError(
                f'expected equally many views of every video of a batch, got {counts}; test with '
                'test_dataloader.batch_size=1'
            )
        self.videos = videos
        self._normalize = normalize

    def __len__(self) -> int:
        return len(self.videos)

    @property
    def shape(self) -> torch.Size:
        """(S, V, 3, T, h, w)."""
        return torch.Size([len(self.videos), len(self.videos[0]), *self.videos[0][0].shape])

    @property
    def dtype(self) -> torch.dtype:
        """Type of the raw pixels."""
        return self.videos[0][0].dtype

    def batches(self, limit: int | None = None) -> Iterator[Tensor]:
        """Normalised views in order, (k, 3, T, h, w) with at most ``limit`` of them."""
        places = [(video, i) for video in self.videos for i in range(len(video))]
        limit = limit or len(places)
        for first in range(0, len(places), limit):
            yield self._normalize([video[i] for video, i in places[first : first + limit]])

    def normalized(self) -> Tensor:
        """(S, V, 3, T, h, w), all at once."""
        return next(self.batches()).unflatten(0, self.shape[:2])


def view_batches(
    inputs: Tensor | RawViews, test_cfg: Mapping[str, Any] | None = None
) -> Iterable[Tensor]:
    """Normalised views (k, 3, T, h, w) of all videos in order, a batch of the backbone at a time.

    Args:
        inputs: (S, V, 3, T, h, w) normalised views, or raw ones.
        test_cfg: Of a model; ``max_testing_views`` is the largest k.

    Raises:
        ValueError: If ``max_testing_views`` is not a whole number from 1.
    """
    limit = (test_cfg or {}).get('max_testing_views') or None
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise ValueError(
            f'max_testing_views must be a whole number from 1 or None (no limit), got {limit!r}'
        )
    if isinstance(inputs, RawViews):
        return inputs.batches(limit)
    views = inputs.flatten(0, 1)
    return views.split(limit or len(views))
