"""Scores of a clip from a network that sees single frames."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .base import ScoreTeacher
from .frame_preprocessor import FramePreprocessor, evenly_spaced


def check_online_frames(count: int) -> None:
    """Refuse a number below 1; called before a network is loaded."""
    if count < 1:
        raise ValueError(f'online_frames must be at least 1, got {count}')


class FrameScoreTeacher(ScoreTeacher):
    """An image classifier as a teacher of scores; an item is one frame.

    Args:
        classifier: (n, 3, size, size) prepared frames -> (n, C) raw scores.
        frames: Makes these frames.
        online_frames: Frames of a training clip that are scored, evenly spaced.
        **kwargs: Of :class:`ScoreTeacher`.

    Raises:
        ValueError: ``online_frames`` is not positive.
    """

    def __init__(
        self,
        *,
        classifier: nn.Module,
        frames: FramePreprocessor,
        online_frames: int = 4,
        **kwargs: Any,
    ) -> None:
        check_online_frames(online_frames)
        super().__init__(**kwargs)
        self.classifier = classifier
        self.frames = frames
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
