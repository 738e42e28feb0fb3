"""Object-Score: which ImageNet objects a clip shows, by an image classifier on its frames."""

from __future__ import annotations

from typing import Any

from mmaction.registry import MODELS

from .classifiers import load_classifier
from .frame_score import FrameScoreTeacher, check_online_frames


@MODELS.register_module()
class ObjectScoreTeacher(FrameScoreTeacher):
    """An ImageNet classifier by name as the Object-Score teacher; an item is one frame.

    Args:
        classifier: Arguments of :func:`egoexo_mm.models.teachers.classifiers.load_classifier`, for
            example ``dict(kind='timm', name='convnext_tiny')``. The default works offline once its
            two wheels are installed.
        online_frames: Frames of a training clip that are scored, evenly spaced.
        name: For the manifest; by default that of the classifier.
        **kwargs: ``score_kind`` of :class:`ScoreTeacher`.

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
        online_frames: int = 4,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_online_frames(online_frames)
        found = load_classifier(**classifier)
        super().__init__(
            classifier=found.network,
            frames=found.frames,
            num_scores=found.num_scores,
            name=name or found.name,
            weights_sha256=found.weights_sha256,
            online_frames=online_frames,
            **kwargs,
        )
