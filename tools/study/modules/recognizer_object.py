"""Object-Score from a network of one's own."""

from __future__ import annotations

import copy

from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.config import Config
from torch import Tensor, nn

from egoexo_mm.checkpoints.filling import fill_recognizer
from egoexo_mm.models.teachers import FrameScoreTeacher
from egoexo_mm.models.teachers.frame_preprocessor import FramePreprocessor


@MODELS.register_module(force=True)
class RecognizerObjectTeacher(FrameScoreTeacher):
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
        own = network.data_preprocessor
        frames = FramePreprocessor(
            size=size,
            resize=size,
            geometry='squash',
            antialias=False,
            mean=own.mean.flatten(),
            std=own.std.flatten(),
        )
        super().__init__(
            classifier=_FrameRecognizer(network),
            frames=frames,
            online_frames=online_frames,
            num_scores=num_scores,
            score_kind=score_kind,
            name=name,
            weights_sha256=sha256,
        )


class _FrameRecognizer(nn.Module):
    def __init__(self, recognizer: nn.Module) -> None:
        super().__init__()
        self.recognizer = recognizer

    def forward(self, frames: Tensor) -> Tensor:
        """(n, C) raw scores of (n, 3, h, w), each as a clip of one frame and one view."""
        return self.recognizer(frames[:, None, :, None], mode='tensor', stage='head')
