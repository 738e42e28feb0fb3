"""SlowFast with the frame sampling of the reference code."""

from __future__ import annotations

import torch
from mmaction.models import ResNet3dSlowFast
from mmaction.registry import MODELS
from torch import Tensor, nn

from egoexo_mm.interaction_maps import slow_frame_index


@MODELS.register_module()
class EgoExoSlowFast(ResNet3dSlowFast):
    """``ResNet3dSlowFast`` whose slow pathway sees the frames that PySlowFast's would.

    Parameters and names are the host's, so checkpoints move freely between the two; only with the sampling they were
    trained with do they give the same features.

    Args:
        slow_sampling: ``'linspace'`` (reference: 0, 4, 8, 13, 17, 22, 26, 31 of 32) or ``'stride'`` (MMAction2: 0, 4,
            ..., 28).
        **kwargs: of ``ResNet3dSlowFast``.
    """

    def __init__(self, *, slow_sampling: str = 'linspace', **kwargs) -> None:
        super().__init__(**kwargs)
        self.slow_sampling = slow_sampling
        slow_frame_index(
            self.resample_rate, 1, slow_sampling
        )  # an unknown sampling fails here, not in training

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features of both pathways.

        Args:
            x: (N, 3, T, H, W), T a multiple of ``resample_rate``.

        Returns:
            (N, 2048, T / resample_rate, H / 32, W / 32) and (N, 256, T, H / 32, W / 32) for ResNet-50 and a fast pathway
            that sees every frame.

        Raises:
            ValueError: if ``resample_rate`` does not divide ``T``.
        """
        num_frames = x.shape[2]
        if num_frames % self.resample_rate:
            raise ValueError(
                f'EgoExoSlowFast: clips of {num_frames} frames, expected a multiple of resample_rate '
                f'{self.resample_rate}; change clip_len of the pipeline'
            )
        index = slow_frame_index(num_frames, num_frames // self.resample_rate, self.slow_sampling)
        # stacking frames, unlike indexing with a tensor, sends no index to the device and waits for nothing
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
