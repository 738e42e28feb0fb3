"""Object-Score: which ImageNet objects a clip shows, by an image classifier on its frames."""

from __future__ import annotations

from typing import Any

from mmaction.registry import MODELS
from torch import Tensor

from .base import ScoreTeacher
from .classifiers import load_classifier
from .frame_preprocessor import evenly_spaced


@MODELS.register_module()
class ObjectScoreTeacher(ScoreTeacher):
    """An ImageNet classifier by name as the Object-Score teacher; an item is one frame.

    Args:
        classifier: Arguments of :func:`egoexo_mm.models.teachers.classifiers.load_classifier`, for
            example ``dict(kind='timm', name='convnext_tiny')``. The default works offline once its
            two wheels are installed.
        score_kind: See :class:`ScoreTeacher`.
        online_frames: Frames of a training clip that are scored, evenly spaced.
        name: For the manifest; by default that of the classifier.

    Raises:
        ImportError: The library of the classifier is missing.
        ValueError: The classifier is unknown or its weights cannot be read.
    """

    signal = 'object_score'
    target = 'object_score'

    def __init__(
        self,
        *,
        classifier: dict[str, Any] = dict(kind='efficientnet_lite0'),
        score_kind: str = 'logits',
        online_frames: int = 4,
        name: str | None = None,
    ) -> None:
        if online_frames < 1:
            raise ValueError(f'online_frames must be at least 1, got {online_frames}')
        found = load_classifier(**classifier)
        super().__init__(
            num_scores=found.num_scores,
            score_kind=score_kind,
            name=name or found.name,
            weights_sha256=found.weights_sha256,
        )
        self.classifier = found.network
        self.frames = found.frames
        self.online_frames = online_frames
        self.freeze()

    def prepare(self, pixels: Tensor) -> Tensor:
        """(n, 3, size, size) normalised frames of (n, 3, H, W), at the classifier's own size."""
        return self.frames(pixels)

    def logits(self, items: Tensor) -> Tensor:
        """(n, C) raw scores; the mean over the frames of an item."""
        return self.classifier(items.flatten(0, 1)).unflatten(0, items.shape[:2]).mean(1)

    def clip_items(self, num_frames: int) -> Tensor:
        """(online_frames, 1) evenly spaced frames, fewer where the clip has fewer."""
        return evenly_spaced(num_frames, min(self.online_frames, num_frames))[:, None]
