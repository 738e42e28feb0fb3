"""Testing the Interaction-Map head."""

from __future__ import annotations

from mmaction.registry import MODELS
from mmaction.utils import SampleList
from torch import Tensor

from egoexo_mm.models.raw_views import RawViews
from egoexo_mm.models.recognizer import EgoExoRecognizer


@MODELS.register_module(force=True)
class InteractionMapRecognizer(EgoExoRecognizer):
    """``EgoExoRecognizer`` that predicts Interaction-Maps instead of actions.

    It loads the same checkpoints.

    Args:
        map_head: name of the head in ``aux_heads``.
        **kwargs: of ``EgoExoRecognizer``.

    Raises:
        ValueError: if there is no such head.
    """

    def __init__(self, *, map_head: str = 'interaction_map', **kwargs) -> None:
        super().__init__(**kwargs)
        if map_head not in self.aux_heads:
            raise ValueError(
                f'InteractionMapRecognizer needs aux_heads with {map_head!r}, got '
                f'{list(self.aux_heads)}'
            )
        self.map_head = map_head

    def predict(self, inputs: Tensor | RawViews, data_samples: SampleList, **kwargs) -> SampleList:
        """Set ``pred_interaction_map`` of every sample.

        It is (2, T, H, W) in [0, 1]; channel 0 is hands, 1 objects.

        Args:
            inputs: (N, 1, 3, T, H, W) one view a sample, normalised, or raw views.
            data_samples: N samples.
            **kwargs: ignored.

        Raises:
            ValueError: for several views a sample.
        """
        if inputs.shape[1] != 1:
            raise ValueError(
                f'InteractionMapRecognizer predicts maps of single views, got {inputs.shape[1]} a '
                'sample; test with one clip and one crop'
            )
        logits = self.aux_predictions(inputs, self.map_head)
        for sample, maps in zip(data_samples, logits.float().sigmoid()):
            sample.set_field(maps, 'pred_interaction_map')
        return data_samples
