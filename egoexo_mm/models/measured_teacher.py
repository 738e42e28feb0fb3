"""A score teacher in the place of a recognizer, so that metrics can measure it."""

from __future__ import annotations

import torch
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor

from .teachers import ScoreTeacher


@MODELS.register_module()
class MeasuredTeacher(BaseModel):
    """Scores labelled clips with a teacher; for testing.

    The pipeline decodes and packs whole frames, since teachers resize and normalise themselves.
    ``pred_score`` of a sample is the softmax of the teacher's scores, averaged over its clips.

    Args:
        teacher: Config of a :class:`ScoreTeacher`, or path of a config file whose ``model`` is
            taken.
        data_preprocessor: Stacks clips, without normalisation.

    Raises:
        ValueError: The teacher makes no scores.
    """

    def __init__(
        self,
        *,
        teacher: ConfigType | str,
        data_preprocessor: ConfigType = dict(type='ActionDataPreprocessor', format_shape='NCTHW'),
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        if isinstance(teacher, str):
            teacher = Config.fromfile(teacher).model
        self.teacher = MODELS.build(teacher)
        if not isinstance(self.teacher, ScoreTeacher):
            raise ValueError(
                f'{type(self.teacher).__name__} makes no scores; expected a ScoreTeacher, such as '
                'ZeroShotEgoTeacher'
            )

    def forward(
        self, inputs: Tensor, data_samples: SampleList, mode: str = 'predict'
    ) -> SampleList:
        """Scores of N samples.

        Args:
            inputs: (N, V, 3, T, H, W) RGB from 0 to 255, V clips of each.
            data_samples: Get ``pred_score`` (C,).
            mode: ``'predict'``; a teacher is not trained.
        """
        if mode != 'predict':
            raise ValueError(f'MeasuredTeacher: mode {mode!r}; it can only be tested')
        views = torch.stack(self.teacher.targets(inputs.flatten(0, 1).float()))
        scores = views.softmax(1).unflatten(0, inputs.shape[:2]).mean(1)
        for sample, score in zip(data_samples, scores):
            sample.set_pred_score(score)
        return data_samples
