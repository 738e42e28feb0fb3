"""Teacher of the Interaction-Map: a hand-object detector of mmdet.

Shape legend: ``n`` images, ``H x W`` pixels of a frame, ``h x w`` pixels as the network sees them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmengine.logging import MMLogger
from torch import Tensor

from egoexo_mm.checkpoints.reading import sha256_of

from .detection import DetectionTeacher
from .detection_columns import store_columns
from .mmdet_model import (
    build_detector,
    decode_in_full_precision,
    image_scaling,
    load_weights,
    read_config,
)
from .opencv_resize import scale_frames, scaled_size


@MODELS.register_module()
class HandObjectTeacher(DetectionTeacher):
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
        name: For the manifest of stores; the config's name by default.
        **kwargs: Of :class:`DetectionTeacher`.

    Raises:
        ImportError: Without mmdet.
        ValueError: If a file is missing or not of its kind, or an option is impossible.
    """

    def __init__(
        self,
        *,
        detector: str | Path | dict[str, Any],
        checkpoint: str | Path | None = None,
        hand_score_thr: float = 0.1,
        object_score_thr: float = 0.1,
        short_side: int | None = None,
        max_long_side: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        cfg = read_config(detector)
        by_file = isinstance(detector, (str, Path))
        name = name or (Path(detector).stem if by_file else 'hand_object_detector')
        super().__init__(name=name, **kwargs)
        self.hand_score_thr, self.object_score_thr = hand_score_thr, object_score_thr
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
        self._preparation = preparation(self.detector.data_preprocessor)
        decode_in_full_precision(self.detector)
        self.freeze()

    def row_settings(self) -> dict[str, Any]:
        """Thresholds, and the size of frames."""
        return dict(
            hand_score_thr=self.hand_score_thr,
            object_score_thr=self.object_score_thr,
            short_side=self.scaling.short_side,
            max_long_side=self.scaling.max_long_side,
        )

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
        """Detections of n images in one call of the detector."""
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


def preparation(preprocessor: Any) -> tuple[bool, list[tuple[float, float]], int, float]:
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
