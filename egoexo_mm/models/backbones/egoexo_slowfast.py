"""SlowFast with the frame sampling of the reference code."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.models import ResNet3dSlowFast
from mmaction.registry import MODELS
from torch import Tensor, nn

from egoexo_mm.checks import check_choice
from egoexo_mm.interaction_maps import FRAME_SAMPLINGS, slow_frame_index


@MODELS.register_module()
class EgoExoSlowFast(ResNet3dSlowFast):
    """``ResNet3dSlowFast`` whose slow pathway sees the same frames as PySlowFast's.

    Parameters and names are the host's, so checkpoints move freely between the two. They give the
    same features only with the sampling that they were trained with.

    Args:
        slow_sampling: ``'linspace'`` (reference: 0, 4, 8, 13, 17, 22, 26, 31 of 32) or ``'stride'``
            (MMAction2: 0, 4, ..., 28).
        **kwargs: Of ``ResNet3dSlowFast``.

    Raises:
        ValueError: For an unknown ``slow_sampling``.
    """

    def __init__(self, *, slow_sampling: str = 'linspace', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice('slow frame sampling', slow_sampling, FRAME_SAMPLINGS)
        self.slow_sampling = slow_sampling

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features of both pathways.

        Args:
            x: (N, 3, T, H, W), T a multiple of ``resample_rate``.

        Returns:
            (N, 2048, T / resample_rate, H / 32, W / 32) and (N, 256, T, H / 32, W / 32) for
            ResNet-50 and a fast pathway that sees every frame.

        Raises:
            ValueError: If ``resample_rate`` does not divide ``T``.
        """
        num_frames = x.shape[2]
        if num_frames % self.resample_rate:
            raise ValueError(
                f'EgoExoSlowFast: clips of {num_frames} frames, expected a multiple of '
                f'resample_rate {self.resample_rate}; change clip_len of the pipeline'
            )
        index = slow_frame_index(num_frames, num_frames // self.resample_rate, self.slow_sampling)
        # Stacking frames, unlike indexing with a tensor, sends no index to the device: no wait.
        slow = self._stem(self.slow_path, torch.stack([x[:, :, i] for i in index.tolist()], dim=2))
        fast = self._stem(self.fast_path, x[:, :, :: self.resample_rate // self.speed_ratio])
        laterals = (
            ['conv1_lateral', *self.slow_path.lateral_connections] if self.slow_path.lateral else []
        )
        for stage, layer in enumerate(self.slow_path.res_layers):
            if stage < len(laterals):
                slow = torch.cat((slow, getattr(self.slow_path, laterals[stage])(fast)), dim=1)
            slow = getattr(self.slow_path, layer)(slow)
            fast = getattr(self.fast_path, layer)(fast)
        return slow, fast

    @staticmethod
    def _stem(pathway: nn.Module, x: Tensor) -> Tensor:
        return pathway.maxpool(pathway.conv1(x))
