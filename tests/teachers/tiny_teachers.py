"""Score teachers of a few hundred seeded weights, which see 4 frames at a time."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from egoexo_mm.models.teachers import ScoreTeacher


class TinyScoreTeacher(ScoreTeacher):
    """Brightness of 3 x 3 regions through a linear layer; ``calls`` has the clips of each call."""

    frames = 4

    def __init__(self, **kwargs) -> None:
        super().__init__(name='tiny', **kwargs)
        generator = torch.Generator().manual_seed(self.num_scores)
        self.fc = nn.Linear(27, self.num_scores)
        self.fc.weight.data = torch.randn(self.fc.weight.shape, generator=generator)
        self.norm = nn.BatchNorm1d(27)  # would differ in training mode
        self.calls, self.autocast = [], []
        self.freeze()

    def prepare(self, pixels: Tensor) -> Tensor:
        return nn.functional.adaptive_avg_pool2d(pixels.to(self.fc.weight.dtype) / 127.5 - 1, 3)

    def logits(self, items: Tensor) -> Tensor:
        self.autocast.append(torch.is_autocast_enabled(items.device.type))
        return self.fc(self.norm(items.mean(1).flatten(1)))

    def clip_items(self, num_frames: int) -> Tensor:
        return torch.arange(num_frames).view(-1, self.frames)

    def targets(self, pixels: Tensor) -> list[Tensor]:
        self.calls.append(len(pixels))
        return super().targets(pixels)


@MODELS.register_module()
class TinyEgoTeacher(TinyScoreTeacher):
    signal = target = 'ego_score'


@MODELS.register_module()
class TinyObjectTeacher(TinyScoreTeacher):
    signal = target = 'object_score'
