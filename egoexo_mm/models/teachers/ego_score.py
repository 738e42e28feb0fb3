"""Ego-Score: how first-person a clip looks, by a video classifier of two classes."""

from __future__ import annotations

from typing import Any

from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from torch import Tensor

from egoexo_mm.checks import check_choice

from .recognizer_scores import RecognizerTeacher


@MODELS.register_module()
class EgoScoreTeacher(RecognizerTeacher):
    """Any MMAction2 recognizer of two classes; scores are ordered [non-ego, ego].

    Args:
        recognizer: Config of the model, or path of a config file whose ``model`` is taken.
        score_kind: ``'logits'`` or ``'probabilities'``, see :class:`ScoreTeacher`.
        ego_class: The recognizer's class that is first-person.
        **kwargs: Of :class:`RecognizerTeacher`, without ``signal`` and ``output``.

    Raises:
        ValueError: The config has no model of two classes, or the checkpoint does not fit.
    """

    score_kinds = ('logits', 'probabilities')

    def __init__(
        self,
        *,
        recognizer: ConfigType | str,
        score_kind: str = 'logits',
        ego_class: int = 1,
        **kwargs: Any,
    ) -> None:
        check_choice('ego_class', ego_class, (0, 1))
        super().__init__(signal='ego_score', recognizer=recognizer, score_kind=score_kind, **kwargs)
        self.ego_class = ego_class

    def _width(self, network: BaseRecognizer, source: str) -> int:
        classes = getattr(getattr(network, 'cls_head', None), 'num_classes', None)
        if classes != 2:
            raise ValueError(
                f'{source}: has {classes or "no known number of"} classes, expected 2 (third and '
                'first person); set num_classes=2 of its cls_head and train it, see '
                'configs/teachers/ego_score_slowfast_r50_charades_ego.py'
            )
        return classes

    def row_settings(self) -> dict[str, Any]:
        """The order of the scores, and the size of frames."""
        return dict(super().row_settings(), ego_class=self.ego_class)

    def logits(self, items: Tensor) -> Tensor:
        """(n, 2) scores of the class head before any softmax, [non-ego, ego]."""
        return super().logits(items)[:, [1 - self.ego_class, self.ego_class]]
