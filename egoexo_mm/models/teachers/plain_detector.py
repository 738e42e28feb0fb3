"""An ordinary detector of mmdet on frames of any size.

Shape legend: ``n`` images, ``D`` detections, ``H x W`` pixels of a frame, ``h x w`` pixels as the
network sees them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from egoexo_mm.checkpoints.download import local_file
from egoexo_mm.checkpoints.filling import fill
from egoexo_mm.checkpoints.reading import read_weights

from .hand_object import preparation
from .mmdet_model import decode_in_full_precision, step_name


class PlainDetector(nn.Module):
    """Boxes, scores and class names of an mmdet detector, as its own test pipeline finds them.

    Of the test pipeline, ``Resize`` and ``Pad`` are followed, in torch and on batches; pixels are
    within one grey level of OpenCV's. Another step that changes pixels is refused.

    Args:
        detector: mmdet config file, or a dict with ``model`` and ``test_pipeline``.
        checkpoint: File of its weights, or their URL, which is downloaded once. None leaves random
            weights, with a warning.
        classes: Names of its classes, in order; by default COCO's if there are 80 of them, and
            ``'hand'`` if there is one.

    Raises:
        ImportError: Without mmdet.
        ValueError: If a file is missing or not of its kind, or the classes do not fit.
    """

    def __init__(
        self,
        *,
        detector: str | Path | dict[str, Any],
        checkpoint: str | Path | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        by_file = isinstance(detector, (str, Path))
        self.name = Path(detector).stem if by_file else 'detector'
        if by_file and not Path(detector).is_file():
            raise ValueError(f'{detector} is not a file; expected the mmdet config of a detector')
        cfg = Config.fromfile(detector) if by_file else Config(copy.deepcopy(dict(detector)))
        self.size, self.keep_ratio, self.pad = _geometry(cfg, self.name)
        try:
            from mmdet.datasets import CocoDataset
            from mmdet.registry import MODELS
        except ImportError as error:
            raise ImportError(
                f'{self.name} needs mmdet ({error}); pip install mmdet==3.3.0'
            ) from None
        # The weights of its backbone come with the checkpoint: nothing is downloaded for them.
        cfg.model.get('backbone', {}).pop('init_cfg', None)
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.network = revert_sync_batchnorm(MODELS.build(cfg.model))
        self.classes = _class_names(self.network, classes, CocoDataset.METAINFO, self.name)
        self.weights_sha256 = None
        if checkpoint is None:
            MMLogger.get_current_instance().warning(
                f'{self.name}: no checkpoint, so the detector is random'
            )
        else:
            path = local_file(checkpoint)
            weights, self.weights_sha256 = read_weights(path)
            expected = 'those of this detector: give the config it was trained with'
            fill(self.network, weights, path, expected)
        self._preparation = preparation(self.network.data_preprocessor)
        decode_in_full_precision(self.network)

    def scaled_size(self, height: int, width: int) -> tuple[int, int]:
        """(h, w) of a frame after mmdet's ``Resize``."""
        if not self.keep_ratio:
            return self.size[1], self.size[0]
        scale = min(max(self.size) / max(height, width), min(self.size) / min(height, width))
        return int(height * scale + 0.5), int(width * scale + 0.5)

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """(h, w) of a scaled frame after mmdet's ``Pad``."""
        if self.pad is None:
            return height, width
        if self.pad.size:
            return self.pad.size[1], self.pad.size[0]
        if self.pad.to_square:
            height = width = max(height, width)
        divisor = self.pad.divisor or 1
        return -(-height // divisor) * divisor, -(-width // divisor) * divisor

    def prepare(self, pixels: Tensor) -> Tensor:
        """(n, 3, h, w) scaled, padded and normalised frames of (n, 3, H, W)."""
        rgb, normalisation, divisor, pad_value = self._preparation
        size = self.scaled_size(*pixels.shape[-2:])
        frames = F.interpolate(pixels.float(), size, mode='bilinear', align_corners=False).round_()
        if self.pad:
            height, width = self.padded_size(*size)
            right, below = max(width - size[1], 0), max(height - size[0], 0)
            frames = F.pad(frames, (0, right, 0, below), value=self.pad.value)
        frames = frames if rgb else frames.flip(1)
        for channel, (mean, std) in enumerate(normalisation):
            frames[:, channel].sub_(mean).div_(std)
        height, width = frames.shape[-2:]
        return F.pad(frames, (0, -width % divisor, 0, -height % divisor), value=pad_value)

    def forward(self, pixels: Tensor) -> list[tuple[np.ndarray, np.ndarray, list[str]]]:
        """Detections of (n, 3, H, W) RGB frames from 0 to 255.

        Returns:
            Per image the boxes (D, 4) ``x1, y1, x2, y2`` as fractions of frame width and height,
            cut off at the frame, the scores (D,) and the names of the classes.
        """
        from mmdet.structures import DetDataSample

        height, width = pixels.shape[-2:]
        scaled = self.scaled_size(height, width)
        inputs = self.prepare(pixels)
        meta = dict(
            ori_shape=(height, width),
            img_shape=self.padded_size(*scaled),
            scale_factor=(scaled[1] / width, scaled[0] / height),
            pad_shape=tuple(inputs.shape[-2:]),
            batch_input_shape=tuple(inputs.shape[-2:]),
        )
        samples = [DetDataSample(metainfo=dict(meta)) for _ in inputs]
        inputs = inputs.to(next(self.network.parameters()).dtype)
        found = [x.pred_instances for x in self.network.predict(inputs, samples, rescale=True)]
        # One transfer to the host for the batch.
        columns = [(x.bboxes.float(), x.scores[:, None].float(), x.labels[:, None]) for x in found]
        table = torch.cat([torch.cat(part, dim=1) for part in columns]).cpu().numpy()
        ends = np.cumsum([len(x.scores) for x in found])[:-1]
        frame = np.array([width, height, width, height], np.float32)
        return [
            (
                (part[:, :4] / frame).clip(0, 1),
                part[:, 4],
                [self.classes[int(label)] for label in part[:, 5]],
            )
            for part in np.split(table, ends)
        ]


class _Pad(NamedTuple):
    """mmdet's ``Pad``: to a size (width, height), to a square, or to multiples of ``divisor``."""

    size: tuple[int, int] | None
    to_square: bool
    divisor: int | None
    value: float


# steps of mmdet that leave the pixels of an image as they are
_HARMLESS = re.compile(r'Load\w*|Pack\w*|InferencerLoader|Resize|Pad')


def _geometry(cfg: Config, name: str) -> tuple[tuple[int, int], bool, _Pad | None]:
    """Scale and ``keep_ratio`` of ``Resize``, and ``Pad``."""
    steps = {step_name(step): step for step in cfg.get('test_pipeline', ())}
    scale = steps.get('Resize', {}).get('scale')
    if 'model' not in cfg or not isinstance(scale, (list, tuple)) or len(scale) != 2:
        raise ValueError(
            f'{name}: expected an mmdet config with model and a test_pipeline that has Resize with '
            'a scale; see configs/teachers/rtmdet_tiny_coco.py, whose scale is (width, height)'
        )
    if other := [step for step in steps if not _HARMLESS.fullmatch(step)]:
        raise ValueError(
            f'{name}: its test_pipeline has {", ".join(other)}, which is not followed here; leave '
            'it out of the config, or take a detector without it'
        )
    resize, pad = steps['Resize'], steps.get('Pad')
    padding = None
    if pad:
        value = pad.get('pad_val', 0)
        value = value.get('img', 0) if isinstance(value, dict) else value
        size = tuple(pad['size']) if pad.get('size') else None
        padding = _Pad(
            size, pad.get('pad_to_square', False), pad.get('size_divisor'), float(np.mean(value))
        )
    return tuple(scale), resize.get('keep_ratio', False), padding


def _class_names(
    network: nn.Module, classes: Sequence[str] | None, coco: dict[str, Any], name: str
) -> tuple[str, ...]:
    head = getattr(network, 'bbox_head', None) or network.roi_head.bbox_head
    head = head[-1] if isinstance(head, nn.ModuleList) else head  # of a cascade
    count = head.num_classes
    known = {80: coco['classes'], 1: ('hand',)}
    names = tuple(classes or known.get(count, ()))
    if len(names) != count:
        raise ValueError(
            f'{name}: has {count} classes, got {len(names)} names; give classes=[...] in order'
        )
    return names
