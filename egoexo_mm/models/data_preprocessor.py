"""Normalisation with a named channel order, view by view in testing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmaction.models import ActionDataPreprocessor
from mmaction.registry import MODELS
from mmaction.utils import SampleList
from mmengine.model import stack_batch
from torch import Tensor

from egoexo_mm.checks import check_choice
from egoexo_mm.models.blending import TargetBlending
from egoexo_mm.models.labelled_samples import check_labelled
from egoexo_mm.models.raw_views import FrameViews, RawViews


@MODELS.register_module()
class EgoExoDataPreprocessor(ActionDataPreprocessor):
    """``ActionDataPreprocessor`` with a named channel order.

    MMAction2 decodes to RGB. The reference code pre-trains on RGB as well. For Charades-Ego and
    EPIC-Kitchens it reads frames as BGR and never flips them, so its fine-tuned weights expect BGR.

    Args:
        channel_order: ``'rgb'``, or ``'bgr'`` to reproduce the reference's fine-tuning and test its
            fine-tuned weights.
        defer_testing: In testing leave frames in host memory as :class:`RawViews`.
            ``EgoExoRecognizer`` moves and normalises one batch of views at a time, so device memory
            does not grow with the number of views. Other recognizers cannot. Frames of
            ``FormatViews`` are always deferred, but move to the device at once.
        keep_raw: In training leave the RGB pixels of every clip beside the normalised ones, as
            ``raw_clip`` (V, 3, T, H, W) of its data sample on the device. An ``EgoExoRecognizer``
            with online teachers switches it on.
        non_blocking: The host does not wait until a batch is copied to the device. With
            ``pin_memory=True`` of the loader it then never waits in a training step.
        **kwargs: Of ``ActionDataPreprocessor``, without ``to_rgb``; ``mean`` and ``std`` are in the
            order of ``channel_order``. ``blending`` (mixup, cutmix) blends the targets of auxiliary
            heads too, see :class:`~egoexo_mm.models.blending.TargetBlending`.

    Raises:
        ValueError: For another order, or ``to_rgb``.
    """

    def __init__(
        self,
        *,
        channel_order: str = 'rgb',
        defer_testing: bool = False,
        keep_raw: bool = False,
        non_blocking: bool = True,
        **kwargs: Any,
    ) -> None:
        check_choice('channel_order', channel_order, ('rgb', 'bgr'))
        if 'to_rgb' in kwargs:
            raise ValueError('EgoExoDataPreprocessor takes channel_order instead of to_rgb')
        # The host's switch is named to_rgb, but reverses the channels whatever their order.
        super().__init__(to_rgb=channel_order == 'bgr', **kwargs)
        if TargetBlending.follows(self.blending):
            self.blending = TargetBlending(self.blending)
        self.channel_order = channel_order
        self.defer_testing = defer_testing
        self.keep_raw = keep_raw
        # An option of MMEngine's base class that the host's class does not pass on.
        self._non_blocking = non_blocking

    def forward(self, data: dict | tuple[dict], training: bool = False) -> dict | tuple[dict]:
        """Normalise as the host does, or defer that in testing.

        Raises:
            ValueError: For unlabelled samples in training, while their labels are still in host
                memory; for incomplete inputs of ``FormatViews``.
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

    def preprocess(
        self, inputs: list[Tensor], data_samples: SampleList, training: bool = False
    ) -> tuple[Tensor, SampleList]:
        """Normalise as the host does; with ``keep_raw`` samples of training carry ``raw_clip``."""
        if training and self.keep_raw:
            for sample, clip in zip(data_samples, inputs):
                sample.set_field(clip, 'raw_clip')
        return super().preprocess(inputs, data_samples, training)

    def _videos(
        self, inputs: Tensor | list[Tensor] | Mapping[str, list[Tensor]]
    ) -> list[Tensor | FrameViews]:
        """Views of each video, from ``FormatShape`` (one or several tensors) or ``FormatViews``."""
        if not isinstance(inputs, Mapping):
            return list(inputs if isinstance(inputs, Tensor) else stack_batch(inputs))
        if missing := sorted({'frames', 'clip_frames', 'crops'} - set(inputs)):
            raise ValueError(
                f'inputs lack {", ".join(missing)}; pack the frames of FormatViews with '
                "PackActionInputs(collect_keys=('frames', 'clip_frames', 'crops'))"
            )
        return [
            FrameViews(self.cast_data(frames), self.cast_data(clips), crops)
            for frames, clips, crops in zip(
                inputs['frames'], inputs['clip_frames'], inputs['crops']
            )
        ]

    def normalize(self, views: Sequence[Tensor]) -> Tensor:
        """Normalise k raw views (3, T, H, W) on the device -> (k, 3, T, H, W)."""
        return self.preprocess(self.cast_data(list(views)), [])[0]
