"""What teachers of the Interaction-Map share: boxes for stores, maps inside the training step.

Shape legend: ``n`` images, ``D`` detections, ``N`` clips of ``T`` frames, ``S`` slow frames of a
clip, ``H x W`` pixels of a frame, ``K`` kinds of boxes (2: hand, object).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from egoexo_mm.interaction_maps import KINDS, UNKNOWN, MapGeometry, boxes_to_maps
from egoexo_mm.targets import Manifest, VideoInfo, stored_frames

from .base import Teacher

COLUMNS = ('box', 'score', 'kind', 'side', 'contact', 'offset')
_ONE_FRAME = 2**30  # stride of a row of one frame, which then stands for all of the video


class DetectionTeacher(Teacher):
    """A detector of hands and held objects; an item is one frame.

    Subclasses give ``prepare`` and ``infer``.

    Args:
        every: In training, the detector sees every k-th slow frame. The others take the boxes of
            the nearest, as from a store of that ``frame_stride``.
        time_stride: Of the maps, see :class:`MapGeometry`.
        frame_sampling: Of the maps.
        cell_size: Of the maps.
        soft: Of the maps.
        batch_size: Images of a detector call in training.
        **kwargs: Of :class:`Teacher`.

    Raises:
        ValueError: If an option is impossible.
    """

    signal = 'interaction'
    target = 'interaction_map'
    kinds = KINDS  # a subclass for other boxes has another signal and its kinds

    def __init__(
        self,
        *,
        every: int = 1,
        time_stride: int = 4,
        frame_sampling: str = 'linspace',
        cell_size: int = 32,
        soft: bool = True,
        batch_size: int = 16,
        **kwargs: Any,
    ) -> None:
        if every < 1 or batch_size < 1:
            raise ValueError(
                f'{type(self).__name__}: every and batch_size must be 1 or more, got '
                f'{every} and {batch_size}'
            )
        super().__init__(**kwargs)
        self.every = every
        self.time_stride = time_stride
        self.frame_sampling = frame_sampling
        self.cell_size = cell_size
        self.soft = soft
        _ = self.geometry  # wrong settings fail here, not in training
        self.batch_size = batch_size

    @property
    def geometry(self) -> MapGeometry:
        """Geometry of the maps that :meth:`targets` makes."""
        return MapGeometry(self.time_stride, self.frame_sampling, self.cell_size, self.soft)

    def manifest(self, dataset: str, **fields: Any) -> Manifest:
        """Description of a store that this teacher fills."""
        if self.signal != 'interaction':
            fields['kinds'] = self.kinds
        return super().manifest(dataset, **fields)

    def batch_key(self, prepared: Tensor, frame_size: tuple[int, int]) -> Hashable:
        """Images of one size before and after scaling: boxes are scaled back together."""
        return tuple(prepared.shape), tuple(frame_size)

    @abstractmethod
    def infer(self, items: Tensor, frame_size: tuple[int, int]) -> list[dict[str, np.ndarray]]:
        """Detections of n images.

        Args:
            items: (n, 1, 3, h, w) of ``prepare``.
            frame_size: (H, W) of the frames.

        Returns:
            Per image, best first, the columns of a store (:class:`egoexo_mm.targets.Detections`):
            ``box`` (D, 4) x1, y1, x2, y2 as fractions of frame width and height, ``score`` (D,),
            ``kind`` (D,), ``side`` (D,), ``contact`` (D,) and ``offset`` (D, 2) to the centre of
            the touched object, as fractions.
        """

    def row(self, results: list[dict[str, np.ndarray]], frames: np.ndarray) -> dict[str, Any]:
        """Arguments of ``StoreWriter.add_detections``, without those that describe the video.

        Args:
            results: Of every frame of the video that the detector saw, in order.
            frames: (n, 1) their numbers. ``frame_stride`` is their greatest common divisor; one
                frame alone, number 0, stands for all of the video.
        """
        columns = {name: np.concatenate([found[name] for found in results]) for name in COLUMNS}
        counts = [len(found['score']) for found in results]
        stride = int(np.gcd.reduce(frames[:, 0]))
        return dict(
            columns, frame=np.repeat(frames[:, 0], counts), frame_stride=stride or _ONE_FRAME
        )

    @torch.no_grad()
    def targets(self, pixels: Tensor) -> list[Tensor]:
        """(K, S, rows, columns) maps of each clip's crop, as ``LoadTargets`` makes them.

        Args:
            pixels: (N, 3, T, H, W) RGB from 0 to 255, floating point.

        Raises:
            ValueError: If ``time_stride`` does not divide ``T``.
        """
        num_frames, height, width = pixels.shape[2:]
        try:
            slow = self.geometry.frames(num_frames)
        except ValueError as error:
            raise ValueError(f'{type(self).__name__}: {error}') from None
        nearest = stored_frames(
            np.arange(len(slow)), VideoInfo(len(slow), 0, width, height, self.every)
        )
        # source: place of each slow frame's boxes among the frames that are seen
        seen, source = np.unique(nearest, return_inverse=True)
        frames = torch.stack([pixels[:, :, int(slow[i])] for i in seen], dim=1)
        frames = frames.flatten(0, 1)  # (N * seen, 3, H, W)
        found = [
            result
            for part in frames.split(self.batch_size)
            for result in self.infer(self.prepare(part)[:, None], (height, width))
        ]
        maps = [
            self._maps([found[first + i] for i in source], (height, width))
            for first in range(0, len(found), len(seen))
        ]
        return [torch.from_numpy(clip).to(pixels.device) for clip in maps]

    def _maps(self, results: list[dict[str, np.ndarray]], size: tuple[int, int]) -> np.ndarray:
        """(K, S, rows, columns) of the detections of S frames."""
        box, score, kind = (
            np.concatenate([found[name] for found in results]) for name in ('box', 'score', 'kind')
        )
        slot = np.repeat(np.arange(len(results)), [len(found['score']) for found in results])
        return boxes_to_maps(
            box,
            score,
            kind,
            slot,
            num_frames=len(results),
            grid=self.geometry.grid(size),
            soft=self.soft,
            num_kinds=len(self.kinds),
        )


def plain_columns(
    box: np.ndarray, score: np.ndarray, kind: np.ndarray, side: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Columns of an image, best first, of a teacher that knows no contact states.

    Args:
        box: (D, 4) x1, y1, x2, y2 as fractions of frame width and height.
        score: (D,).
        kind: (D,) ``HAND`` or ``OBJECT``.
        side: (D,); unknown by default.
    """
    count = len(score)
    order = np.argsort(-score, kind='stable')
    unknown = np.full(count, UNKNOWN, np.int8)
    return dict(
        box=np.asarray(box, np.float32).reshape(-1, 4)[order],
        score=np.asarray(score, np.float32)[order],
        kind=np.asarray(kind, np.int8)[order],
        side=unknown if side is None else np.asarray(side, np.int8)[order],
        contact=unknown,
        offset=np.full((count, 2), np.nan, np.float32),
    )
