"""Labels and scores of samples under mmaction2 1.0 and 1.1.

Broken: before 1.2 an ``ActionDataSample`` keeps ``gt_labels.item``, ``pred_scores.item`` and
``pred_labels.item``; from 1.2 on it is ``gt_label``, ``pred_score`` (also a dict of scores) and
``pred_label``, which this package uses. ``PackActionInputs`` has no ``algorithm_keys``, which bring
other fields from the pipeline to the sample.
Workaround: the fields are those of 1.2. The former names are properties of them and are added to
what metrics get, so that mmaction2's own transforms, heads and metrics find theirs.
``PackActionInputs`` takes ``algorithm_keys``.
Inactive: from mmaction2 1.2 on.
Delete: once the oldest mmaction2 that we support is 1.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .workaround import Workaround

NAME = 'samples of mmaction2 before 1.2'
# field of 1.2 -> name before
FORMER = {'gt_label': 'gt_labels', 'pred_score': 'pred_scores', 'pred_label': 'pred_labels'}


def apply() -> Workaround:
    """Give ``ActionDataSample`` the fields of mmaction2 1.2."""
    from mmaction.datasets.transforms.formatting import PackActionInputs
    from mmaction.structures import ActionDataSample
    from mmengine.structures import BaseDataElement

    if hasattr(ActionDataSample, 'set_gt_label'):
        return Workaround(NAME, False, 'they have gt_label, pred_score and pred_label')
    for name, former in FORMER.items():
        setattr(ActionDataSample, former, _former(name))
    ActionDataSample.set_gt_label = ActionDataSample.set_gt_labels = set_gt_label
    ActionDataSample.set_pred_label = set_pred_label
    ActionDataSample.set_pred_score = set_pred_score

    def to_dict(self: Any) -> dict:
        """All fields, and the former names."""
        found = BaseDataElement.to_dict(self)
        for name, former in FORMER.items():
            if name in found:
                found[former] = dict(item=found[name])
        return found

    ActionDataSample.to_dict = to_dict
    _add_algorithm_keys(PackActionInputs)
    return Workaround(NAME, True, 'they got gt_label, pred_score and pred_label beside gt_labels')


def _add_algorithm_keys(transform: type) -> None:
    make, pack = transform.__init__, transform.transform

    def init(self: Any, *args: Any, algorithm_keys: Sequence[str] = (), **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        self.algorithm_keys = algorithm_keys

    def packed(self: Any, results: dict) -> dict:
        found = pack(self, results)
        for key in self.algorithm_keys:
            if key in results:
                found['data_samples'].set_field(results[key], key)
        return found

    transform.__init__, transform.transform = init, packed


def set_gt_label(sample: Any, value: Any) -> Any:
    """As ``ActionDataSample.set_gt_label`` of mmaction2 1.2."""
    sample.set_field(as_label(value), 'gt_label')
    return sample


def set_pred_label(sample: Any, value: Any) -> Any:
    """As ``ActionDataSample.set_pred_label`` of mmaction2 1.2."""
    sample.set_field(as_label(value), 'pred_label')
    return sample


def set_pred_score(sample: Any, value: Any) -> Any:
    """As ``ActionDataSample.set_pred_score`` of mmaction2 1.2, which also takes a dict."""
    score = as_score(value)
    sample.set_field(score, 'pred_score')
    if 'num_classes' not in sample:
        sample.set_field(len(score), 'num_classes', field_type='metainfo')
    elif len(score) != sample.num_classes:
        raise AssertionError(
            f'expected {sample.num_classes} scores (num_classes), got {len(score)}'
        )
    return sample


def as_label(value: Any) -> Any:
    """A tensor of a label, of several, or of a multi-hot or soft label."""
    import torch

    label = torch.as_tensor(value)
    if not isinstance(value, torch.Tensor) or not label.dim():
        label = label.long()
    return label.reshape(1) if not label.dim() else label


def as_score(value: Any) -> Any:
    """A tensor of scores, or a dict of them."""
    import torch

    if isinstance(value, dict):
        return type(value)({name: as_score(score) for name, score in value.items()})
    return value if isinstance(value, torch.Tensor) else torch.as_tensor(value).float()


def _former(name: str) -> property:
    """A property with the field in its ``item``, as mmaction2 had it before 1.2."""
    from mmengine.structures import LabelData

    class Field(LabelData):
        """A copy of the field; blending sets its ``item``, which sets the sample's."""

        def __setattr__(self, key: str, value: Any) -> None:
            super().__setattr__(key, value)
            if key == 'item' and '_sample' in self.__dict__:
                self._sample.set_field(value, name)

    def read(sample: Any) -> Any:
        found = Field(item=getattr(sample, name))
        found.__dict__['_sample'] = sample
        return found

    def write(sample: Any, value: Any) -> None:
        sample.set_field(value.item, name)

    def delete(sample: Any) -> None:
        delattr(sample, name)

    return property(read, write, delete)
