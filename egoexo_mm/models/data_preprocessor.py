"""Normalisation with a named channel order, view by view in testing."""
from __future__ import annotations

from mmaction.models import ActionDataPreprocessor
from mmaction.registry import MODELS
from mmengine.model import stack_batch
from torch import Tensor

from egoexo_mm.models.labels import check_labelled


@MODELS.register_module()
class EgoExoDataPreprocessor(ActionDataPreprocessor):
    """``ActionDataPreprocessor`` that says which channel order the network sees.

    MMAction2 decodes to RGB. The reference code pre-trains on RGB as well, but reads the frames of Charades-Ego and
    EPIC-Kitchens as BGR and never flips them, so its fine-tuned weights expect BGR.

    Args:
        channel_order: ``'rgb'``, or ``'bgr'`` to reproduce the reference's fine-tuning and test its fine-tuned weights.
        defer_testing: in testing leave frames as uint8 in host memory; ``EgoExoRecognizer`` moves and normalises one batch
            of views at a time, so that device memory does not grow with the number of views. Other recognizers cannot.
        **kwargs: of ``ActionDataPreprocessor`` (``mean`` and ``std`` in the order of ``channel_order``), less ``to_rgb``.

    Raises:
        ValueError: for another order, or ``to_rgb``.
    """

    def __init__(self, *, channel_order: str = 'rgb', defer_testing: bool = False, **kwargs) -> None:
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(f"channel_order must be 'rgb' or 'bgr', got {channel_order!r}")
        if 'to_rgb' in kwargs:
            raise ValueError('EgoExoDataPreprocessor takes channel_order instead of to_rgb')
        super().__init__(to_rgb=channel_order == 'bgr', **kwargs)  # the host's switch reverses, whatever its name
        self.channel_order = channel_order
        self.defer_testing = defer_testing

    def forward(self, data: dict | tuple[dict], training: bool = False) -> dict | tuple[dict]:
        """As the host's, but for ``defer_testing``.

        Raises:
            ValueError: for unlabelled samples in training, while their labels are still in host memory.
        """
        if training:
            for batch in data if isinstance(data, (tuple, list)) else (data, ):
                check_labelled(batch['data_samples'])
        elif self.defer_testing:
            inputs = data['inputs']
            return dict(inputs=inputs if isinstance(inputs, Tensor) else stack_batch(inputs),
                        data_samples=self.cast_data(data['data_samples']))
        return super().forward(data, training)

    def normalize(self, views: Tensor) -> Tensor:
        """(k, 3, T, H, W) deferred views, moved to the model's device and normalised."""
        return self.preprocess(list(self.cast_data(views)), [])[0]
