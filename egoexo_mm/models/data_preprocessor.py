"""Normalisation with a named channel order, view by view in testing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mmaction.models import ActionDataPreprocessor
from mmaction.registry import MODELS
from mmengine.model import stack_batch
from torch import Tensor

from egoexo_mm.models.labels import check_labelled
from egoexo_mm.models.raw_views import FrameViews, RawViews


@MODELS.register_module()
class EgoExoDataPreprocessor(ActionDataPreprocessor):
    """``ActionDataPreprocessor`` that says which channel order the network sees.

    MMAction2 decodes to RGB. The reference code pre-trains on RGB as well, but reads the frames of Charades-Ego and
    EPIC-Kitchens as BGR and never flips them, so its fine-tuned weights expect BGR.

    Args:
        channel_order: ``'rgb'``, or ``'bgr'`` to reproduce the reference's fine-tuning and test its fine-tuned weights.
        defer_testing: in testing leave frames as they are, in host memory; ``EgoExoRecognizer`` moves and normalises one
            batch of views at a time, so that device memory does not grow with the number of views. Other recognizers
            cannot. Frames of ``FormatViews`` are always treated so, but move to the device at once.
        non_blocking: the host does not wait until a batch is copied to the device. With ``pin_memory=True`` of the loader
            it then never waits in a training step.
        **kwargs: of ``ActionDataPreprocessor`` (``mean`` and ``std`` in the order of ``channel_order``), less ``to_rgb``.

    Raises:
        ValueError: for another order, or ``to_rgb``.
    """

    def __init__(
        self,
        *,
        channel_order: str = 'rgb',
        defer_testing: bool = False,
        non_blocking: bool = True,
        **kwargs,
    ) -> None:
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(f"channel_order must be 'rgb' or 'bgr', got {channel_order!r}")
        if 'to_rgb' in kwargs:
            raise ValueError('EgoExoDataPreprocessor takes channel_order instead of to_rgb')
        super().__init__(
            to_rgb=channel_order == 'bgr', **kwargs
        )  # the host's switch reverses, whatever its name
        self.channel_order = channel_order
        self.defer_testing = defer_testing
        self._non_blocking = non_blocking  # an option of the host's base class that the host's class does not pass on

    def forward(self, data: dict | tuple[dict], training: bool = False) -> dict | tuple[dict]:
        """As the host's, but for ``defer_testing``.

        Raises:
            ValueError: for unlabelled samples in training, while their labels are still in host memory; for inputs of
                ``FormatViews`` that are not complete.
        """
        if training:
            for batch in data if isinstance(data, (tuple, list)) else (data,):
                check_labelled(batch['data_samples'])
        elif isinstance(data, Mapping) and (
            self.defer_testing or isinstance(data['inputs'], Mapping)
        ):
            return dict(
                inputs=RawViews(self._videos(data['inputs']), self.normalize),
                data_samples=self.cast_data(data['data_samples']),
            )
        return super().forward(data, training)

    def _videos(
        self, inputs: Tensor | list[Tensor] | Mapping[str, list[Tensor]]
    ) -> list[Tensor | FrameViews]:
        """The views of every video of a batch, of ``FormatShape`` (a tensor or a list of tensors) or ``FormatViews``."""
        if not isinstance(inputs, Mapping):
            return list(inputs if isinstance(inputs, Tensor) else stack_batch(inputs))
        if missing := sorted({'frames', 'clip_frames', 'crops'} - set(inputs)):
            raise ValueError(
                f'inputs lack {", ".join(missing)}; pack the frames of FormatViews with PackActionInputs('
                "collect_keys=('frames', 'clip_frames', 'crops'))"
            )
        return [
            FrameViews(self.cast_data(frames), self.cast_data(clips), crops)
            for frames, clips, crops in zip(
                inputs['frames'], inputs['clip_frames'], inputs['crops']
            )
        ]

    def normalize(self, views: Sequence[Tensor]) -> Tensor:
        """k deferred views (3, T, H, W) of any type, moved to the model's device and normalised: (k, 3, T, H, W)."""
        return self.preprocess(self.cast_data(list(views)), [])[0]
