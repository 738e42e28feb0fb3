"""Ego-Score: how first-person a clip looks, by a video classifier of two classes."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from mmaction.models import Recognizer2D
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import Tensor

from egoexo_mm.checkpoints.filling import fill_recognizer
from egoexo_mm.checks import check_choice

from .base import ScoreTeacher
from .frame_preprocessor import FramePreprocessor, evenly_spaced


@MODELS.register_module()
class EgoScoreTeacher(ScoreTeacher):
    """Any MMAction2 recognizer of two classes; scores are ordered [non-ego, ego].

    Frames are resized as MMAction2's ``Resize`` does in testing (bilinear as OpenCV, without
    antialiasing), cropped in the centre, and normalised by the recognizer's own
    ``data_preprocessor``.

    Args:
        recognizer: Config of the model, or path of a config file whose ``model`` is taken.
        checkpoint: Its weights, an MMEngine ``.pth`` as training or ``tools/strip_aux.py`` leaves
            it, loaded without running code; ``aux_heads.*`` are left out. None: random weights,
            with a warning.
        clip_len: ``L``, frames of a clip (of a ``Recognizer2D``: its segments).
        short_side: Short side of the frames in pixels, before the crop.
        crop_size: Side of the crop.
        score_kind: See :class:`ScoreTeacher`.
        ego_class: The recognizer's class that is first-person.
        name: For the manifest; by default the types of the parts.

    Raises:
        ValueError: The config has no model of two classes, or the checkpoint does not fit.
    """

    signal = 'ego_score'
    target = 'ego_score'

    def __init__(
        self,
        *,
        recognizer: ConfigType | str,
        checkpoint: str | None = None,
        clip_len: int = 32,
        short_side: int = 256,
        crop_size: int = 224,
        score_kind: str = 'logits',
        ego_class: int = 1,
        name: str | None = None,
    ) -> None:
        check_choice('ego_class', ego_class, (0, 1))
        network, source = _build(recognizer)
        sha256 = None
        if checkpoint is None:
            MMLogger.get_current_instance().warning(
                f'EgoScoreTeacher: {source} has random weights; set checkpoint'
            )
        else:
            sha256 = fill_recognizer(network, checkpoint, f'a checkpoint trained with {source}')
        super().__init__(
            num_scores=2,
            score_kind=score_kind,
            name=name or _describe(network, source),
            weights_sha256=sha256,
        )
        self.recognizer = network
        self.clip_len = clip_len
        self.ego_class = ego_class
        self.frames = _preprocessor(network, short_side, crop_size)
        self.freeze()

    def prepare(self, pixels: Tensor) -> Tensor:
        """(n, 3, crop_size, crop_size) normalised frames of (n, 3, H, W)."""
        return self.frames(pixels)

    def logits(self, items: Tensor) -> Tensor:
        """(n, 2) scores of the class head before any softmax, [non-ego, ego]."""
        if isinstance(self.recognizer, Recognizer2D):
            inputs = items  # (n, segments, 3, h, w)
        else:
            inputs = items.transpose(1, 2)[:, None].contiguous()  # (n, 1 view, 3, L, h, w)
        scores = self.recognizer(inputs, mode='tensor', stage='head')
        return scores[:, [1 - self.ego_class, self.ego_class]]

    def clip_items(self, num_frames: int) -> Tensor:
        """(1, clip_len): one item, evenly spaced; every frame once if the lengths agree."""
        return evenly_spaced(num_frames, self.clip_len)[None]


def _build(recognizer: ConfigType | str) -> tuple[BaseRecognizer, str]:
    """The recognizer, and how messages call it."""
    source = 'the recognizer'
    if isinstance(recognizer, (str, Path)):
        source = str(recognizer)
        if not Path(recognizer).is_file():
            raise ValueError(
                f'{source}: no such config file; set recognizer to one, or to a config of the model'
            )
        recognizer = Config.fromfile(recognizer).get('model')
    if not isinstance(recognizer, dict) or 'type' not in recognizer:
        raise ValueError(f'{source}: has no config of a model; expected `model = dict(type=...)`')
    network = MODELS.build(copy.deepcopy(recognizer))  # the host's recognizers change theirs
    classes = getattr(getattr(network, 'cls_head', None), 'num_classes', None)
    if classes != 2:
        raise ValueError(
            f'{source}: has {classes or "no known number of"} classes, expected 2 (third and first '
            'person); set num_classes=2 of its cls_head and train it, see '
            'configs/teachers/ego_score_slowfast_r50_charades_ego.py'
        )
    return network, source


def _describe(network: BaseRecognizer, source: str) -> str:
    if source != 'the recognizer':
        return Path(source).stem
    return f'{type(network).__name__} with {type(network.backbone).__name__}'


def _preprocessor(network: BaseRecognizer, short_side: int, crop_size: int) -> FramePreprocessor:
    own: Any = network.data_preprocessor
    normalises = getattr(own, '_enable_normalize', False)
    mean, std = (own.mean.flatten(), own.std.flatten()) if normalises else ([0.0] * 3, [1.0] * 3)
    return FramePreprocessor(
        size=crop_size,
        resize=short_side,
        mean=mean,
        std=std,
        antialias=False,
        bgr=getattr(own, 'to_rgb', False),  # the host's switch reverses, and frames are RGB
        start='down',
        long_side='nearest',
    )
