"""Object-Score from a network of one's own."""

from __future__ import annotations

import copy

from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.config import Config
from torch import Tensor

from egoexo_mm.checkpoints.filling import fill_recognizer
from egoexo_mm.models.teachers.base import ScoreTeacher
from egoexo_mm.models.teachers.frame_preprocessor import FramePreprocessor, evenly_spaced


@MODELS.register_module(force=True)
class RecognizerObjectTeacher(ScoreTeacher):
    """An MMAction2 recognizer of single frames, for example of pictures, as Object-Score teacher.

    Args:
        recognizer: config of a ``Recognizer3D`` that takes clips of one frame, or path of a config
            file with ``model``.
        checkpoint: its weights, loaded without running code.
        num_scores: its classes.
        size: side of the square to which frames are squashed, in pixels.
        score_kind: see :class:`ScoreTeacher`.
        online_frames: frames of a training clip that are scored, evenly spaced.
        name: for the manifest.

    Raises:
        ValueError: the checkpoint does not fit.
    """

    signal = 'object_score'
    target = 'object_score'

    def __init__(
        self,
        *,
        recognizer: ConfigType | str,
        checkpoint: str,
        num_scores: int,
        size: int,
        score_kind: str = 'logits',
        online_frames: int = 4,
        name: str = 'objects of one frame',
    ) -> None:
        cfg = (
            Config.fromfile(recognizer).model
            if isinstance(recognizer, str)
            else copy.deepcopy(recognizer)
        )
        network = MODELS.build(cfg)
        sha256 = fill_recognizer(
            network,
            checkpoint,
            f'a checkpoint of {recognizer if isinstance(recognizer, str) else "the recognizer"}',
        )
        super().__init__(
            num_scores=num_scores, score_kind=score_kind, name=name, weights_sha256=sha256
        )
        self.recognizer = network
        own = network.data_preprocessor
        self.frames = FramePreprocessor(
            size=size,
            resize=size,
            geometry='squash',
            antialias=False,
            mean=own.mean.flatten(),
            std=own.std.flatten(),
        )
        self.online_frames = online_frames
        self.freeze()

    def prepare(self, pixels: Tensor) -> Tensor:
        """(n, 3, size, size) normalised frames of (n, 3, H, W)."""
        return self.frames(pixels)

    def logits(self, items: Tensor) -> Tensor:
        """(n, C) raw scores; the mean over the frames of an item."""
        frames = items.flatten(0, 1)[:, None, :, None]  # (n * L, 1 view, 3, 1, h, w)
        scores = self.recognizer(frames, mode='tensor', stage='head')
        return scores.unflatten(0, items.shape[:2]).mean(1)

    def clip_items(self, num_frames: int) -> Tensor:
        """(online_frames, 1) evenly spaced frames, fewer where the clip has fewer."""
        return evenly_spaced(num_frames, min(self.online_frames, num_frames))[:, None]
