"""AVION's transformer of videos: MMAction2's TimeSformer behind CLIP's norm of the embeddings."""

from __future__ import annotations

from typing import Any

from mmaction.models import TimeSformer
from mmaction.registry import MODELS
from torch import Tensor, nn


class _EmbeddingNorm(nn.Module):
    """The norm as a first layer of the transformer."""

    def __init__(self, embed_dims: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embed_dims, eps=1e-6)

    def forward(self, query: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return self.norm(query)


@MODELS.register_module()
class AvionTransformer(TimeSformer):
    """Joint attention over space and time, for weights of AVION.

    It differs from ``TimeSformer(attention_type='joint_space_time')`` in two things that come from
    CLIP: a norm between the embeddings and the first block, which is layer 0, and patches without a
    bias. ``tools/convert_weights.py`` converts released weights, see ``docs/weights.md``.
    https://github.com/zhaoyue-zephyrus/AVION

    Args:
        num_frames: Of a clip.
        img_size: Of a frame in pixels.
        patch_size: Of a patch in pixels.
        kwargs: Other arguments of ``TimeSformer``.
    """

    def __init__(
        self, num_frames: int = 16, img_size: int = 224, patch_size: int = 16, **kwargs: Any
    ) -> None:
        kwargs['attention_type'] = 'joint_space_time'
        super().__init__(num_frames, img_size, patch_size, **kwargs)
        self.patch_embed.projection.register_parameter('bias', None)
        self.transformer_layers.layers.insert(0, _EmbeddingNorm(self.embed_dims))
