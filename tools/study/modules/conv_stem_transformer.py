"""A small ViT that learns from few clips: convolutions make its tokens."""

from __future__ import annotations

from types import SimpleNamespace

from mmaction.models.backbones.vit_mae import VisionTransformer
from mmaction.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module(force=True)
class ConvStemTransformer(VisionTransformer):
    """``VisionTransformer`` with a stem of three convolutions for its patches of 2 x 8 x 8.

    Such stems train where patches do not (https://arxiv.org/abs/2106.14881). Tokens, blocks and
    output are those of the plain ViT.

    Args:
        stem_channels: Of the three convolutions, before the projection to ``embed_dims``.
        **kwargs: Of ``VisionTransformer``; ``patch_size`` is 8 and ``tubelet_size`` its own, 2.
    """

    def __init__(self, *, stem_channels: tuple[int, int, int] = (16, 32, 64), **kwargs) -> None:
        super().__init__(patch_size=8, **kwargs)
        self.patch_embed = _ConvStem(stem_channels, self.embed_dims)


class _ConvStem(nn.Module):
    """Halves height and width three times, and the frames in the second step."""

    # strides of all layers together, where the preset of VisionTransformer looks for them
    projection = SimpleNamespace(stride=(2, 8, 8))

    def __init__(self, channels: tuple[int, int, int], embed_dims: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, stride in zip((3, *channels), channels, (1, 2, 1)):
            layers += [
                nn.Conv3d(before, after, 3, stride=(stride, 2, 2), padding=1, bias=False),
                nn.BatchNorm3d(after),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv3d(channels[-1], embed_dims, 1))

    def forward(self, clips: Tensor) -> tuple[Tensor, tuple[int, ...]]:
        """Tokens (N, T/2 * H/8 * W/8, D) of (N, 3, T, H, W), and their grid."""
        maps = self.layers(clips)
        return maps.flatten(2).transpose(1, 2), tuple(maps.shape[2:])
