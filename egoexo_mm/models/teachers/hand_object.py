"""Teacher of the Interaction-Map: a hand-object detector of mmdet.

Shape legend: ``n`` images, ``D`` detections, ``N`` clips of ``T`` frames, ``S`` slow frames of a
clip, ``H x W`` pixels of a frame, ``h x w`` pixels as the network sees them.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.logging import MMLogger
from torch import Tensor

from egoexo_mm.checkpoints.reading import sha256_of
from egoexo_mm.interaction_maps import MapGeometry, boxes_to_maps
from egoexo_mm.targets import VideoInfo, stored_frames

from .base import Teacher
from .detection_columns import COLUMNS, store_columns
from .mmdet_model import build_detector, image_scaling, load_weights, read_config
from .opencv_resize import scale_frames, scaled_size

_ONE_FRAME = 2**30  # stride of a row of one frame, which then stands for all of the video


@MODELS.register_module()
class HandObjectTeacher(Teacher):
    """Hands and the objects they touch, as boxes for stores and as maps inside the training step.

    The detector is any mmdet model with a ``HandObjectRoIHead``. Frames are scaled and normalised
    as its config says, and its results are those of its own test pipeline. mmdet is imported when
    the teacher is built.

    Args:
        detector: mmdet config file, or a dict with ``model``.
        checkpoint: Of mmdet, as the converter of hand-object weights writes it, or of the original
            code. None leaves random weights, with a warning.
        hand_score_thr: Hands must score higher.
        object_score_thr: Objects must score higher.
        short_side: Short side of the network's input, see ``ScaleImage`` of the detectors. By
            default that of the detector's ``test_pipeline``.
        max_long_side: Limit of its long side; with ``short_side``, None is no limit.
        every: In training, the detector sees every k-th slow frame. The others take the boxes of
            the nearest, as from a store of that ``frame_stride``.
        time_stride: Of the maps, see :class:`MapGeometry`.
        frame_sampling: Of the maps.
        cell_size: Of the maps.
        soft: Of the maps.
        batch_size: Images of a detector call in training.
        name: For the manifest of stores; the config's name by default.

    Raises:
        ImportError: Without mmdet.
        ValueError: If a file is missing or not of its kind, or an option is impossible.
    """

    signal = 'interaction'
    target = 'interaction_map'

    def __init__(
        self,
        *,
        detector: str | Path | dict[str, Any],
        checkpoint: str | Path | None = None,
        hand_score_thr: float = 0.1,
        object_score_thr: float = 0.1,
        short_side: int | None = None,
        max_long_side: int | None = None,
        every: int = 1,
        time_stride: int = 4,
        frame_sampling: str = 'linspace',
        cell_size: int = 32,
        soft: bool = True,
        batch_size: int = 16,
        name: str | None = None,
    ) -> None:
        if every < 1 or batch_size < 1:
            raise ValueError(
                'HandObjectTeacher: every and batch_size must be 1 or more, got '
                f'{every} and {batch_size}'
            )
        cfg = read_config(detector)
        by_file = isinstance(detector, (str, Path))
        super().__init__(name=name or (Path(detector).stem if by_file else 'hand_object_detector'))
        # In the order of DETECTOR_CLASSES.
        cfg.model.test_cfg.rcnn.score_thr = [object_score_thr, hand_score_thr]
        self.detector = build_detector(cfg)
        if checkpoint is None:
            MMLogger.get_current_instance().warning(
                f'{self.name}: no checkpoint, so the detector is random'
            )
        else:
            load_weights(self.detector, checkpoint)
            self.weights_sha256 = sha256_of(checkpoint)
        from egoexo_mm.models.detectors import ScaleImage

        given = dict(short_side=short_side, max_long_side=max_long_side)
        self.scaling = ScaleImage(**(image_scaling(cfg) if short_side is None else given))
        self.every = every
        self.time_stride = time_stride
        self.frame_sampling = frame_sampling
        self.cell_size = cell_size
        self.soft = soft
        _ = self.geometry  # wrong settings fail here, not in training
        self.batch_size = batch_size
        self._preparation = _preparation(self.detector.data_preprocessor)
        self.freeze()

    @property
    def geometry(self) -> MapGeometry:
        """Geometry of the maps that :meth:`targets` makes."""
        return MapGeometry(self.time_stride, self.frame_sampling, self.cell_size, self.soft)

    def batch_key(self, prepared: Tensor, frame_size: tuple[int, int]) -> Hashable:
        """Images of one size before and after scaling: boxes are scaled back together."""
        return tuple(prepared.shape), tuple(frame_size)

    @torch.no_grad()
    def prepare(self, pixels: Tensor) -> Tensor:
        """Scale, normalise and pad frames as the detector's test pipeline and preprocessor do.

        Args:
            pixels: (n, 3, H, W) RGB from 0 to 255, uint8 or floating point.

        Returns:
            (n, 3, h, w) float32 in the detector's channel order, padded at right and bottom.
        """
        rgb, normalisation, divisor, pad_value = self._preparation
        frames = scale_frames(pixels, self.scaling.factor(*pixels.shape[-2:]))
        frames = frames if rgb else frames.flip(1)
        # Channel by channel with numbers, so that nothing is sent to the device.
        for channel, (mean, std) in enumerate(normalisation):
            frames[:, channel].sub_(mean).div_(std)
        height, width = frames.shape[-2:]
        return F.pad(frames, (0, -width % divisor, 0, -height % divisor), value=pad_value)

    @torch.no_grad()
    def infer(self, items: Tensor, frame_size: tuple[int, int]) -> list[dict[str, np.ndarray]]:
        """Detections of n images in one call of the detector.

        Args:
            items: (n, 1, 3, h, w) of ``prepare``.
            frame_size: (H, W) of the frames.

        Returns:
            Per image, best first, the columns of a store (:class:`egoexo_mm.targets.Detections`):
            ``box`` (D, 4) x1, y1, x2, y2 as fractions of frame width and height, ``score`` (D,),
            ``kind`` (D,), ``side`` (D,), ``contact`` (D,) and ``offset`` (D, 2) to the centre of
            the touched object, as fractions.
        """
        from mmdet.structures import DetDataSample

        scale = self.scaling.factor(*frame_size)
        padded = tuple(items.shape[-2:])
        meta = dict(
            ori_shape=tuple(frame_size),
            img_shape=scaled_size(*frame_size, scale),
            scale_factor=(scale, scale),
            pad_shape=padded,
            batch_input_shape=padded,
        )
        samples = [DetDataSample(metainfo=meta) for _ in items]
        dtype = next(self.detector.parameters()).dtype
        samples = self.detector.predict(items[:, 0].to(dtype), samples, rescale=True)
        return store_columns([sample.pred_instances for sample in samples], frame_size)

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
        """(2, S, rows, columns) maps of each clip's crop, as ``LoadTargets`` makes them.

        Args:
            pixels: (N, 3, T, H, W) RGB from 0 to 255, floating point.

        Raises:
            ValueError: If ``time_stride`` does not divide ``T``.
        """
        num_frames, height, width = pixels.shape[2:]
        try:
            slow = self.geometry.frames(num_frames)
        except ValueError as error:
            raise ValueError(f'HandObjectTeacher: {error}') from None
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
        """(2, S, rows, columns) of the detections of S frames."""
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
        )


def _preparation(preprocessor: Any) -> tuple[bool, list[tuple[float, float]], int, float]:
    """What mmdet's data preprocessor does to a frame.

    Returns:
        Whether the network sees RGB; (mean, std) of each channel; the divisor that sides are padded
        to; the value they are padded with.
    """
    normalisation: list[tuple[float, float]] = []
    if getattr(preprocessor, 'mean', None) is not None:
        pairs = zip(*(getattr(preprocessor, name).flatten().tolist() for name in ('mean', 'std')))
        normalisation = list(pairs)
        normalisation = normalisation * 3 if len(normalisation) == 1 else normalisation
    return (
        preprocessor._channel_conversion,
        normalisation,
        preprocessor.pad_size_divisor,
        preprocessor.pad_value,
    )
