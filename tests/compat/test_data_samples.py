"""Samples of mmaction2 before 1.2 have the fields of 1.2, and its own names."""

import pytest
import torch
from mmaction.datasets.transforms import formatting
from mmengine.structures import BaseDataElement

from egoexo_mm.compat import data_samples


class PackActionInputs:
    """The transform of mmaction2 1.1."""

    def __init__(self, meta_keys=()):
        self.meta_keys = meta_keys

    def transform(self, results):
        return dict(inputs=results['imgs'], data_samples=BaseDataElement())


@pytest.fixture
def sample(monkeypatch):
    """An ActionDataSample of mmaction2 1.1, with the workaround."""

    class ActionDataSample(BaseDataElement):
        def set_gt_labels(self, value):
            raise NotImplementedError

    monkeypatch.setattr('mmaction.structures.ActionDataSample', ActionDataSample)
    monkeypatch.setattr(formatting, 'PackActionInputs', PackActionInputs)
    assert data_samples.apply().active
    assert not data_samples.apply().active
    return ActionDataSample()


def test_the_installed_mmaction2_is_left_alone():
    import mmaction
    from mmaction.structures import ActionDataSample

    assert not data_samples.apply().active
    if int(mmaction.__version__.split('.')[1]) >= 2:
        assert ActionDataSample.set_gt_label.__module__ == 'mmaction.structures.action_data_sample'


def test_a_label_has_both_names(sample):
    sample.set_gt_labels(3)
    assert sample.gt_label.tolist() == sample.gt_labels.item.tolist() == [3]
    assert sample.get('gt_label').dtype == torch.int64
    assert sample.to_dict()['gt_labels']['item'].tolist() == [3]
    sample.set_gt_label([1, 4])
    assert sample.to_dict()['gt_label'].tolist() == [1, 4]
    sample.set_gt_label(torch.tensor([0.0, 0.5]))  # a soft label keeps its type
    assert sample.gt_label.tolist() == [0.0, 0.5]


def test_a_score_has_both_names(sample):
    sample.set_pred_score(torch.tensor([0.25, 0.75])).set_pred_label(torch.tensor(1))
    found = sample.to_dict()
    assert found['pred_score'].tolist() == found['pred_scores']['item'].tolist() == [0.25, 0.75]
    assert found['pred_label'].tolist() == found['pred_labels']['item'].tolist() == [1]
    assert sample.num_classes == 2 and 'gt_labels' not in found
    with pytest.raises(AssertionError, match=r'expected 2 scores \(num_classes\), got 3'):
        sample.set_pred_score([1.0, 2.0, 3.0])


def test_scores_of_two_parts(sample):
    sample.set_pred_score(dict(verb=[0.5, 0.5], noun=torch.ones(3)))
    assert sample.pred_score['verb'].tolist() == [0.5, 0.5]
    assert sample.pred_scores.item['noun'].tolist() == [1.0, 1.0, 1.0]


def test_the_former_names_can_be_set_and_removed(sample):
    sample.set_gt_label(1)
    labels = sample.gt_labels
    labels.item = labels.item + 1
    sample.gt_labels = labels
    assert sample.gt_label.tolist() == [2]
    del sample.gt_labels
    assert 'gt_label' not in sample


def test_blending_sets_the_item_in_place(sample):
    """As MixupBlending of mmaction2 1.0 and 1.1 does."""
    sample.set_gt_label(1)
    sample.gt_labels.item = torch.tensor([0.75, 0.25])
    assert sample.gt_label.tolist() == sample.gt_labels.item.tolist() == [0.75, 0.25]
    copied = sample.clone()
    copied.gt_labels.item = torch.tensor([0.5, 0.5])
    assert sample.gt_label.tolist() == [0.75, 0.25] and copied.gt_label.tolist() == [0.5, 0.5]


def test_the_kind_of_a_dict_of_scores_stays(sample):
    class Scores(dict):
        pass

    assert type(sample.set_pred_score(Scores(verb=[1.0])).pred_score) is Scores


def test_fields_are_packed(sample):
    transform = formatting.PackActionInputs(
        meta_keys=('a',), algorithm_keys=('ego_score', 'absent')
    )
    found = transform.transform(dict(imgs=1, ego_score=0.5))
    assert found['inputs'] == 1 and transform.meta_keys == ('a',)
    assert found['data_samples'].ego_score == 0.5
    assert found['data_samples'].keys() == ['ego_score']
